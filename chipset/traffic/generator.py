"""A DMA master that does nothing but ask: accesses of 64 bytes, one after another or at random places, as fast as it is let."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import BURST_WORDS, BusSignature

__all__ = ["ACCESS_BYTES", "COUNT_WIDTH", "RANDOM_WIDTHS", "Direction", "Plan", "TrafficGenerator", "next_random", "seed_of"]

ACCESS_BYTES = 64
COUNT_WIDTH = 24  # of a number of accesses
_WORD_LSB, _LINE_LSB = 2, 4  # of an address
_OUTSTANDING_BITS = 6  # more lines than any path to memory keeps under way

# Shifts (left, right, left) of a full period: Marsaglia's for 32 bits, and a triple for 16.
_SHIFTS = {16: (7, 9, 8), 32: (13, 17, 5)}
RANDOM_WIDTHS = tuple(_SHIFTS)
_SEED_STEP = 0x9E37_79B9  # the golden ratio, as in many hash functions


class Direction(enum.Enum, shape=2):
    """What a generator's accesses are."""

    READ = 0
    WRITE = 1
    COPY = 2  # a read, then a write at the same offset of the target
    EITHER = 3  # by a random bit


class Plan(data.Struct):
    """What a generator does: its reads lie in the area at ``source``, its writes in the one at ``target``.

    An area has ``1 << bits`` bytes (``bits`` 6 to 30) and begins at a multiple of its size; accesses that come one after another begin
    again at its end.
    """

    source: 32
    target: 32
    bits: 5
    random: 1
    direction: Direction


def seed_of(number: int, width: int) -> int:
    """Where the random numbers of generator ``number`` begin; not 0."""
    return (number + 1) * _SEED_STEP % ((1 << width) - 1) or 1


def next_random(word: Any, width: int) -> Any:
    """The xorshift step, of an ``amaranth`` value or of an integer below ``1 << width``, which stays below it."""
    left, right, again = _SHIFTS[width]
    mask = (1 << width) - 1
    word = word ^ (word << left & mask)
    word = word ^ word >> right
    return word ^ (word << again & mask)


class TrafficGenerator(wiring.Component):
    """Asks for the lines (bursts) of an access in rising order, then for the next access, without waiting for answers. What it writes is
    each word's own address.

    Parameters
    ----------
    number : seeds its random numbers
    random_width : bits of a random number, one of ``RANDOM_WIDTHS``; the number of accesses in an area and one bit more must fit

    Members
    -------
    bus : Out(BusSignature)
    plan : In(Plan), constant from ``start`` until ``done``
    start : In(1), with accesses In(24): begin so many. The random numbers go on where they were
    done : Out(1), all accesses have been answered
    """

    def __init__(self, number: int, *, random_width: int = 32) -> None:
        self._seed = seed_of(number, random_width)
        self._random_width = random_width
        super().__init__({
            "bus": Out(BusSignature()), "plan": In(Plan), "start": In(1), "accesses": In(COUNT_WIDTH), "done": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        plan, bus, request = self.plan, self.bus, self.bus.req
        left = Signal(COUNT_WIDTH)  # accesses to begin, the one that is being asked for among them
        position = Signal(COUNT_WIDTH)  # of the next one, where they come one after another
        copies = Signal()  # a copy's read is done, its write comes
        line = Signal(range(ACCESS_BYTES >> _LINE_LSB))
        beat = Signal(range(BURST_WORDS))
        random = Signal(self._random_width, init=self._seed)
        outstanding = Signal(_OUTSTANDING_BITS)
        write = Signal()
        with m.Switch(plan.direction):
            with m.Case(Direction.READ):
                m.d.comb += write.eq(0)
            with m.Case(Direction.WRITE):
                m.d.comb += write.eq(1)
            with m.Case(Direction.COPY):
                m.d.comb += write.eq(copies)
            with m.Case(Direction.EITHER):
                m.d.comb += write.eq(random[-1])

        area = Mux(write, plan.target, plan.source)
        inside = Signal(32)  # address bits that lie within the area
        m.d.comb += [
            inside.eq((1 << plan.bits) - 1),
            bus.req_valid.eq(left != 0),
            request.address.eq(area | (Cat(Const(0, _LINE_LSB), line, Mux(plan.random, random[:-1], position)) & inside)),
            request.write.eq(write), request.mask.eq(-1), request.burst.eq(1),
            request.last.eq(~write | (beat == BURST_WORDS - 1)),
            request.data.eq(Cat(Const(0, _WORD_LSB), beat, request.address[_LINE_LSB:])),
            self.done.eq((left == 0) & (outstanding == 0)),
        ]  # fmt: skip

        taken, line_taken, answered = Signal(), Signal(), Signal()
        m.d.comb += [
            taken.eq(bus.req_valid & bus.req_ready), line_taken.eq(taken & request.last),
            answered.eq(bus.rsp_valid & bus.rsp.last),
        ]  # fmt: skip
        m.d.sync += outstanding.eq(outstanding + line_taken - answered)
        with m.If(taken & write):
            m.d.sync += beat.eq(beat + 1)
        with m.If(line_taken):
            m.d.sync += line.eq(line + 1)
            with m.If(line.all()):
                m.d.sync += [left.eq(left - 1), random.eq(next_random(random, self._random_width)), copies.eq(~copies)]
                with m.If((plan.direction != Direction.COPY) | copies):
                    m.d.sync += position.eq(position + 1)
        with m.If(self.start):
            m.d.sync += [left.eq(self.accesses), position.eq(0), copies.eq(0)]
        return m
