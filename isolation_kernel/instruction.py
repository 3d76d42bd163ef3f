"""The instruction at which a guest has exited, where the exit does not say: read byte by byte, decoded without authority, checked here."""

from dataclasses import dataclass

from contracts.architecture import Exc
from isolation_kernel.linear import GuestFault, read_linear, segment_linear
from isolation_kernel.partition import Partition
from virtual_pc.decode import Instruction, Operation, decode
from virtual_pc.segments import BIG

__all__ = ["Intercepted", "intercepted"]

_LONGEST = 15
_WORD = 2  # bytes of LMSW's and SMSW's memory operand
_REGISTERS = 8


@dataclass(frozen=True)
class Intercepted:
    """``register`` or ``linear`` is its operand; ``size`` that of a register operand in bytes. A memory operand lies in its segment."""

    operation: Operation
    register: int | None = None
    linear: int = 0
    size: int = 4


def _read(partition: Partition) -> Instruction:
    """GuestFault with #UD if it is none of those known (the guest has changed it meanwhile)."""
    vcpu, pc, left = partition.vcpu, partition.pc, _LONGEST
    at, decoding = vcpu.get("CS_BASE") + vcpu.get("RIP") & 0xFFFF_FFFF, decode(bool(vcpu.get("CS_ATTRIB") & BIG))
    answer = pc.ask(decoding.__next__)
    while isinstance(answer, int):
        left -= answer
        if answer <= 0 or left < 0:
            raise GuestFault(Exc.GP, 0)
        data = read_linear(partition, at, answer, touch=False)
        at, answer = at + answer, pc.ask(decoding.send, int.from_bytes(data, "little"))
    if answer is None:
        raise GuestFault(Exc.UD)
    return answer


def intercepted(partition: Partition) -> Intercepted:
    """The instruction, and where its operand lies; GuestFault if its segment does not hold it."""
    found, vcpu = _read(partition), partition.vcpu
    if found.register is not None or found.operation is Operation.CLTS:
        return Intercepted(found.operation, found.register and found.register % _REGISTERS, size=4 if found.wide else 2)
    index = 0 if found.index is None else vcpu.register(found.index % _REGISTERS) << (found.scale & 3)
    base = 0 if found.base is None else vcpu.register(found.base % _REGISTERS)
    offset = base + index + found.displacement & (0xFFFF_FFFF if found.wide_address else 0xFFFF)
    if found.operation is Operation.INVLPG:  # asks no segment's leave
        return Intercepted(found.operation, linear=vcpu.get(f"{found.segment.name}_BASE") + offset & 0xFFFF_FFFF)
    write = found.operation is Operation.SMSW
    return Intercepted(found.operation, linear=segment_linear(partition, found.segment.name, offset, _WORD, write))
