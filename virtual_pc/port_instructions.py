"""IN, OUT, INS and OUTS; of a string instruction one element."""

from collections.abc import Generator

from contracts.architecture import Gpr
from contracts.io_exit import IoExit
from contracts.memory_map import Port
from virtual_pc.decode import Segment
from virtual_pc.ports import VirtualPc
from virtual_pc.requests import Access, Doing, Done, Effect, Get, Memory, Print, Put, Request

__all__ = ["port_instruction"]

_CONFIG_ADDRESS = (Port.PCI_ADDRESS, 4)  # as a dword; its bytes are other devices' ports
_PCI_PORTS = range(Port.PCI_DATA, Port.PCI_DATA + 4)


def _read(pc: VirtualPc, info: IoExit, now: int) -> Generator[Request, int, int]:
    """Byte by byte."""
    if (info.port, info.size) == _CONFIG_ADDRESS:
        return pc.pci.address
    value = 0
    for n in range(info.size):
        port = info.port + n & 0xFFFF
        byte = (yield from pc.pci.read(port - Port.PCI_DATA)) if port in _PCI_PORTS else pc.read(port, now)
        value |= byte << 8 * n
    return value


def _write(pc: VirtualPc, info: IoExit, value: int, now: int) -> Generator[Request, int, tuple[Effect, int]]:
    """Write byte by byte; the strongest effect that one of them asks for, and the byte that the exit port gets."""
    effect, status = Effect.NONE, 0
    if (info.port, info.size) == _CONFIG_ADDRESS:
        pc.pci.select(value)
        return effect, status
    for n in range(info.size):
        port, byte = info.port + n & 0xFFFF, value >> 8 * n & 0xFF
        if port in _PCI_PORTS:
            yield from pc.pci.write(port - Port.PCI_DATA, byte)
        elif (asked := pc.write(port, byte, now)) is Effect.PRINT:
            yield Print(byte)
        else:
            effect, status = max(effect, asked), byte if asked is Effect.EXIT else status
    return effect, status


def port_instruction(pc: VirtualPc, info: IoExit, down: bool, now: int) -> Doing:
    """``down``: EFLAGS.DF; ``now``: the processor's time stamp counter."""
    effect = Effect.NONE, 0
    if not info.string:
        if info.is_in:
            yield Put(Gpr.EAX, (yield from _read(pc, info, now)), info.size)
        else:
            effect = yield from _write(pc, info, (yield Get(Gpr.EAX)), now)
        yield Done(True, *effect)
        return
    width = 4 if info.wide_address else 2
    mask = (1 << 8 * width) - 1
    left = (yield Get(Gpr.ECX)) & mask if info.repeat else 1
    if left:
        index, segment = (Gpr.EDI, Segment.ES) if info.is_in else (Gpr.ESI, Segment[info.segment])
        offset = (yield Get(index)) & mask
        if info.is_in:
            yield Memory(Access.PROBE, segment, offset, info.size)  # a device's byte is not taken in vain
            yield Memory(Access.STORE, segment, offset, info.size, (yield from _read(pc, info, now)))
        else:
            effect = yield from _write(pc, info, (yield Memory(Access.LOAD, segment, offset, info.size)), now)
        yield Put(index, offset + (-info.size if down else info.size), width)
        left -= 1
        if info.repeat:
            yield Put(Gpr.ECX, left, width)
    yield Done(not left, *effect)
