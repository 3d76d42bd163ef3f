"""What the proof of the Wishbone wrapper says: everything of ``WishboneGuard`` but the checker and the registers, which say anything here.

Nothing is assumed of the masters, nor of memory, which answers when it likes. One guarded port is watched, arbitrary but fixed. Of the
checker it is assumed that the address of a read of the map holds still until its answer, which ``guard_harness`` proves.
"""

from collections.abc import Callable

from amaranth.hdl import Array, Assume, Cat, Const, Module, ResetSignal, Signal, Value
from amaranth.hdl._ast import AnyConst
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from chipset.export.settings import GuardSettings, OnRefusal
from chipset.export.wishbone_bus import WishboneRequest, WishboneSignature
from chipset.export.wishbone_guard import WishboneGuard
from cocotb_tests.chipset.export.wrapper_harness import WrapperHarness
from cocotb_tests.opened import Opened

__all__ = ["GROUPS", "Bug", "Inside", "WishboneHarness"]

# Of what is claimed: each follows from those before it, and from the past.
GROUPS = ("ports", "requests", "drained", "reports", "silence")
PAGE_LSB = 12
WORD_LSB = 2
Bug = Callable[["Inside"], None]  # adds an assignment to a part of the guard


class Inside:
    """The guard's parts. Checker and registers are free: what they say is anything, in every cycle."""

    def __init__(self, guard: WishboneGuard, guarded: int) -> None:
        self.guard = Opened(guard)
        self.checker = self.guard.free("checker")
        self.registers = self.guard.free("registers")
        self.ports = [self.guard.open(f"port{n}") for n in range(guarded + 1)]
        self.order = self.guard.open("order")


class _Access:
    """What one port's master has asked for first, noted at its pins until it is answered: ``asked`` is 1 as long as that is to come."""

    def __init__(self, m: Module, name: str, buses: list[wiring.PureInterface], ports: list[Opened], n: Value) -> None:
        def chosen(values: list[Value], of: str) -> Signal:
            signal = Signal(len(values[0]), name=f"{name}_{of}")
            m.d.comb += signal.eq(Array(values)[n] if len(values) > 1 else values[0])
            return signal

        self.asked, self.request = Signal(name=f"{name}_asked"), Signal(WishboneRequest, name=f"{name}_asked_for")
        self.wants = chosen([port.component.wants for port in ports], "wants")
        self.holds = chosen([Value.cast(port.component.request) for port in ports], "holds")
        self.ends = chosen([port.component.ends for port in ports], "ends")
        self.strobe = chosen([bus.cyc & bus.stb for bus in buses], "strobe")
        self.ack, self.err = chosen([bus.ack for bus in buses], "ack"), chosen([bus.err for bus in buses], "err")
        self.dat = chosen([bus.dat for bus in buses], "dat")
        pins = chosen([Value.cast(bus.request) for bus in buses], "pins")
        with m.If(self.asked):
            m.d.sync += self.asked.eq(~self.ends)
        with m.Else():
            m.d.sync += [self.asked.eq(self.strobe), Value.cast(self.request).eq(pins)]


class WishboneHarness(WrapperHarness):
    """With a ``bug``, only what the group ``focus`` promises is looked at, not the invariants, and there is no reset."""

    def __init__(self, settings: GuardSettings, *, bug: Bug | None = None, focus: str | None = None) -> None:
        self._settings, self._bug, self._focus = settings, bug, focus
        self._guarded = settings.requesters
        super().__init__({"ports": In(WishboneSignature()).array(self._guarded + 1), "memory": Out(WishboneSignature())})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.guard = guard = WishboneGuard(self._settings)
        self._inside = inside = Inside(guard, self._guarded)
        for n in range(self._guarded + 1):
            connect(m, flipped(self.ports[n]), guard.ports[n])
        connect(m, guard.memory, flipped(self.memory))
        if self._bug:
            self._bug(inside)
            m.d.comb += Assume(~ResetSignal())
        self._begin(m, GROUPS, has_bug=self._bug is not None, focus=self._focus)
        self._n = Signal(range(max(2, self._guarded)), name="watched_port")
        m.d.comb += [self._n.eq(AnyConst(len(self._n))), Assume(self._n < self._guarded)]
        buses = [guard.ports[n] for n in range(self._guarded + 1)]
        self._port = _Access(m, "port", buses[:-1], inside.ports[:-1], self._n)
        self._trusted = _Access(m, "trusted", buses[-1:], inside.ports[-1:], Const(0))
        self._answered = Signal(name="is_answered")
        m.d.comb += self._answered.eq(self.memory.stb & (self.memory.ack | self.memory.err))
        self._requests()
        self._drained()
        self._reports()
        self._silence()
        self._claim.close(m)
        return m

    def _requests(self) -> None:
        """What is offered to memory is one that the checker admitted in the cycle before, as its master asked for it first; or the trusted
        port's, or the walker's read; and it stays until it is answered."""
        m, memory, checker, guarded = self._m, self.memory, self._inside.checker, self._guarded
        access, request = checker.access, Value.cast(memory.request)
        self._new = new = Signal(name="offer_is_new")
        m.d.comb += new.eq(memory.stb & self._past(~memory.stb | self._answered, "free", init=1))
        allowed = self._past(checker.asks & checker.known & checker.admitted & checker.leaves, "allowed")
        who, page, write = (self._past(v, n) for v, n in ((access.requester, "who"), (access.page, "page"), (access.write, "write")))
        walks = self._past(checker.walk.valid & checker.walk.ready, "walks")
        word = self._past(checker.walk.payload.request.address, "word")
        # Whose it is: noted from what was said in the cycle in which it went.
        self._by_port, self._by_walker = by_port, by_walker = Signal(name="by_guarded_port"), Signal(name="by_walker")
        self._who = now = Signal(len(self._n), name="by_whom")
        was_port, was_walker, was = self._past(by_port, "by_port"), self._past(by_walker, "by_walker"), self._past(now, "by_whom")
        with m.If(new):
            m.d.comb += [by_port.eq(allowed), by_walker.eq(walks), now.eq(who)]
        with m.Else():
            m.d.comb += [by_port.eq(was_port), by_walker.eq(was_walker), now.eq(was)]
        self._by_trusted = memory.stb & ~by_port & ~by_walker
        self._by_watched = memory.stb & by_port & (now == self._n)
        owner = self._inside.guard["_owner"]
        self._claim.group = "ports"
        self._lemma(
            *(claim for port in (self._port, self._trusted)
              for claim in (port.wants == port.asked, ~port.asked | (port.holds == Value.cast(port.request)))),
            ~(by_port & by_walker),
            ~memory.stb | ((owner < guarded) == by_port), ~memory.stb | ((owner > guarded) == by_walker),
            ~memory.stb | (owner <= guarded + 1), ~(memory.stb & by_port) | (owner == now),
            ~self._by_watched | self._port.asked, ~self._by_trusted | self._trusted.asked,
        )  # fmt: skip
        self._claim.group = "requests"
        self._promise(
            ~(allowed & walks),
            ~allowed | (new & (memory.request.adr[PAGE_LSB:] == page) & (memory.request.we == write)) | (who != self._n),
            ~(self._new & self._by_watched) | (allowed & (who == self._n)),
            ~self._by_watched | (request == Value.cast(self._port.request)),
            ~self._by_trusted | (request == Value.cast(self._trusted.request)),
            ~walks | (new & ~memory.request.we & (memory.request.adr == word)),
            memory.cyc == memory.stb,
        )
        waited = self._past(memory.stb & ~self._answered, "waits")
        kept = request == self._past(request, "offered")
        watched = self._by_watched | self._by_trusted | by_walker
        self._promise(~waited | memory.stb, ~(waited & watched) | kept)
        self._promise(~(self._inside.registers.hold & checker.asks), ~checker.leaves | checker.asks)
        # The walker holds its address.
        m.d.comb += Assume(~(memory.stb & by_walker) | (checker.walk.payload.request.address == self._address(walks, word)))

    def _address(self, walks: Value, word: Value) -> Signal:
        """Of the read of the map that is at memory."""
        kept, address = Signal(len(word), name="kept_address"), Signal(len(word), name="read_address")
        with self._m.If(walks):
            self._m.d.sync += kept.eq(word)
            self._m.d.comb += address.eq(word)
        with self._m.Else():
            self._m.d.comb += address.eq(kept)
        return address

    def _drained(self) -> None:
        """A commit ends only when nothing of a guarded port is at memory."""
        self._claim.group = "drained"
        drained = self._inside.registers.drained
        self._promise(~drained | self._inside.checker.quiet, ~drained | ~(self.memory.stb & self._by_port))

    def _reports(self) -> None:
        """A trusted write is reported in the cycle before it is at memory, and nothing else; no read of the map goes or is there then."""
        self._claim.group = "reports"
        m, memory, checker = self._m, self.memory, self._inside.checker
        report = Signal.like(checker.written, name="report")
        m.d.sync += report.eq(checker.written)
        request = memory.request
        writes = self._new & self._by_trusted & request.we
        self._promise(
            report.valid == writes,
            ~writes | ((report.word == request.adr[WORD_LSB:]) & (report.mask == request.sel) & (report.data == request.dat)),
            ~(checker.written.valid & checker.walk.valid & checker.walk.ready),
            ~(checker.written.valid & memory.stb & self._by_walker & ~self._answered),
        )
        answers = checker.walk_answer_valid
        fails = self._answered & self._by_trusted & request.we & ~memory.ack
        self._promise(
            answers == (self._answered & self._by_walker), ~answers | (checker.walk_answer.data == memory.dat),
            ~(answers & ~memory.ack) | checker.walk_answer.error, ~fails | checker.flush,
        )  # fmt: skip
        wonders, doubtful = Signal(name="checker_wonders"), Signal(name="answer_is_doubtful")  # since the last answer
        with m.If(answers):
            m.d.sync += [wonders.eq(0), doubtful.eq(0)]
        with m.If(fails & wonders):
            m.d.sync += doubtful.eq(1)
        with m.If(checker.asks & ~checker.known):
            m.d.sync += wonders.eq(1)
        self._promise(~(answers & doubtful) | checker.walk_answer.error)
        order = self._inside.order
        self._lemma(order["looking"] == wonders, order.component.spoilt == doubtful, order["walks"] == (memory.stb & self._by_walker))

    def _silence(self) -> None:
        """The data lines of a port carry memory's data with an answer to that port's read alone; what is refused is answered at once."""
        self._claim.group = "silence"
        m, memory, port, checker = self._m, self.memory, self._port, self._inside.checker
        word = Signal(32, name="secret")
        m.d.comb += [word.eq(AnyConst(32)), Assume(~word.all())]
        m.d.comb += Assume(~(self._answered & self._by_watched & memory.ack & ~memory.request.we & (memory.dat == word)))
        self._promise(port.dat != word)
        refused = self._past(
            checker.asks & checker.known & ~checker.admitted & checker.leaves & (checker.access.requester == self._n), "refused"
        )
        error = self._settings.on_refusal is OnRefusal.ERROR
        self._promise(
            ~refused | (port.ends & port.dat.all()), ~(port.ack | port.err) | refused | (self._answered & self._by_watched),
            ~(refused & port.strobe) | (Cat(port.ack, port.err) == Const(2 if error else 1, 2)), ~(refused & self._by_watched),
            ~self._port.ends | refused | (self._answered & self._by_watched),
        )  # fmt: skip
