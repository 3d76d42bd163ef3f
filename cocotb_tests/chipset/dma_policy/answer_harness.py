"""Every DMA request comes to memory, allowed or refused, within a stated number of cycles if memory takes and answers within its own.

Masters that do anything at all, the merge, the guard with its cache, any policy and any changes of it. Of the masters one is watched,
any one. The proof is a *measure*: a number that is worked out from the state alone, is never larger than ``bound``, and is smaller in each
cycle than in the one before, as long as the watched request waits. So it waits for ``bound`` cycles at most; commits, which hold DMA up as
long as they last, are not counted.

What the measure is made of, from the inside out. Each part is smaller than one unit of the part around it:

- cycles until memory takes a beat;
- beats of a burst that are to come;
- masters that come before, in the order of the merge, and have not been declined;
- the place in that order: who comes before is served once, and then comes after;
- for a request that has been declined: what the walker has still to do for the one that it serves, and how many places the pointer has
  still to go to the watched one. The one at which it stands is waited for until it is served.
"""

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.hdl import Array, Assert, Assume, Cat, Const, Module, Mux, Signal, Value
from amaranth.hdl._ast import AnyConst
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, connect, flipped

from chipset.dma_policy.guard import Guard
from chipset.dma_policy.policy import policy_layout
from chipset.dma_policy.word_cache import row_count
from chipset.interconnect.dma_merge import DmaMerge
from chipset.memory_controller.controller import WriteEvent
from cocotb_tests.chipset.interconnect.merge_harness import merge_invariants
from cocotb_tests.opened import Opened
from contracts.bus import BURST_WORDS, BusRequest, BusResponse, BusSignature
from contracts.policy_map import Format
from contracts.requesters import DMA_FIRST

__all__ = ["AnswerHarness", "Bug", "Patience"]

PAGE_LSB = 12
REGION_LSB = 4
MOST_DUE = 15
FULL = 14  # answers due, from which on nothing new begins
Bug = Callable[[Opened, Opened], None]  # adds an assignment to the merge, or to the checker


@dataclass(frozen=True)
class Patience:
    """Cycles of memory: ``take``: it takes a beat in one of so many; ``answer``: it answers within so many."""

    take: int = 4
    answer: int = 8


class AnswerHarness(wiring.Component):
    """``requesters`` masters, merge, and guard in the uniform format with one cached word each.

    With a ``bug`` the measure alone is looked at, not the invariants.
    """

    def __init__(self, *, requesters: int, patience: Patience | None = None, bug: Bug | None = None) -> None:
        self._requesters, self._bug = requesters, bug
        self._patience = patience or Patience()
        formats = {Format.UNIFORM}
        self._guard = Guard(requesters=requesters, cached_words=1, formats=formats)
        self._weights = _Weights(requesters, self._patience, row_count(requesters, 1))
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
        see = _Sight(merge_inside, guard_inside)
        if self._bug:
            self._bug(merge_inside, see.checker)
        until = self._memory(m, guard)
        self._burst(m, merge)
        measure = _Measure(m, self._weights, see, until, beats_left=self.beats_left)

        watched = Signal(range(max(2, self._requesters)))
        m.d.comb += [watched.eq(AnyConst(len(watched))), Assume(watched < self._requesters)]
        waits, now = Signal(), Signal(range(self.bound + 1))
        mine = merge.out.payload.requester == watched + DMA_FIRST
        taken = merge.out.valid & merge.out.ready & ~self.in_burst & mine
        m.d.comb += [waits.eq(see.pending.bit_select(watched, 1)), now.eq(measure.of(m, watched))]
        goes_on, before = Signal(), Signal.like(now)
        m.d.sync += [goes_on.eq(waits & ~taken & ~self.hold), before.eq(now)]
        with m.If(goes_on):
            m.d.comb += Assert(now < before)
        m.d.comb += Assert(~goes_on | waits)
        if not self._bug:
            self._invariants(m, merge_inside, see, until, policy)
        return m

    @property
    def bound(self) -> int:
        """Cycles that a request waits at most for memory to take it, commits not counted."""
        return self._weights.bound

    def _memory(self, m: Module, guard: Guard) -> "_Until":
        """Memory keeps to its times."""
        patience, until = self._patience, _Until(self._patience)
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

    def _invariants(self, m: Module, merge: Opened, see: "_Sight", until: "_Until", policy: data.View) -> None:
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
            Assert(~see.in_state["PLACE"] | ~walker["around"]), Assert(~(see.in_state["READ"] | see.in_state["WAIT"]) | (see.step == 0)),
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


class _Until:
    """Cycles that are left to memory: to take a beat, to take a read of the map, to answer that."""

    def __init__(self, patience: Patience) -> None:
        self.take = Signal(range(patience.take), init=patience.take - 1, name="until_take")
        self.walk = Signal(range(patience.take), init=patience.take - 1, name="until_walk")
        self.answer = Signal(range(patience.answer), name="until_answer")


@dataclass
class _Request:
    pending: Signal
    same: Signal  # it is what the walker has taken note of
    waiting: Signal


class _Sight:
    """What is looked at of the merge and the guard."""

    def __init__(self, merge: Opened, guard: Opened) -> None:
        self.guard, self.merge = guard, merge
        self.checker = guard.open("checker")
        self.walker = self.checker.open("walker")
        self.cache = self.checker.open("cache")
        count = len(self.checker["waiting"])
        self.count = count
        self.ports = [merge.open(f"port{n}") for n in range(count)]
        self.step: Value = self.walker["step"] if row_count(count, 1) > 1 else Const(0)
        self.in_state = {name: self.walker.ongoing(name) for name in ("IDLE", "PLACE", "COMPARE", "READ", "WAIT", "FILL", "DECIDED")}
        decided, left, fill = self.walker.component.decided, self.walker.component.left, self.in_state["FILL"]
        self.pending = Cat(  # a request, not the rest of one
            port.component.out.valid & ~(merge["held"] & merge["owner"][n]) for n, port in enumerate(self.ports)
        )
        self.stalled = guard.component.stalled
        self.start = self.walker.component.start
        self.resting = self.in_state["IDLE"] & ~self.start
        self.walking = Cat(self.in_state[s] for s in ("PLACE", "COMPARE", "READ", "WAIT")).any() | (fill & ~decided & (self.step == 0))
        self.serving = decided & ~left & (fill | self.in_state["DECIDED"])
        self.owner = self.walker.component.access.requester[: max(1, (count - 1).bit_length())]
        self.turn: Value = self.checker["turn"] if count > 1 else Const(0, 1)

    def done(self, n: int) -> Value:
        """In the cycle before, the request of requester ``n`` has left."""
        checker = self.checker
        return checker["asked"] & checker["was_likely"] & checker["was_found"] & checker["went"] & (checker["who"] == n)

    def request_of(self, m: Module, number: Value) -> _Request:
        """What that requester has at its port."""
        found = _Request(Signal(), Signal(), Signal())
        access = self.walker.component.access
        with m.Switch(number):
            for n, port in enumerate(self.ports):
                held = port.component.out.payload
                with m.Case(n):
                    m.d.comb += [
                        found.pending.eq(self.pending[n]), found.waiting.eq(self.checker["waiting"][n]),
                        found.same.eq((held.address[PAGE_LSB:] == access.page) & (held.write == access.write)),
                    ]  # fmt: skip
        return found


class _Weights:
    """One unit of each part of the measure."""

    def __init__(self, requesters: int, patience: Patience, rows: int) -> None:
        take = patience.take
        places = 1 << (requesters - 1).bit_length()
        self.beat = take
        self.declined = take
        self.place = BURST_WORDS * take  # who is served may begin a burst
        self.grant_most = (requesters - 1) * (self.place + self.declined) + (BURST_WORDS - 1) * self.beat + take - 1
        self.grant = self.grant_most + 2  # more than any grant takes, and a cycle in which the one that is waited for is stalled
        self.read = 2 + patience.answer
        self.compare = self.read + take
        self.walk = self.compare + 3
        self.gone = rows + 2
        self.visit = self.gone + 2 + self.grant + self.walk + 2 + self.grant
        self.phase = self.declined + take
        self.phases = 7
        self.early_place = (self.phases - 1) * self.phase + self.place
        self.early = (places + 2) * self.visit
        self.bound = (
            self.early + 1 + (requesters - 1) * self.early_place + self.phases * self.phase
            + (requesters - 1) * self.declined + (BURST_WORDS - 1) * self.beat + take + 1
        )  # fmt: skip


class _Measure:
    """Of a request that waits: more than the cycles that it still does."""

    def __init__(self, m: Module, weights: _Weights, see: _Sight, until: _Until, *, beats_left: Signal) -> None:
        self._see, self._until, self._beats_left, self._weights = see, until, beats_left, weights
        self._walk = self._walk_left(m)

    def _walk_left(self, m: Module) -> Signal:
        """Cycles until the walker has found out, at most."""
        see, w, until = self._see, self._weights, self._until
        left = Signal(range(w.walk + 1), name="walk_left")
        state = see.in_state
        with m.If(see.start):
            m.d.comb += left.eq(w.walk)
        with m.Elif(state["PLACE"]):
            m.d.comb += left.eq(w.walk - 1)
        with m.Elif(state["COMPARE"]):
            m.d.comb += left.eq(Mux(see.walker["around"], w.compare, w.compare + 1))
        with m.Elif(state["READ"]):
            m.d.comb += left.eq(w.read + until.walk)
        with m.Elif(state["WAIT"]):
            m.d.comb += left.eq(2 + until.answer)
        with m.Else():
            m.d.comb += left.eq(1)
        return left

    def _behind(self, n: int | Value) -> Value:
        """How many places after the one that was served last, but one: 0 comes first."""
        bits = (self._see.count - 1).bit_length()
        return (n - 1 - self._see.merge["last"])[:bits] if bits else Const(0)

    def _grant(self, m: Module, number: Value, *, place: int, name: str) -> tuple[Value, Value]:
        """Until the request of ``number`` is taken or declined, if it is not stalled; and whether it is."""
        see, w = self._see, self._weights
        own = Signal(range(max(2, see.count)), name=f"{name}_behind")
        ahead = Signal(range(see.count + 1), name=f"{name}_ahead")
        m.d.comb += own.eq(self._behind(number))
        m.d.comb += ahead.eq(sum((~see.stalled[n] & (self._behind(n) < own) for n in range(see.count)), Const(0)))
        total = own * place + ahead * w.declined + self._beats_left * w.beat + self._until.take
        return total, see.stalled.bit_select(number, 1)

    def _done(self, number: Value) -> Value:
        return Array(self._see.done(n) for n in range(self._see.count))[number]

    def of(self, m: Module, number: Signal) -> Value:
        see, w = self._see, self._weights
        checker = see.checker
        measure = Signal(range(w.bound + 1), name="measure")
        waiting = checker["waiting"]
        gone = Signal(range(w.gone + 1), name="gone")  # what the walker served has left, or is just leaving
        m.d.comb += gone.eq(Mux(see.in_state["FILL"], w.gone - see.step, 2))

        with m.If(waiting.bit_select(number, 1) & self._done(number)):
            m.d.comb += measure.eq(w.bound)  # that was for the request before
        with m.Elif(waiting.bit_select(number, 1)):
            way = (number - see.turn)[: (see.count - 1).bit_length()] if see.count > 1 else Const(0)
            position = Signal(range(w.visit + 1), name="position")
            left = ~(see.resting | see.start | see.walking | see.serving)
            again = left & waiting.bit_select(see.turn, 1) & ~self._done(see.turn)  # the same one waits, but for another request
            out_of_turn = ~see.resting & ((see.owner != see.turn) | again) if see.count > 1 else again
            aim = Signal.like(see.turn, name="aim")  # whom the walker, or all, wait for
            m.d.comb += aim.eq(Mux(see.resting, see.turn, see.owner))
            total, stalled = self._grant(m, aim, place=w.place, name="aim")
            grant = Mux(stalled, w.grant_most + 1, total)
            with m.If(see.resting):
                with m.If(~waiting.bit_select(see.turn, 1)):
                    m.d.comb += position.eq(1)
                with m.Elif(self._done(see.turn)):
                    m.d.comb += position.eq(w.gone + 2 + w.grant + w.walk + 1)
                with m.Else():
                    m.d.comb += position.eq(w.gone + 2 + w.grant + w.walk + 2 + grant)
            with m.Elif(see.start | see.walking):
                m.d.comb += position.eq(w.gone + 2 + w.grant + self._walk)
            with m.Elif(see.serving):
                m.d.comb += position.eq(w.gone + 2 + grant)
            with m.Else():
                m.d.comb += position.eq(gone)
            m.d.comb += measure.eq((way + out_of_turn) * w.visit + position)
        with m.Elif(see.stalled.bit_select(number, 1)):
            m.d.comb += measure.eq(w.early)  # it has just been declined
        with m.Else():
            phase = Signal(range(w.phases + 1), name="phase")
            with m.If(see.resting):
                called = waiting.bit_select(see.turn, 1) & ~self._done(see.turn)
                m.d.comb += phase.eq(Mux(called, Mux(see.stalled.bit_select(see.turn, 1), 4, 3), 5))
            with m.Elif(see.start | see.walking):
                m.d.comb += phase.eq(2)
            with m.Elif(see.serving):
                m.d.comb += phase.eq(1)
            with m.Else():
                m.d.comb += phase.eq(Mux(see.walker.component.decided, 7, 6))
            total, _ = self._grant(m, number, place=w.early_place, name="early")
            m.d.comb += measure.eq(w.early + 1 + phase * w.phase + total)
        return measure
