"""What the proof of the guard says: DMA masters, guard and registers, in front of a memory of which one word is looked at.

The word is arbitrary but fixed, so what is proved of it holds of every map word. Nothing at all is assumed of the DMA masters, of what
ring −1 writes into the registers, and when the memory controller takes a request or the walker's answer comes. Assumed is what
``path_harness`` proves of arbiter and controller:

- a write that reaches RAM in the cycle in which a DMA request is taken is that request's own;
- none does in the cycle in which a read of the map is taken, and within a burst write of DMA only its own words do;
- a read of the map is answered once, with an error or with the word as it was when the read was taken;
- an answer to DMA comes only while one is due.
"""

from collections.abc import Callable

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, ResetSignal, Signal, Value
from amaranth.hdl._ast import AnyConst
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, connect, flipped

from chipset.dma_policy.guard import Guard
from chipset.dma_policy.map_cache import _Entry
from chipset.dma_policy.policy import policy_layout
from chipset.dma_policy.registers import GuardRegisters
from chipset.interconnect.dma_merge import DmaMerge
from chipset.interconnect.ports import RegisterSignature
from chipset.memory_controller.controller import WriteEvent
from cocotb_tests.opened import Opened
from contracts.bus import BusRequest, BusResponse, BusSignature
from contracts.policy_map import GUARD, Format
from contracts.requesters import DMA_FIRST

__all__ = ["Bug", "GuardHarness"]

REQUESTERS = 2
WORD_WIDTH = 30
PAGE_LSB = 12
LINE_LSB = 4
LAUNCH_LSB = 16
Bug = Callable[[Opened], None]  # adds an assignment to the guard


class _Spec:
    """The policy's words, written without looking at the guard: what must hold where a request is admitted."""

    def __init__(self, m: Module, policy: data.View, request: data.View, name: str) -> None:
        place = Signal(policy.maps[0].shape(), name=f"{name}_place")
        address = Signal(WORD_WIDTH + 1, name=f"{name}_map_address")
        index = Signal(15, name=f"{name}_index")
        launch, fits = Signal(name=f"{name}_in_launch"), Signal(name=f"{name}_fits")
        uniform = policy.map_format == Format.UNIFORM
        with m.If(uniform | (request.requester == DMA_FIRST)):
            m.d.comb += place.eq(policy.maps[0])
        with m.Else():
            m.d.comb += place.eq(policy.maps[1])
        m.d.comb += [
            index.eq(request.address[PAGE_LSB:] >> 5),
            address.eq(place.base + index),
            launch.eq(policy.launch.protect & (request.address[LAUNCH_LSB:] == policy.launch.base)),
            fits.eq((uniform | (policy.map_format == Format.PER_REQUESTER)) & (index < place.length) & ~address[-1]),
        ]
        self._policy, self._request = policy, request
        self.launch = launch  # lies in the protected launch region
        self.fits = fits  # the format is known, and the page's bit lies in the map
        self.where = address[:WORD_WIDTH]  # the word that holds it

    def bit(self, word: Value) -> Value:
        """The page's bit of that word."""
        return word.bit_select(self._request.address[PAGE_LSB : PAGE_LSB + 5], 1)

    def touches_map(self, *, line: Value) -> Value:
        """The word that is asked for, or any of its ``line``, belongs to a map in use."""
        words = self._request.address[2:]
        low = Mux(line, words & ~3, words)
        high = Mux(line, words | 3, words)
        hit = 0
        for n, place in enumerate(self._policy.maps):
            used = (self._policy.map_format != Format.UNIFORM) if n else 1
            hit = hit | (used & (high >= place.base) & (low < place.base + place.length))
        return hit


class GuardHarness(wiring.Component):
    """``cached_words`` is the size of the guard's cache.

    With a ``bug`` in the guard, only the promise is looked at, not the invariants. And the search for a run that breaks it is narrowed:
    one master, no reset, and the policy is set up in the first cycles.
    """

    def __init__(self, *, cached_words: int, bug: Bug | None = None) -> None:
        self._cached_words = cached_words
        self._bug = bug
        super().__init__({
            "dma": In(BusSignature()).array(REQUESTERS), "block": In(RegisterSignature()),
            "out_ready": In(1), "walk_ready": In(1), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "answered": In(1),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.merge = merge = DmaMerge(REQUESTERS)
        m.submodules.guard = guard = Guard(requesters=REQUESTERS, cached_words=self._cached_words)
        m.submodules.registers = registers = GuardRegisters(requesters=REQUESTERS)
        for n in range(REQUESTERS):
            connect(m, flipped(self.dma[n]), merge.masters[n])
        connect(m, merge.out, guard.requests)
        connect(m, flipped(self.block), registers.block)
        m.d.comb += [
            guard.out.ready.eq(self.out_ready), guard.walk.ready.eq(self.walk_ready),
            guard.walk_answer_valid.eq(self.walk_answer_valid), guard.walk_answer.eq(self.walk_answer),
            guard.written.eq(self.written), guard.answered.eq(self.answered),
            guard.policy.eq(registers.policy), guard.hold.eq(registers.hold), registers.drained.eq(guard.drained),
            registers.denial.eq(guard.denial), registers.map_error.eq(guard.map_error),
        ]  # fmt: skip
        inside = Opened(guard)
        if self._bug:
            self._bug(inside)

        watched, word = self._memory(m, guard)
        due = self._in_flight(m, guard)
        self._promise(m, guard, registers, watched, word, due)
        if self._bug:
            self._narrow(m)
        else:
            self._invariants(m, registers, inside, watched, word, due)
        return m

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
        in_burst = Signal()
        with m.If(self.taken):
            m.d.sync += in_burst.eq(request.write & ~request.last)
            m.d.comb += Assume(
                ~self.written.valid | (request.write & guard.out.payload.admitted & (self.written.word == request.address[2:]))
            )
        m.d.comb += [
            Assume(~(in_burst & self.written.valid & ~self.taken)),
            Assume(~(asked & self.written.valid)),
            Assume(~(asked & self.taken)),
        ]
        self.in_burst = in_burst

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

    def _narrow(self, m: Module) -> None:
        """A map, protection of the launch region, checking on; after that CONTROL may be written again."""
        steps = ("MAP_BASE", "MAP_LENGTH", "LAUNCH_CONTROL", "CONTROL")
        cycle = Signal(range(len(steps) + 1))
        m.d.comb += [Assume(~ResetSignal()), Assume(~self.dma[1].req_valid)]
        with m.If(cycle != len(steps)):
            m.d.sync += cycle.eq(cycle + 1)
            m.d.comb += Assume(self.block.valid & self.block.write & ~self.dma[0].req_valid)
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

    def _promise(self, m: Module, guard: Guard, registers: GuardRegisters, watched: Signal, word: Signal, due: Signal) -> None:
        """Whatever is admitted, the policy in force and the map as it is in memory now allow."""
        policy, request = registers.policy, guard.out.payload.request
        spec = _Spec(m, policy, request, "promise")
        with m.If(self.taken & guard.out.payload.admitted):
            m.d.comb += Assert(~spec.launch)
            with m.If(policy.enable):
                m.d.comb += [Assert(spec.fits), Assert(~(request.write & spec.touches_map(line=request.burst)))]
                with m.If(spec.where == watched):
                    m.d.comb += Assert(spec.bit(word))
        # A change of policy completes only when nothing that was judged before is in flight.
        with m.If(self.block.valid & self.block.ready & registers.hold):
            m.d.comb += [Assert(due == 0), Assert(~self.taken)]
        # What the way to memory relies on: the walker only reads, one word a time; nobody but it is taken for it; neither holds a lock.
        walk = guard.walk.payload
        m.d.comb += [
            Assert(~walk.request.write & ~walk.request.burst & ~walk.request.lock & walk.walker),
            Assert(~guard.out.payload.walker), Assert(~(self.taken & request.lock)),
        ]  # fmt: skip
        # Once on, it stays on.
        was_on = Signal()
        m.d.sync += was_on.eq(policy.enable)
        m.d.comb += Assert(~was_on | policy.enable)

    def _invariants(self, m: Module, registers: GuardRegisters, inside: Opened, watched: Signal, word: Signal, due: Signal) -> None:
        """What makes the promise inductive: the cache is never older than memory, and what waits is judged by the policy in force."""
        policy: data.View = registers.policy
        assert policy.shape() == policy_layout(REQUESTERS)
        held = inside.shaped("held", BusRequest)
        full, first, more = inside["full"], inside["first"], inside["inside"]
        m.d.comb += Assert(inside["outstanding"] == due)

        # The cache.
        cache = inside.open("cache")
        for n in range(self._cached_words):
            entry = cache.shaped(f"entry{n}", _Entry)
            m.d.comb += Assert(~(entry.valid & (entry.tag == watched)) | (entry.word == word))

        # What waits.
        spec = _Spec(m, policy, held, "held")
        occupied = full | more
        begins = full & first
        follows = occupied & ~begins  # between the beats of a burst write, or a later one waits
        many = held.burst | (held.write & ~held.last)
        m.d.comb += [
            Assert(~occupied | (held.requester == DMA_FIRST) | (held.requester == DMA_FIRST + 1)),
            Assert(~follows | held.write),
            Assert(~occupied | ~held.lock),
            Assert(~occupied | (more == (held.write & ~held.last))),
            Assert(self.in_burst == follows),
        ]
        with m.If(begins):
            opened, closed = inside["opened"], inside["closed"]
            m.d.comb += [Assert(closed | ~spec.launch), Assert(opened == (~policy.enable & ~spec.launch))]
            with m.If(policy.enable & ~closed):
                m.d.comb += [
                    Assert(spec.fits), Assert(inside["word"] == spec.where), Assert(~(held.write & spec.touches_map(line=many))),
                ]  # fmt: skip
        with m.If(follows & inside["kept"]):
            m.d.comb += Assert(~spec.launch)
            with m.If(policy.enable):
                m.d.comb += [Assert(spec.fits), Assert(~spec.touches_map(line=1))]
                with m.If(spec.where == watched):
                    m.d.comb += Assert(spec.bit(word))

        # The walk.
        idle, waits, known = inside.ongoing("IDLE"), inside.ongoing("WAIT"), inside.ongoing("KNOWN")
        m.d.comb += [
            Assert(idle | begins), Assert(self.reading == waits), Assert(idle | ~(inside["opened"] | inside["closed"])),
            Assert(idle | known | ~inside["known"]),
        ]  # fmt: skip
        ours = inside["word"] == watched
        patched, mask = inside["walked_word"], inside["patch_mask"]
        with m.If(waits):
            newest = Cat(Mux(mask[n], patched.word_select(n, 8), self.read.word_select(n, 8)) for n in range(4))
            m.d.comb += [Assert(self.reads_watched == ours), Assert(~ours | (newest == word))]
        with m.If(known & ours & ~inside["failed"]):
            m.d.comb += Assert(patched == word)
