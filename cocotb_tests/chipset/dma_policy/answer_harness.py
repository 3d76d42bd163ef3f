"""Every DMA request comes to memory, allowed or refused, within a stated number of cycles if memory takes and answers within its own.

Masters that do anything at all, the merge, the guard with its cache, any policy and any changes of it. Of the masters one is watched,
any one. The proof is a *measure* (``answer_measure``): worked out from the state alone, never larger than ``bound``, and smaller in each
cycle than in the one before, as long as the watched request waits. So it waits for ``bound`` cycles at most; commits, which hold DMA up as
long as they last, are not counted.
"""

from collections.abc import Callable

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal
from amaranth.hdl._ast import AnyConst
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, connect, flipped

from chipset.dma_policy.guard import Guard
from chipset.dma_policy.policy import policy_layout
from chipset.dma_policy.word_cache import row_count
from chipset.interconnect.dma_merge import DmaMerge
from chipset.memory_controller.controller import WriteEvent
from cocotb_tests.chipset.dma_policy.answer_measure import Weights, falls, measure_of
from cocotb_tests.chipset.dma_policy.answer_sight import Patience, Sight, Until
from cocotb_tests.chipset.interconnect.merge_harness import merge_invariants
from cocotb_tests.opened import Opened
from contracts.bus import BURST_WORDS, BusRequest, BusResponse, BusSignature
from contracts.policy_map import Format
from contracts.requesters import DMA_FIRST

__all__ = ["AnswerHarness", "Bug"]

REGION_LSB = 4
MOST_DUE = 15
FULL = 14  # answers due, from which on nothing new begins
Bug = Callable[[Opened, Opened], None]  # adds an assignment to the merge, or to the checker


class AnswerHarness(wiring.Component):
    """``requesters`` masters, merge, and guard in one format with one cached word each.

    With a ``bug`` the measure alone is looked at, not the invariants.
    """

    def __init__(self, *, requesters: int, fmt: Format = Format.UNIFORM, patience: Patience | None = None, bug: Bug | None = None) -> None:
        self._requesters, self._bug = requesters, bug
        self._patience = patience or Patience()
        formats = {fmt}
        self._guard = Guard(requesters=requesters, cached_words=1, formats=formats)
        self._weights = Weights(requesters, self._patience, row_count(requesters, 1), len(self._guard.policy.maps))
        super().__init__({
            "masters": In(BusSignature()).array(requesters),
            "hold": In(1), "flush": In(1), "policy": In(policy_layout(requesters, formats)),
            "out_ready": In(1), "walk_ready": In(1), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "answered": In(1),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.merge = merge = DmaMerge(self._requesters)
        m.submodules.guard = guard = self._guard
        for n in range(self._requesters):
            connect(m, flipped(self.masters[n]), merge.masters[n])
        connect(m, merge.out, guard.requests)
        policy = Signal(self.policy.shape())
        with m.If(self.flush):
            m.d.sync += policy.eq(self.policy)
        m.d.comb += [
            merge.stalled.eq(guard.stalled), guard.policy.eq(policy), guard.hold.eq(self.hold), guard.flush.eq(self.flush),
            guard.out.ready.eq(self.out_ready), guard.walk.ready.eq(self.walk_ready), guard.walk_answer_valid.eq(self.walk_answer_valid),
            guard.walk_answer.eq(self.walk_answer), guard.written.eq(self.written), guard.answered.eq(self.answered),
            # As the registers do it: a change comes when the guard is held and empty, and what is on stays on.
            Assume(~self.flush | (self.hold & guard.drained)), Assume(self.policy.enable | ~policy.enable),
        ]  # fmt: skip
        merge_inside, guard_inside = Opened(merge), Opened(guard)
        see = Sight(merge_inside, guard_inside)
        if self._bug:
            self._bug(merge_inside, see.checker)
        until = self._memory(m, guard)
        self._burst(m, merge)

        watched = Signal(range(max(2, self._requesters)))
        m.d.comb += [watched.eq(AnyConst(len(watched))), Assume(watched < self._requesters)]
        waits = Signal()
        now = measure_of(m, see, until, self.beats_left, self._weights, watched)
        mine = merge.out.payload.requester == watched + DMA_FIRST
        taken = merge.out.valid & merge.out.ready & ~self.in_burst & mine
        m.d.comb += waits.eq(see.pending.bit_select(watched, 1))
        goes_on, before = Signal(), Signal.like(now)
        m.d.sync += [goes_on.eq(waits & ~taken & ~self.hold), before.eq(now)]
        with m.If(goes_on):
            m.d.comb += Assert(falls(before, now))
        m.d.comb += Assert(~goes_on | waits)
        if not self._bug:
            self._invariants(m, merge_inside, see, until, policy)
        return m

    @property
    def bound(self) -> int:
        """Cycles that a request waits at most for memory to take it, commits not counted."""
        return self._weights.bound

    def _memory(self, m: Module, guard: Guard) -> Until:
        """Memory keeps to its times."""
        patience, until = self._patience, Until(self._patience)
        m.d.sync += until.take.eq(Mux(self.out_ready, patience.take - 1, until.take - 1))
        m.d.comb += Assume(self.out_ready | (until.take != 0))
        asks = guard.walk.valid
        m.d.sync += until.walk.eq(Mux(asks & ~self.walk_ready, until.walk - 1, patience.take - 1))
        m.d.comb += Assume(~asks | self.walk_ready | (until.walk != 0))
        self.reading = Signal()
        with m.If(asks & self.walk_ready):
            m.d.sync += [self.reading.eq(1), until.answer.eq(patience.answer - 1)]
        with m.Elif(self.reading):
            m.d.sync += until.answer.eq(until.answer - 1)
            with m.If(self.walk_answer_valid):
                m.d.sync += self.reading.eq(0)
        m.d.comb += [Assume(~self.walk_answer_valid | self.reading), Assume(~(self.reading & (until.answer == 0)) | self.walk_answer_valid)]
        # A request is taken in a cycle at most, so that with answers in time fewer are due than the guard can count.
        self.due = Signal(range(MOST_DUE + 1))
        request = guard.out.payload.request
        taken = guard.out.valid & self.out_ready
        m.d.sync += self.due.eq(self.due + (taken & (~request.write | request.last)) - self.answered)
        m.d.comb += [Assume(~self.answered | (self.due != 0)), Assume(self.due < FULL)]
        return until

    def _burst(self, m: Module, merge: DmaMerge) -> None:
        """The burst write under way: its first beat, and how many have gone."""
        request = merge.out.payload
        taken = merge.out.valid & merge.out.ready
        self.in_burst, self.first, self.beats = Signal(), Signal(BusRequest), Signal(range(BURST_WORDS))
        with m.If(taken):
            m.d.sync += [
                self.in_burst.eq(request.write & ~request.last), self.beats.eq(Mux(request.write & ~request.last, self.beats + 1, 0)),
            ]  # fmt: skip
            with m.If(~self.in_burst):
                m.d.sync += self.first.eq(request)
        self.beats_left = Signal(range(BURST_WORDS))
        m.d.comb += self.beats_left.eq(Mux(self.in_burst, BURST_WORDS - self.beats, 0))

    def _invariants(self, m: Module, merge: Opened, see: Sight, until: Until, policy: data.View) -> None:
        """What the measure relies on."""
        patience, guard, checker, walker = self._patience, see.guard, see.checker, see.walker
        component = walker.component
        access, decided = component.access, component.decided
        merge_invariants(m, merge, see.ports, self.in_burst, self.first, self.beats)
        m.d.comb += [
            Assert(~self.in_burst | (merge["owner"] == (1 << merge["last"])[: self._requesters])),
            Assert(guard["inside"] == self.in_burst), Assert(guard["outstanding"] + (guard["left"] & guard["final"]) == self.due),
            Assert(until.take < patience.take), Assert(until.walk < patience.take),
            Assert(~self.reading | (until.answer < patience.answer)),
            Assert(self.reading == see.in_state["WAIT"]), Assert(Cat(see.in_state.values()).any()),
            Assert(~see.begins | (~walker["around"] & (walker["number"] == 0))),
            Assert(~see.in_state["COMPARE"] | (walker["number"] < see.maps)),
            Assert(~(see.in_state["READ"] | see.in_state["WAIT"]) | (see.step == 0)),
            Assert(~decided | (see.in_state["FILL"] & (see.step != 0)) | see.in_state["DECIDED"]),
            Assert(see.in_state["IDLE"] | (policy.enable & (access.requester < self._requesters))),
            Assert(~(checker["asked"] | checker["waiting"].any()) | policy.enable),
            Assert(~checker["asked"] | (checker["who"] < self._requesters)), Assert(~(checker["open_to"] & checker["served"])),
        ]  # fmt: skip
        # Who waits has a request, until it has left. What the walker serves is the request of one who waits; and that is known in the end.
        for n in range(self._requesters):
            m.d.comb += Assert(~checker["waiting"][n] | see.pending[n] | see.done(n))
        asker = see.request_of(m, checker["who"])
        m.d.comb += [
            Assert(~checker["unknown"] | asker.pending),
            Assert(~(checker["unknown"] & checker["open_to"]) | (asker.same & see.in_state["IDLE"] & (access.requester == checker["who"]))),
        ]
        owner = see.request_of(m, access.requester)
        m.d.comb += [
            Assert(~see.walking | (owner.pending & owner.same & owner.waiting)),
            Assert(~see.serving | (owner.pending & owner.same & owner.waiting)),
        ]
        regions = see.cache.module.submodules.regions.read_port(domain="comb")
        m.d.comb += regions.addr.eq(see.cache.component._place(access))
        with m.If(see.serving):
            m.d.comb += Assert(regions.data == access.page[REGION_LSB:])
