"""Reads a line of memory by a burst and watches whether it is written meanwhile."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import BURST_WORDS, BusSignature, Space
from rtl.memory.line_cache import LINE_BITS, LINE_BYTES, LINE_WIDTH

__all__ = ["LineFill"]

_WORD = 32


class LineFill(wiring.Component):
    """One line at a time.

    Members
    -------
    start : In(1) for one cycle, with ``line`` In(28) and ``ring_minus_1`` In(1)
    done : Out(1) for one cycle, with ``data`` Out(128); ``current`` Out(28): the line that is, or was, being read
    stale : Out(1), with ``done``: the line was written after the start; ``failed`` Out(1): the bus reported an error. Not to be kept
    invalidate : In(1), ``invalidate_line`` In(28): lines being written
    bus : Out(BusSignature)
    """

    start: In(1)
    line: In(LINE_WIDTH)
    ring_minus_1: In(1)
    done: Out(1)
    data: Out(8 * LINE_BYTES)
    current: Out(LINE_WIDTH)
    stale: Out(1)
    failed: Out(1)
    invalidate: In(1)
    invalidate_line: In(LINE_WIDTH)
    bus: Out(BusSignature())

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = Signal(8 * LINE_BYTES)
        beat = Signal(range(BURST_WORDS))
        waiting = Signal()
        authority = Signal()
        spoilt = Signal()
        written = self.invalidate & (self.invalidate_line == self.current)
        m.d.comb += [
            self.data.eq(words),
            self.stale.eq(spoilt | written),
            self.bus.req_valid.eq(waiting),
            self.bus.req.address.eq(Cat(Const(0, LINE_BITS), self.current)),
            self.bus.req.space.eq(Space.MEMORY),
            self.bus.req.mask.eq(~0),
            self.bus.req.burst.eq(1),
            self.bus.req.last.eq(1),
            self.bus.req.authority.eq(authority),
        ]
        m.d.sync += self.done.eq(self.bus.rsp_valid & self.bus.rsp.last)
        with m.If(self.start):
            m.d.sync += [waiting.eq(1), self.current.eq(self.line), authority.eq(self.ring_minus_1), beat.eq(0)]
            m.d.sync += [spoilt.eq(0), self.failed.eq(0)]
        with m.Else():
            with m.If(self.bus.req_ready):
                m.d.sync += waiting.eq(0)
            with m.If(self.bus.rsp_valid):
                m.d.sync += [words.word_select(beat, _WORD).eq(self.bus.rsp.data), beat.eq(beat + 1)]
            with m.If(written):
                m.d.sync += spoilt.eq(1)
            with m.If(self.bus.rsp_valid & self.bus.rsp.error):
                m.d.sync += self.failed.eq(1)
        return m
