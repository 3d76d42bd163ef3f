"""What the proof of the guard says: guard and registers, in front of a memory of which one word is looked at.

The word is arbitrary but fixed, so what is proved of it holds of every map word; so is the place in the guard's cache that is looked at,
and with it the requester. Nothing at all is assumed of what ring −1 writes into the registers and when the memory controller takes a
request or the walker's answer comes. Assumed is what ``path_harness`` proves of arbiter and controller:

- a write that reaches RAM in the cycle in which a DMA request is taken is that request's own;
- none does in the cycle in which a read of the map is taken, and within a burst write of DMA only its own words do;
- a read of the map is answered once, with an error or with the word as it was when the read was taken;
- an answer to DMA comes only while one is due;

Behind a standard bus (``behind_bus``) less is assumed, which ``axi_harness`` and ``wishbone_harness`` prove of the wrappers: a trusted
write may be reported in the cycle in which a request is taken, and counts from the next one on; the walker's read may be taken in that
cycle; and what is taken is one access, with no beats behind it.

And what ``merge_harness`` proves of the DMA masters' way to the guard:

- requests bear a DMA requester's number and hold no lock;
- behind the first beat of a burst write come its others: of the same requester, in the same line.
"""

from collections.abc import Callable, Collection

from amaranth.hdl import Array, Assume, Cat, Const, Module, Mux, ResetSignal, Signal, Value
from amaranth.hdl._ast import AnyConst
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, connect, flipped

from chipset.dma_policy.decision import ALL_FORMATS, Access
from chipset.dma_policy.guard import Guard
from chipset.dma_policy.policy import MapPlace, policy_layout
from chipset.dma_policy.registers import GuardRegisters
from chipset.dma_policy.walker import _Bounds
from chipset.dma_policy.word_cache import KEY_WIDTH, row_count
from chipset.interconnect.ports import RegisterSignature
from chipset.late_launch.port import ProtectSignature
from chipset.memory_controller.controller import WriteEvent
from cocotb_tests.chipset.dma_policy.guard_spec import PAGE_LSB, PAGE_WORDS, WORD_WIDTH, ChosenMap, Spec
from cocotb_tests.claims import Claims
from cocotb_tests.opened import Opened
from contracts.bus import BusRequest, BusResponse
from contracts.policy_map import GUARD, Format
from contracts.requesters import DMA_FIRST

__all__ = ["GROUPS", "Bug", "GuardHarness"]

LINE_LSB = 4
REGION_PAGES = 32
# Of what is claimed: each follows from those before it, and from the past.
GROUPS = ("lemmas", "maps", "walker", "cache", "flight", "burst", "promise")
MOST_DUE = 15  # answers
Bug = Callable[["Inside"], None]  # adds an assignment to a part of the guard


class Inside:
    """The guard's parts, opened."""

    def __init__(self, guard: Guard, registers: GuardRegisters) -> None:
        self.guard = Opened(guard)
        self.checker = self.guard.open("checker")
        self.cache = self.checker.open("cache")
        self.walker = self.checker.open("walker")
        self.registers = Opened(registers)


class GuardHarness(wiring.Component):
    """With a ``bug`` in the guard, only the promise is looked at, not the invariants. And the search for a run that breaks it is narrowed:
    no reset, the policy is set up in the first cycles, and memory takes and answers at once.
    """

    def __init__(self, *, requesters: int, cached_words: int, formats: Collection[Format] = ALL_FORMATS, closed_at_reset: bool = False,
                 behind_bus: bool = False, bug: Bug | None = None, focus: str | None = None) -> None:  # fmt: skip
        self._requesters, self._words, self._formats = requesters, cached_words, frozenset(formats)
        self._closed, self._behind_bus, self._bug, self._focus = closed_at_reset, behind_bus, bug, focus
        self._size = 1 << (requesters - 1).bit_length()  # requesters that the cache has places for
        self._rows = row_count(requesters, cached_words)
        super().__init__({
            "requests": In(stream.Signature(BusRequest)), "block": In(RegisterSignature()),
            "launch": In(ProtectSignature()),
            "out_ready": In(1), "walk_ready": In(1), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "answered": In(1), "forget": In(1),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.guard = guard = Guard(requesters=self._requesters, cached_words=self._words, formats=self._formats)
        m.submodules.registers = registers = GuardRegisters(
            requesters=self._requesters, formats=self._formats, closed_at_reset=self._closed
        )
        connect(m, flipped(self.requests), guard.requests)
        connect(m, flipped(self.block), registers.block)
        connect(m, flipped(self.launch), registers.launch)
        m.d.comb += [
            guard.out.ready.eq(self.out_ready), guard.walk.ready.eq(self.walk_ready),
            guard.walk_answer_valid.eq(self.walk_answer_valid), guard.walk_answer.eq(self.walk_answer),
            guard.written.eq(self.written), guard.answered.eq(self.answered),
            guard.policy.eq(registers.policy), guard.hold.eq(registers.hold),
            guard.flush.eq(registers.flush | self.forget),  # the buses' wrappers let it forget at any time
            registers.drained.eq(guard.drained), registers.denial.eq(guard.denial), registers.map_error.eq(guard.map_error),
        ]  # fmt: skip
        self._claim = Claims(GROUPS, self._focus)
        inside = Inside(guard, registers)
        self.chosen = ChosenMap(m, registers.policy)
        place = Signal(max(1, (self._size * self._words - 1).bit_length()))  # in the cache, that is looked at
        m.d.comb += [
            place.eq(AnyConst(len(place))), Assume(place < self._size * self._words),
            Assume(self._requester_at(place) < self._requesters),
        ]  # fmt: skip
        self.who = Signal(range(max(2, self._requesters)))  # the one whose place that is, and so whose accesses are looked at
        self.deciding = Signal(MapPlace)  # the map that decides for that one
        m.d.comb += [
            self.who.eq(self._requester_at(place)),
            self.deciding.eq(Array(registers.policy.maps)[Mux(self.chosen.uniform, 0, self.who)]),
        ]
        kept = self._peek(m, inside, place)
        if self._bug:
            self._bug(inside)

        watched, word = self._memory(m, guard)
        due = self._in_flight(m, guard)
        self._masters(m, guard)
        self._promise(m, guard, registers, inside, place, watched, word, due)
        if self._bug:
            self._narrow(m)
        else:
            self._invariants(m, registers, inside, place, kept, watched, word, due)
        self._claim.close(m)
        return m

    def _requester_at(self, place: Value) -> Value:
        """Whose that place of the cache is: they lie in the order of the bus's numbers."""
        number = place[self._words.bit_length() - 1 :] if self._size > 1 else Const(0)
        return (number - DMA_FIRST)[: max(1, (self._size - 1).bit_length())] if self._size > 1 else Const(0, 1)

    def _places(self) -> list[int]:
        """The places of the cache that are somebody's."""
        return [n for n in range(self._size * self._words) if (n // self._words - DMA_FIRST) % self._size < self._requesters]

    def _peek(self, m: Module, inside: Inside, place: Signal) -> data.View:
        """What the cache has at that place, valid or not."""
        kept = Signal(data.StructLayout({"region": 16, "word": 32}), name="kept_at_place")
        submodules = inside.cache.module.submodules
        region = submodules.regions.read_port(domain="comb")
        m.d.comb += [region.addr.eq(place), kept.region.eq(region.data)]
        for n in range(self._rows):
            row = submodules.rows.read_port(domain="comb")
            m.d.comb += [
                row.addr.eq(Cat(Const(n, self._rows.bit_length() - 1), place) if self._rows > 1 else place),
                kept.word.word_select(n, 32 // self._rows).eq(row.data),
            ]  # fmt: skip
        return kept

    def _memory(self, m: Module, guard: Guard) -> tuple[Signal, Signal]:
        """The watched word: where it lies and what it holds now. And the assumptions about memory."""
        watched, initial = Signal(WORD_WIDTH), Signal(32)
        m.d.comb += [watched.eq(AnyConst(WORD_WIDTH)), initial.eq(AnyConst(32))]
        changed, latest = Signal(4, reset_less=True), Signal(32, reset_less=True)
        word = Signal(32)
        for n in range(4):
            m.d.comb += word.word_select(n, 8).eq(Mux(changed[n], latest.word_select(n, 8), initial.word_select(n, 8)))
            with m.If(self.written.valid & (self.written.word == watched) & self.written.mask[n]):
                m.d.sync += [changed[n].eq(1), latest.word_select(n, 8).eq(self.written.data.word_select(n, 8))]

        self.taken = Signal()
        asked = Signal()
        request = guard.out.payload.request
        m.d.comb += [self.taken.eq(guard.out.valid & self.out_ready), asked.eq(guard.walk.valid & self.walk_ready)]
        self.in_burst = Signal()
        with m.If(self.taken):
            m.d.sync += self.in_burst.eq(request.write & ~request.last)
            if not self._behind_bus:
                m.d.comb += Assume(
                    ~self.written.valid | (request.write & guard.out.payload.admitted & (self.written.word == request.address[2:]))
                )
        m.d.comb += [Assume(~(self.in_burst & self.written.valid & ~self.taken)), Assume(~(asked & self.written.valid))]
        if self._behind_bus:
            m.d.comb += Assume(~self.requests.payload.write | self.requests.payload.last)
        else:
            m.d.comb += Assume(~(asked & self.taken))

        self.reading, self.reads_watched, self.read = Signal(), Signal(), Signal(32)
        with m.If(asked):
            m.d.sync += [
                self.reading.eq(1), self.reads_watched.eq(guard.walk.payload.request.address[2:] == watched), self.read.eq(word),
            ]  # fmt: skip
        with m.Elif(self.walk_answer_valid):
            m.d.sync += self.reading.eq(0)
        m.d.comb += [
            Assume(~self.walk_answer_valid | self.reading),
            Assume(~(self.walk_answer_valid & self.reads_watched) | self.walk_answer.error | (self.walk_answer.data == self.read)),
        ]
        return watched, word

    def _masters(self, m: Module, guard: Guard) -> None:
        """What comes is stamped; the beats of a burst write stay together and in their line. ``first`` is the last first beat taken."""
        request = self.requests.payload
        first = self.first = Signal(BusRequest)
        self.lasts = Signal()  # the beat that is taken may be any of a burst
        with m.If(self.taken & ~self.in_burst):
            m.d.sync += first.eq(request)
        follows = (request.requester == first.requester) & request.write & (request.address[LINE_LSB:] == first.address[LINE_LSB:])
        m.d.comb += [
            Assume(~self.requests.valid | ((request.requester >= DMA_FIRST) & (request.requester < DMA_FIRST + self._requesters))),
            Assume(~request.lock),
            Assume(~(self.in_burst & self.requests.valid) | follows),
        ]

    def _narrow(self, m: Module) -> None:
        """A map, protection of the launch region; after that CONTROL may be written. Memory is as quick as it can be."""
        steps = ("MAP_LENGTH", "LAUNCH_CONTROL")
        cycle = Signal(range(len(steps) + 1))
        m.d.comb += [
            Assume(~ResetSignal()), Assume(self.out_ready), Assume(self.walk_ready), Assume(self.walk_answer_valid == self.reading),
        ]  # fmt: skip
        with m.If(cycle != len(steps)):
            with m.If(self.block.ready):
                m.d.sync += cycle.eq(cycle + 1)
            m.d.comb += Assume(self.block.valid & self.block.write & ~self.requests.valid)
        with m.Switch(cycle):
            for n, name in enumerate(steps):
                with m.Case(n):
                    m.d.comb += Assume(self.block.address == GUARD[name].at() // 4)
            with m.Default():
                m.d.comb += Assume(self.block.address == GUARD["CONTROL"].at() // 4)

    def _in_flight(self, m: Module, guard: Guard) -> Signal:
        """Answers that are due to DMA masters."""
        due = Signal(5)
        request = guard.out.payload.request
        m.d.sync += due.eq(due + (self.taken & (~request.write | request.last)) - self.answered)
        m.d.comb += Assume(~self.answered | (due != 0))
        return due

    def _promise(self, m: Module, guard: Guard, registers: GuardRegisters, inside: Inside, place: Signal, watched: Signal, word: Signal,
                 due: Signal) -> None:  # fmt: skip
        """Whatever is admitted, the policy in force and the map as it is in memory now allow."""
        self._claim.group = "promise"
        policy, request = registers.policy, guard.out.payload.request
        first = self.first
        judged = Signal(Access)  # of a burst's later beats the first decides: they lie in its line
        with m.If(self.in_burst):
            m.d.comb += [judged.requester.eq(first.requester - DMA_FIRST), judged.write.eq(first.write)]
        with m.Else():
            m.d.comb += [judged.requester.eq(request.requester - DMA_FIRST), judged.write.eq(request.write)]
        m.d.comb += judged.page.eq(request.address[PAGE_LSB:])
        spec = Spec(m, policy, self._formats, place=self.deciding, page=judged.page, write=judged.write, name="promise")
        self._specs = [spec]
        looked_at = inside.cache.component._place(judged) == place if self._requesters * self._words > 1 else Const(1)
        with m.If(self.taken & guard.out.payload.admitted & looked_at):
            m.d.comb += self._claim(~spec.launch)
            with m.If(policy.enable):
                m.d.comb += [self._claim(spec.fits), self._claim(~(judged.write & spec.in_map(self.chosen)))]
                # A burst does not take its own permission away, for it does not write to its map: looked at where that is the chosen one.
                with m.If((spec.where == watched) & (~self.in_burst | self.chosen.is_of(judged.requester))):
                    m.d.comb += self._claim(spec.bit(word))
        # The policy changes only by a commit, and a commit completes only when nothing that was judged before is in flight.
        block, flushed, before = self.block, Signal(), Signal.like(policy)
        m.d.sync += [flushed.eq(registers.flush), before.eq(policy)]
        began = Signal()  # the second cycle or a later one, in which ``before`` means something
        m.d.sync += began.eq(1)
        self.steady = began & ~flushed
        with m.If(registers.flush):
            m.d.comb += [self._claim(due == 0), self._claim(~self.taken)]
        with m.If(block.valid & block.write & block.ready & (block.address != GUARD["STATUS"].at() // 4)):
            m.d.comb += self._claim(registers.flush)
        with m.If(self.steady):
            m.d.comb += self._claim(policy == before)
        # What the way to memory relies on: the walker only reads, one word a time; nobody but it is taken for it; neither holds a lock.
        walk = guard.walk.payload
        m.d.comb += [
            self._claim(~walk.request.write & ~walk.request.burst & ~walk.request.lock & walk.walker),
            self._claim(~guard.out.payload.walker), self._claim(~(self.taken & request.lock)),
        ]  # fmt: skip
        # What the Wishbone wrapper relies on: the walker holds its address until it has its answer.
        m.d.comb += self._claim(~self.reading | ((walk.request.address[2:] == watched) == self.reads_watched))
        # Once on, it stays on; where it is on from reset, it is never off.
        was_on = Signal(init=self._closed)
        m.d.sync += was_on.eq(policy.enable)
        m.d.comb += self._claim(~was_on | policy.enable)

    def _invariants(self, m: Module, registers: GuardRegisters, inside: Inside, place: Signal, line: data.View, watched: Signal,
                    word: Signal, due: Signal) -> None:  # fmt: skip
        """What makes the promise inductive: the cache is never older than memory, and what has been found out is so."""
        policy: data.View = registers.policy
        assert policy.shape() == policy_layout(self._requesters, self._formats)
        guard, cache = inside.guard, inside.cache
        self._claim.group = "flight"
        m.d.comb += [
            self._claim(guard["outstanding"] + (guard["left"] & guard["final"]) == due), self._claim(guard["inside"] == self.in_burst),
            self._claim(due <= MOST_DUE),
            self._claim(~self.in_burst | (due < MOST_DUE)),  # a burst has begun only where its answer can be counted
        ]  # fmt: skip
        self._cache_invariant(m, policy, cache, place, line, watched, word)
        self._walker_invariants(m, policy, inside, place, line, watched, word)

        first = Signal(Access)
        m.d.comb += [first.requester.eq(self.first.requester - DMA_FIRST), first.page.eq(self.first.address[PAGE_LSB:]), first.write.eq(1)]
        spec = Spec(m, policy, self._formats, place=self.deciding, page=first.page, write=first.write, name="burst")
        self._specs.append(spec)
        self._claim.group = "burst"
        # Between the beats of a burst write that was admitted: its page is still open to it.
        looked_at = cache.component._place(first) == place if self._requesters * self._words > 1 else Const(1)
        with m.If(self.in_burst):
            m.d.comb += self._claim(self.first.write)
        with m.If(self.in_burst & guard["kept"] & looked_at):
            m.d.comb += self._claim(~spec.launch)
            with m.If(policy.enable):
                m.d.comb += [self._claim(spec.fits), self._claim(~spec.in_map(self.chosen))]
                with m.If((spec.where == watched) & self.chosen.is_of(first.requester)):
                    m.d.comb += self._claim(spec.bit(word))
        self._lemmas(m)

    def _lemmas(self, m: Module) -> None:
        """Arithmetic, and that places stay between commits: for the solver to know when it looks at the rest."""
        self._claim.group = "lemmas"
        own = self.chosen.is_of(self.who)
        m.d.comb += self._claim(~own | (self.deciding == self.chosen.place))
        was_deciding, was_chosen = Signal.like(self.deciding), Signal.like(self.chosen.place)
        m.d.sync += [was_deciding.eq(self.deciding), was_chosen.eq(self.chosen.place)]
        with m.If(self.steady):
            m.d.comb += [self._claim(self.deciding == was_deciding), self._claim(self.chosen.place == was_chosen)]
        for number, spec in enumerate(self._specs):
            m.d.comb += [
                # A word of the map that decides lies in one of the pages that this map reaches; and who is not near a map is not in it.
                self._claim(~(own & spec.fits) | self.chosen.reaches(spec.where[PAGE_WORDS.bit_length() - 1 :], 0)),
                self._claim(~spec.in_map(self.chosen) | spec.in_map(self.chosen, REGION_PAGES)),
            ]
            m.d.comb += [self._claim(spec.agrees(other)) for other in self._specs[:number]]

    def _cache_invariant(self, m: Module, policy: data.View, cache: Opened, place: Signal, line: data.View, watched: Signal,
                         word: Signal) -> None:  # fmt: skip
        """The word at ``place`` of the cache is the policy's for its region, is as it is in memory, and writes to it will be seen."""
        self._claim.group = "cache"
        page = Cat(Const(0, 4), line.region)
        spec = Spec(m, policy, self._formats, place=self.deciding, page=page, write=Const(0, 1), name="kept")
        self._specs.append(spec)
        keys = Signal(KEY_WIDTH)
        for n in self._places():
            with m.If(place == n):
                m.d.comb += keys.eq(cache[f"key{n}"])
        for_writes = place[0] if self._words > 1 else Const(1)
        with m.If(cache["valid"].bit_select(place, 1)):
            m.d.comb += [
                self._claim(policy.enable), self._claim(spec.fits), self._claim(keys == spec.where[:KEY_WIDTH]),
                self._claim((spec.where != watched) | (line.word == word)),
                self._claim(~(for_writes & spec.in_map(self.chosen, REGION_PAGES))),
            ]  # fmt: skip

    def _walker_invariants(self, m: Module, policy: data.View, inside: Inside, place: Signal, line: data.View, watched: Signal,
                           word: Signal) -> None:  # fmt: skip
        """From state to state, what the walker has found out."""
        self._claim.group = "walker"
        walker, checker = inside.walker, inside.checker
        component = walker.component
        access = component.access
        several = len(policy.maps) > 1
        mine = access.requester == self.who
        spec = Spec(m, policy, self._formats, place=self.deciding, page=access.page, write=access.write, name="walk")
        self._specs.append(spec)
        idle, places = walker.ongoing("IDLE"), walker.ongoing("PLACE")
        bound = walker.ongoing("BOUND") if several else Const(0)
        compare, read, waits, fill, ends = (walker.ongoing(s) for s in ("COMPARE", "READ", "WAIT", "FILL", "DECIDED"))
        placed = bound | compare | read | waits | fill | ends
        compared = read | waits | fill | ends
        closed, step = walker["closed"], walker["step"] if self._rows > 1 else Const(0)
        m.d.comb += [
            # A walk starts for what was declined in the cycle before.
            self._claim(~checker["asked"] | (policy.enable & (checker["who"] < self._requesters))),
            self._claim(~component.start | (idle & (access.requester == checker["who"]))),
            self._claim(idle | (policy.enable & (access.requester < self._requesters))),
            self._claim(~placed | closed | spec.known),
            self._claim(~(placed & mine) | closed | (spec.fits & (component.address == spec.where))),
            self._claim(~(read | waits) | (~closed & (step == 0))),
            self._claim(self.reading == waits),
            self._claim(~component.decided | (fill & (step != 0)) | ends),
        ]
        self._maps(m, policy, walker, spec, places=places, bound=bound, compare=compare, compared=compared)
        self._claim.group = "walker"
        m.d.comb += self._claim(~(waits | ((fill | ends) & ~closed)) | ~(walker["of_page"] | walker["of_region"]))

        # The word that is read, and the bit that decides.
        verdict, newer, touched, got = walker["verdict"], walker["newer"], walker["touched"], walker["word"]
        with m.If((component.address == watched) & ~closed):
            with m.If(bound | compare | read):
                m.d.comb += self._claim(~newer | (verdict == spec.bit(word)))
            with m.If(waits):
                m.d.comb += [
                    self._claim(self.reads_watched), self._claim(touched | (self.read == word)),
                    self._claim(Mux(newer, verdict, spec.bit(self.read)) == spec.bit(word)),
                ]  # fmt: skip
            with m.If(fill):
                m.d.comb += [
                    self._claim(touched | (got == word)),
                    self._claim(Mux(newer | (step != 0), verdict, spec.bit(got)) == spec.bit(word)),
                ]
            with m.If(ends):
                m.d.comb += self._claim(verdict == spec.bit(word))
        with m.Else():
            m.d.comb += self._claim(~waits | ~self.reads_watched)

        # What the cache has of it by now.
        here = Signal()
        m.d.comb += here.eq(inside.cache.component._place(access) == place if self._size * self._words > 1 else 1)
        begun = (fill & (step != 0)) | ends
        with m.If(begun & here):
            m.d.comb += self._claim(line.region == access.page[4:])
        with m.If(fill & (step != 0) & here):
            width = 32 // self._rows
            own = walker["number_in_word"][width.bit_length() - 1 :]
            m.d.comb += self._claim(~inside.cache["valid"].bit_select(place, 1))
            for n in range(self._rows):
                m.d.comb += self._claim(((n ^ own) >= step) | (line.word.word_select(n, width) == got.word_select(n, width)))

    def _maps(self, m: Module, policy: data.View, walker: Opened, spec: Spec, *, places: Value, bound: Value, compare: Value,
              compared: Value) -> None:  # fmt: skip
        """The maps that have been looked at, one after the other: fetched, bounded, compared, noted, a step a cycle."""
        self._claim.group = "maps"
        maps, number, around = policy.maps, walker["number"], walker["around"]
        bounds = walker.shaped("bounds", _Bounds)
        both = walker["compared"].all()
        in_map, near_map = walker["in_map"] | (walker["of_page"] & both), walker["near_map"] | (walker["of_region"] & both)
        access = walker.component.access
        m.d.comb += [self._claim(~(places | bound) | ((number == 0) & ~around)), self._claim(~compare | (number < len(maps)))]
        if len(maps) > 1:
            own = walker.shaped("place", MapPlace)
            m.d.comb += [
                self._claim(~(places & (access.requester == self.who)) | (own == self.deciding)),
                self._claim(~(bound & (self.chosen.number == 0)) | (own == self.chosen.place)),
            ]
        chosen, its = self.chosen, self.chosen.place
        past = compared | (compare & (number > chosen.number))
        page_done = past | (compare & (number == chosen.number) & around)
        end = its.base + its.length
        m.d.comb += self._claim(~compare | (number == 0) | (policy.map_format != Format.UNIFORM))
        with m.If(compare & (number == chosen.number)):
            m.d.comb += [
                self._claim(bounds.some == (its.length != 0)), self._claim(bounds.first_page == its.base[10:]),
                self._claim(bounds.end_page == end[10:]), self._claim((bounds.end_within_page != 0) == (end[:10] != 0)),
            ]  # fmt: skip
        if len(maps) > 1:
            m.d.comb += self._claim(~(compare & around & (number + 1 == chosen.number)) | (walker.shaped("place", MapPlace) == its))
        m.d.comb += [
            self._claim(~(page_done & spec.in_map(chosen)) | in_map), self._claim(~(past & spec.in_map(chosen, REGION_PAGES)) | near_map),
        ]  # fmt: skip
