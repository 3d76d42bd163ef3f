"""What a burst touches: pure functions of the channels AR and AW."""

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import data

from chipset.export.axi_bus import DATA_WIDTH, Burst

__all__ = ["PAGE_LSB", "is_legal", "next_address"]

PAGE_LSB = 12  # no burst crosses a boundary of 4 KiB
_SHORT = 4  # bits of ``len`` where a burst may have up to 16 beats: types WRAP and FIXED
_LANE_BITS = (DATA_WIDTH // 8).bit_length() - 1  # of an address; also the largest ``size``
_SPREAD_BITS = 8 + _LANE_BITS  # of the distance from the first beat to the last one


def _in_beat(size: Value) -> Value:
    """The address bits within a beat of 2 ** ``size`` bytes."""
    ones = Const((1 << _LANE_BITS) - 1, _LANE_BITS)
    return ~(ones << size[:2])[:_LANE_BITS]


def is_legal(m: Module, request: data.View, name: str) -> Signal:
    """1 for a burst that AXI4 allows on this bus: of a known type, no wider than the bus, within 4 KiB, of a length that its type may have,
    aligned if it wraps. ``name`` is for signals.

    What is not legal means different addresses to different memories, so nobody can say what it would touch.
    """
    end = Signal(PAGE_LSB + 1, name=f"{name}_end")  # first byte of the last beat, if addresses rise
    fits = Signal(name=f"{name}_fits")
    legal = Signal(name=f"{name}_legal")
    first, length = request.addr[:PAGE_LSB], request.len
    short = ~length[_SHORT:].any()
    power_of_two = length[0] & (length[1] | ~length[2]) & (length[2] | ~length[3])  # 2, 4, 8 or 16 beats, of the short ones
    m.d.comb += [
        end.eq(Cat(first[:_LANE_BITS] & ~_in_beat(request.size), first[_LANE_BITS:]) + (length << request.size[:2])[:_SPREAD_BITS]),
        fits.eq(request.size <= _LANE_BITS),
    ]
    with m.Switch(request.burst):
        with m.Case(Burst.INCR):
            m.d.comb += legal.eq(fits & ~end[-1])
        with m.Case(Burst.WRAP):
            m.d.comb += legal.eq(fits & short & power_of_two & ~(first[:_LANE_BITS] & _in_beat(request.size)).any())
        with m.Case(Burst.FIXED):
            m.d.comb += legal.eq(fits & short)
    return legal


def next_address(m: Module, address: Signal, size: Value, burst: Value, length: Value) -> Signal:
    """Bits 11:0 of the address after ``address`` (the same bits) in a legal burst."""
    in_beat = _in_beat(size)
    risen, moves, after = Signal(PAGE_LSB), Signal(PAGE_LSB), Signal(PAGE_LSB)
    m.d.comb += [
        risen.eq(Cat(address[:_LANE_BITS] | in_beat, address[_LANE_BITS:]) + 1),
        moves.eq((length[:_SHORT] << size[:2]) | in_beat),  # the address bits within what it wraps in
    ]
    with m.Switch(burst):
        with m.Case(Burst.FIXED):
            m.d.comb += after.eq(address)
        with m.Case(Burst.WRAP):
            m.d.comb += after.eq((address & ~moves) | (risen & moves))
        with m.Default():
            m.d.comb += after.eq(risen)
    return after
