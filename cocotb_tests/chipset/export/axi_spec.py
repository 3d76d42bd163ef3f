"""The words of AXI4 about bursts, written from Arm's specification (IHI 0022, A3.4.1) and without looking at the guard, for its proof."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data

from chipset.export.axi_bus import Burst

__all__ = ["PAGE_LSB", "WORD_LSB", "beat_address", "is_sound", "lies_in_page"]

PAGE_LSB = 12
WORD_LSB = 2
SIZES = range(WORD_LSB + 1)  # AxSIZE on a bus of 32 bits
WRAP_BEATS = (2, 4, 8, 16)
FIXED_BEATS = 16
BITS = 34  # of an address and what is added to it: more than any sum needs


def is_sound(request: data.View) -> Value:
    """1 for a burst of which the specification says what it is."""
    beats = Cat(request.len, Const(0, 1)) + 1
    known = Const(0)
    aligned = Const(0)
    for size in SIZES:
        known = known | (request.size == size)
        aligned = aligned | ((request.size == size) & ((request.addr & ((1 << size) - 1)) == 0))
    wraps = Const(0)
    for number in WRAP_BEATS:
        wraps = wraps | (beats == number)
    return known & (
        (request.burst == Burst.INCR)
        | ((request.burst == Burst.FIXED) & (beats <= FIXED_BEATS))
        | ((request.burst == Burst.WRAP) & wraps & aligned)
    )


def beat_address(m: Module, request: data.View, number: Value, name: str) -> Signal:
    """The first byte of the beat of that number (from 0) in a sound burst: Address_N of the specification, with N one more."""
    address = Signal(BITS, name=f"{name}_address")
    start = request.addr
    m.d.comb += address.eq(start)
    with m.If((number != 0) & (request.burst != Burst.FIXED)):
        with m.Switch(request.size):
            for size in SIZES:
                with m.Case(size):
                    m.d.comb += address.eq(_nth(request, number, size))
    return address


def _nth(request: data.View, number: Value, size: int) -> Value:
    in_beat = 1 << size
    aligned = Cat(Const(0, size), request.addr[size:]) if size else request.addr
    risen = aligned + number * in_beat
    wrapped: Value = risen
    for beats in WRAP_BEATS:
        around = beats * in_beat
        bits = around.bit_length() - 1
        lowest = Cat(Const(0, bits), request.addr[bits:])
        wrapped = Mux(request.len == beats - 1, Mux(risen >= lowest + around, risen - around, risen), wrapped)
    return Mux(request.burst == Burst.WRAP, wrapped, risen)[:BITS]


def lies_in_page(m: Module, request: data.View, number: Value, name: str) -> Value:
    """1 where all bytes of that beat lie in the page of the burst's address."""
    address = beat_address(m, request, number, name)
    last = Signal(BITS, name=f"{name}_last_byte")
    with m.Switch(request.size):
        for size in SIZES:
            with m.Case(size):
                m.d.comb += last.eq(address | ((1 << size) - 1))
    page = request.addr[PAGE_LSB:]
    return (address[PAGE_LSB:] == page) & (last[PAGE_LSB:] == page)
