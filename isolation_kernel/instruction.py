"""The instruction at which a guest has exited: the room without authority says what it asks for, and here it is done, with its guest's own
registers, memory and rights.
"""

from contracts.architecture import Exc
from isolation_kernel.linear import GuestFault, probe_write, read_linear, segment_linear, write_linear
from isolation_kernel.partition import Partition
from isolation_kernel.pci import configure
from virtual_pc.requests import Access, Configure, Doing, Fetch, Get, Memory, Print, Put, Request
from virtual_pc.segments import BIG

__all__ = ["big_code", "carry_out"]

_LONGEST = 15  # bytes of an instruction
_STEPS = 40  # more than any instruction takes
_REGISTERS, _SIZES, _OFFSET = 8, 7, 0xFFFF_FFFF


def big_code(partition: Partition) -> bool:
    """Whether the guest's code is 32-bit code."""
    return bool(partition.vcpu.get("CS_ATTRIB") & BIG)


def _memory(partition: Partition, asked: Memory) -> int:
    size, access = asked.size & _SIZES, asked.access
    linear = segment_linear(partition, asked.segment.name, asked.offset & _OFFSET, size, access is not Access.LOAD)
    if access is Access.LOAD:
        return int.from_bytes(read_linear(partition, linear, size), "little")
    if access is Access.PROBE:
        probe_write(partition, linear, size)
    else:
        write_linear(partition, linear, (asked.value & (1 << 8 * size) - 1).to_bytes(size, "little"))
    return 0


def carry_out(partition: Partition, work: Doing) -> Request | None:
    """What it comes to, None if the room has failed; GuestFault if it faults."""
    vcpu, pc, at, left = partition.vcpu, partition.pc, partition.vcpu.get("CS_BASE") + partition.vcpu.get("RIP"), _LONGEST
    asked = pc.ask(work.__next__)
    for _ in range(_STEPS):
        reply = 0
        match asked:
            case Fetch(size):
                if not 0 < size <= left:
                    raise GuestFault(Exc.GP, 0)
                reply = int.from_bytes(read_linear(partition, at, size, touch=False), "little")
                at, left = at + size, left - size
            case Get(register):
                reply = vcpu.register(register % _REGISTERS)
            case Put(register, value, size):
                vcpu.set_register(register % _REGISTERS, value, min(size & _SIZES, 4))
            case Memory():
                reply = _memory(partition, asked)
            case Configure():
                reply = configure(partition, asked)
            case Print(byte):
                partition.say(bytes([byte & 0xFF]))
            case Exc():
                raise GuestFault(asked, 0 if asked is Exc.GP else None)
            case _:
                return asked
        asked = pc.ask(work.send, reply)
    return None
