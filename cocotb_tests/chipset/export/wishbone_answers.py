"""Behind Wishbone, every access comes to memory or is refused within a stated number of cycles, with one guarded port.

The whole of ``WishboneGuard`` but its registers, which say anything that keeps their promises: a policy changes only when the guard is held
and empty, and what is on stays on. Masters do anything. Memory answers within ``patience`` cycles of its strobe, and no trusted write with
an error: whoever writes to the map and fails again and again makes the checker forget as often.

The proof is a number, never more than ``bound`` and smaller in each cycle than in the one before, as long as the access waits and no commit
holds it up. From the inside out it counts: cycles until memory answers what it has; the trusted port's turn, if that comes first; what the
walker has still to do; and before it begins, the cycles until the access is asked about.
"""

from collections.abc import Callable

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from chipset.dma_policy.word_cache import row_count
from chipset.export.settings import GuardSettings
from chipset.export.wishbone_bus import WishboneSignature
from chipset.export.wishbone_guard import WishboneGuard
from cocotb_tests.opened import Opened
from contracts.policy_map import Format

__all__ = ["Bug", "Inside", "WishboneAnswers"]

PAGE_LSB = 12
REGION_LSB = 4
GUARDED, TRUSTED, WALKER = range(3)  # who has an access at memory
STATES = ("IDLE", "PLACE", "COMPARE", "READ", "WAIT", "FILL", "DECIDED")


class Inside:
    """The guard's parts."""

    def __init__(self, guard: WishboneGuard) -> None:
        self.guard = Opened(guard)
        self.registers = self.guard.free("registers")
        self.checker = self.guard.open("checker")
        self.walker = self.checker.open("walker")
        self.cache = self.checker.open("cache")
        self.order = self.guard.open("order")
        self.ports = [self.guard.open(f"port{n}") for n in range(2)]
        self.state = {name: self.walker.ongoing(name) for name in STATES}


Bug = Callable[[Inside], None]  # adds an assignment to a part of the guard


class WishboneAnswers(wiring.Component):
    """``WishboneGuard`` with one guarded port, one cached word and one format. With a ``bug`` the number alone is looked at, not the
    invariants."""

    def __init__(self, fmt: Format, *, patience: int = 4, bug: Bug | None = None) -> None:
        self._settings = GuardSettings(requesters=1, formats={fmt}, cached_words=1)
        self._patience, self._bug = patience, bug
        self._grant = 2 * patience + 1  # at most: an access of the trusted port is at memory, and its next one comes first
        rows = row_count(1, 1)
        # What the number is at most in each state of the walker, one above the other.
        self._fill = self._grant + 1
        self._wait = self._fill + patience
        self._read = self._fill + patience + 1
        self._compare = self._read + self._grant + 1
        self._place = self._compare + 2
        self._start = self._place + 1
        self._asks = self._start + 1
        self._declined = self._asks + self._grant + 1
        self._other = self._declined + 1  # the walker ends what it has done for an access that has gone
        self._rows = rows
        self.bound = self._other + rows + 1
        super().__init__({"ports": In(WishboneSignature()).array(2), "memory": Out(WishboneSignature())})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.guard = guard = WishboneGuard(self._settings)
        see = self._see = Inside(guard)
        for n in range(2):
            connect(m, flipped(self.ports[n]), guard.ports[n])
        connect(m, guard.memory, flipped(self.memory))
        if self._bug:
            self._bug(see)
        until = self._memory(m)
        self._registers(m)
        port, refused = see.ports[0].component, see.guard["refused"]
        self._at_memory = self.memory.stb & (see.guard["_owner"] == GUARDED)
        waits, goes_on = Signal(), Signal()
        number = Signal(range(self.bound + 1))
        before = Signal.like(number, init=self.bound)
        m.d.comb += waits.eq(port.wants & ~self._at_memory & ~refused)
        self._count(m, number, until)
        m.d.sync += [goes_on.eq(waits & ~see.registers.hold), before.eq(number)]
        m.d.comb += [
            Assert(number <= self.bound),
            Assert(~(goes_on & waits) | (number < before)),
            Assert(~goes_on | waits | self._at_memory | refused),
        ]
        if not self._bug:
            self._invariants(m, waits)
        return m

    def _memory(self, m: Module) -> Signal:
        """Memory answers in time; cycles until then, but one."""
        memory = self.memory
        until = Signal(range(self._patience), init=self._patience - 1)
        answered = memory.stb & (memory.ack | memory.err)
        m.d.sync += until.eq(Mux(memory.stb & ~answered, until - 1, self._patience - 1))
        m.d.comb += [Assume(~memory.stb | (until != 0) | answered), Assume(~self._see.order.component.write_fails)]
        return until

    def _registers(self, m: Module) -> None:
        """What they promise."""
        registers = self._see.registers
        policy, was = registers.policy, Signal.like(registers.policy)
        began, flushed = Signal(), Signal()
        m.d.sync += [was.eq(policy), began.eq(1), flushed.eq(registers.flush)]
        m.d.comb += [
            Assume(~registers.flush | (registers.hold & registers.drained)), Assume(~began | flushed | (policy == was)),
            Assume(policy.enable | ~was.enable),
        ]  # fmt: skip

    def _count(self, m: Module, number: Signal, until: Signal) -> None:
        see, state, walker = self._see, self._see.state, self._see.walker
        busy = Signal(range(self._patience + 1))  # memory, for so many cycles
        grant = Signal(range(self._grant + 1))  # until the port is served, if the checker knows
        m.d.comb += [
            busy.eq(Mux(self.memory.stb, until + 1, 0)),
            grant.eq(Mux(see.guard["last"] == GUARDED, self._patience + 1, 0) + busy),
        ]  # fmt: skip
        with m.If(walker.component.decided):
            m.d.comb += number.eq(grant)
        with m.Elif(state["FILL"] & (walker["step"] == 0)):
            m.d.comb += number.eq(self._fill)
        with m.Elif(state["WAIT"]):
            m.d.comb += number.eq(self._fill + busy)
        with m.Elif(state["READ"]):
            m.d.comb += number.eq(self._read + Mux(see.order["turn"], self._patience + 1, 0) + busy)
        with m.Elif(state["COMPARE"]):
            m.d.comb += number.eq(self._compare + ~walker["around"])
        with m.Elif(state["PLACE"]):
            m.d.comb += number.eq(self._place)
        with m.Elif(state["IDLE"]):
            with m.If(walker.component.start):
                m.d.comb += number.eq(self._start)
            with m.Elif(see.checker["declined"]):
                m.d.comb += number.eq(self._declined)
            with m.Else():
                m.d.comb += number.eq(self._asks + grant)
        with m.Else():
            m.d.comb += number.eq(self._other + Mux(state["FILL"], self._rows - walker["step"] + 1, 1))

    def _invariants(self, m: Module, waits: Signal) -> None:
        """What the number relies on."""
        see, state, checker, walker, order = self._see, self._see.state, self._see.checker, self._see.walker, self._see.order
        access, decided, left = walker.component.access, walker.component.decided, walker.component.left
        policy, refused, owner = see.registers.policy, see.guard["refused"], see.guard["_owner"]
        port, trusted = (p.component for p in see.ports)
        at_trusted = self.memory.stb & (owner == TRUSTED)
        same = (access.page == port.request.adr[PAGE_LSB:]) & (access.write == port.request.we)
        ongoing = Cat(state[s] for s in ("PLACE", "COMPARE", "READ", "WAIT")).any() | (state["FILL"] & (walker["step"] == 0))
        known = checker["was_likely"] & checker["was_found"]
        done = checker["asked"] & known & checker["went"]
        kept = see.cache.module.submodules.regions.read_port(domain="comb")
        m.d.comb += kept.addr.eq(0)
        # Of memory and the order of reads of the map.
        m.d.comb += [
            Assert(order["walks"] == (self.memory.stb & (owner == WALKER))), Assert(state["WAIT"] == order["walks"]),
            Assert(~self.memory.stb | (owner <= WALKER)), Assert(~at_trusted | trusted.wants), Assert(~self._at_memory | port.wants),
            Assert(~refused | port.wants), Assert(~(self._at_memory & refused)),
            Assert(~order["turn"] | (trusted.wants & trusted.request.we & ~at_trusted)),
        ]  # fmt: skip
        # What the walker serves is the access that waits, or that has just gone.
        m.d.comb += [
            Assert(Cat(state.values()).any()), Assert(~state["PLACE"] | (~walker["around"] & (walker["number"] == 0))),
            Assert(~state["COMPARE"] | (walker["number"] == 0)), Assert(~(state["READ"] | state["WAIT"]) | (walker["step"] == 0)),
            Assert(~walker.component.start | (state["IDLE"] & waits & same)), Assert(~ongoing | (waits & same & policy.enable)),
            Assert(~(ongoing | walker.component.start | decided) | (access.requester == 0)),
            Assert(~decided | (state["FILL"] & (walker["step"] != 0)) | state["DECIDED"]),
            Assert(~(decided & waits) | (same & policy.enable & ~left & ~checker["asked"])),
            Assert(~(decided & ~waits) | (left & (self._at_memory | refused))), Assert(~decided | (kept.data == access.page[REGION_LSB:])),
        ]  # fmt: skip
        # What the checker remembers of the cycle before.
        m.d.comb += [
            Assert(~checker["asked"] | (policy.enable & (checker["who"] == 0))), Assert(~checker["unknown"] | waits),
            Assert(~checker["waiting"].any() | ((waits | done) & policy.enable)),
            Assert(~(ongoing | (decided & waits)) | checker["waiting"][0]), Assert(~ongoing | ~checker["asked"]),
            Assert(~(checker["open_to"] & checker["asked"] & ~known) | (same & (access.requester == 0))),
            Assert(~(checker["open_to"] & checker["served"])),
        ]  # fmt: skip
