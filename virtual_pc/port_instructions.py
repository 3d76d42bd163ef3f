"""IN, OUT, INS and OUTS; of a string instruction one element."""

from contracts.architecture import Gpr
from contracts.io_exit import IoExit
from virtual_pc.decode import Segment
from virtual_pc.requests import Access, Doing, Done, Get, Memory, Port, Put

__all__ = ["port_instruction"]


def port_instruction(info: IoExit, down: bool) -> Doing:
    """``down``: EFLAGS.DF."""
    if not info.string:
        if info.is_in:
            yield Put(Gpr.EAX, (yield Port()), info.size)
        else:
            yield Port((yield Get(Gpr.EAX)) & (1 << 8 * info.size) - 1)
        yield Done()
        return
    width = 4 if info.wide_address else 2
    mask = (1 << 8 * width) - 1
    left = (yield Get(Gpr.ECX)) & mask if info.repeat else 1
    if left:
        index, segment = (Gpr.EDI, Segment.ES) if info.is_in else (Gpr.ESI, Segment[info.segment])
        offset = (yield Get(index)) & mask
        if info.is_in:
            yield Memory(Access.PROBE, segment, offset, info.size)  # a device's byte is not taken in vain
            yield Memory(Access.STORE, segment, offset, info.size, (yield Port()))
        else:
            yield Port((yield Memory(Access.LOAD, segment, offset, info.size)))
        yield Put(index, offset + (-info.size if down else info.size), width)
        left -= 1
        if info.repeat:
            yield Put(Gpr.ECX, left, width)
    yield Done(over=not left)
