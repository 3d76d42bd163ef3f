"""What the guard's proof assumes of the DMA masters' way to it, as promises to be proved. Nothing is assumed of the masters."""

from collections.abc import Callable

from amaranth.hdl import Assert, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from chipset.interconnect.dma_merge import DmaMerge
from cocotb_tests.opened import Opened
from contracts.bus import BURST_WORDS, Authority, BusRequest, BusSignature, Space
from contracts.requesters import DMA_FIRST

__all__ = ["Bug", "MergeHarness", "merge_invariants"]

LINE_LSB = 4
Bug = Callable[[Opened, list[Opened]], None]  # adds an assignment to the merge, or to a port


class MergeHarness(wiring.Component):
    """``masters`` DMA masters that may do anything on their wires; with a ``bug``, only the promises are looked at, not the invariants."""

    def __init__(self, *, masters: int, bug: Bug | None = None) -> None:
        self._masters, self._bug = masters, bug
        super().__init__({"masters": In(BusSignature()).array(masters), "stalled": In(masters), "ready": In(1)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.merge = merge = DmaMerge(self._masters)
        for n in range(self._masters):
            connect(m, flipped(self.masters[n]), merge.masters[n])
        m.d.comb += [merge.stalled.eq(self.stalled), merge.out.ready.eq(self.ready)]
        inside = Opened(merge)
        ports = [inside.open(f"port{n}") for n in range(self._masters)]
        if self._bug:
            self._bug(inside, ports)

        request, valid = merge.out.payload, merge.out.valid
        taken = valid & self.ready
        first = Signal(BusRequest)
        in_burst = Signal()
        with m.If(taken):
            m.d.sync += in_burst.eq(request.write & ~request.last)
            with m.If(~in_burst):
                m.d.sync += first.eq(request)
        number = request.requester - DMA_FIRST
        m.d.comb += [
            Assert(~valid | ((request.requester >= DMA_FIRST) & (number < self._masters))),
            Assert(~valid | ((request.authority == Authority.GUEST) & (request.space == Space.MEMORY) & ~request.lock)),
            Assert(~(valid & in_burst) | ((request.requester == first.requester) & request.write)),
            Assert(~(valid & in_burst) | (request.address[LINE_LSB:] == first.address[LINE_LSB:])),
            Assert(~(valid & ~in_burst & request.burst) | (request.address[:LINE_LSB] == 0)),
        ]
        # A burst, once begun, offers a beat in every cycle, at most BURST_WORDS in all: no master holds memory by not ending it.
        beats = Signal(range(BURST_WORDS))  # of the burst, that have gone
        with m.If(taken):
            m.d.sync += beats.eq(Mux(request.write & ~request.last, beats + 1, 0))
        m.d.comb += [Assert(~in_burst | valid), Assert(~(valid & (beats == BURST_WORDS - 1)) | request.last)]
        # Who is passed over does not come through, except to end its burst.
        for n in range(self._masters):
            m.d.comb += Assert(~(valid & self.stalled[n] & (number == n)) | in_burst)
        if not self._bug:
            merge_invariants(m, inside, ports, in_burst, first, beats)
        return m


def merge_invariants(m: Module, inside: Opened, ports: list[Opened], in_burst: Signal, first: Signal, beats: Signal) -> None:
    """What the merge's registers say of the burst under way and of what waits at its ports; asserted in ``m``."""
    held, owner = inside["held"], inside["owner"]
    m.d.comb += [
        Assert(held == in_burst),
        Assert((beats != 0) == in_burst),
        Assert(~in_burst | (first.write & (owner == 1 << (first.requester - DMA_FIRST)[:4]))),
    ]
    m.d.comb += Assert(~in_burst | ((first.requester >= DMA_FIRST) & (first.requester < DMA_FIRST + len(ports))))
    for n, port in enumerate(ports):
        out, mid = port.component.out, port["inside"]
        request = out.payload
        begins = Signal(name=f"begins{n}")  # what is held is a first beat
        with m.If(port["taken"]):
            m.d.sync += begins.eq(~mid)
        begun = in_burst & owner[n]
        m.d.comb += [
            Assert(~out.valid | ((request.requester == DMA_FIRST + n) & (request.authority == Authority.GUEST))),
            Assert(~out.valid | ((request.space == Space.MEMORY) & ~request.lock)),
            Assert(~out.valid | (mid == (request.write & ~request.last))),
            Assert(begun == ((out.valid & ~begins) | (~out.valid & mid))),
            Assert(~mid | (request.write & (request.requester == DMA_FIRST + n))),
            Assert(~mid | ((request.authority == Authority.GUEST) & (request.space == Space.MEMORY) & ~request.lock)),
            Assert(~begun | (request.write & (request.address[LINE_LSB:] == first.address[LINE_LSB:]))),
            Assert(~(out.valid & begins & request.burst) | (request.address[:LINE_LSB] == 0)),
            # What is held of a burst is its beat number ``beats``, at that word of its line; whatever is to be followed is a burst.
            Assert(~mid | out.valid),
            Assert(~(mid & begins) | (request.burst & (request.address[2:LINE_LSB] == 0))),
            Assert(~(out.valid & ~begins) | (request.address[2:LINE_LSB] == beats)),
            Assert(~(mid & ~begins) | (request.address[2:LINE_LSB] != BURST_WORDS - 1)),
        ]
