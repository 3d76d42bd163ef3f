"""What the proof of the AXI4 wrapper says: everything of ``AxiGuard`` but the checker and the registers, which say anything at all here.

Nothing is assumed of the masters, the trusted one included. One guarded port is watched, arbitrary but fixed, so what is proved of it holds
of each; and of the beats of a burst one number. Assumed is of memory that it answers what is due and nothing else:

- a beat of a read comes only for a burst that it has taken, of this ID, in the order of that ID's bursts, with LAST on the burst's last;
- an answer to a write only for a burst that it has taken with all its data.
"""

from amaranth.hdl import Assume, Const, Module, ResetSignal, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import connect, flipped

from chipset.export.axi_bus import Burst
from chipset.export.axi_guard import AxiGuard
from cocotb_tests.chipset.export.axi_frame import Bug
from cocotb_tests.chipset.export.axi_inside import Inside
from cocotb_tests.chipset.export.axi_reads import AxiReads
from cocotb_tests.chipset.export.axi_spec import PAGE_LSB, is_sound, lies_in_page
from cocotb_tests.chipset.export.axi_writes import AxiWrites

__all__ = ["GROUPS", "AxiHarness", "Bug"]

# Of what is claimed: each follows from those before it, and from the past.
GROUPS = ("relays", "requests", "channel", "writes", "reads", "drained", "order", "reports", "data", "silence", "answers")
WORD_SIZE = 2
ERROR_BIT = 1  # of a response


class AxiHarness(AxiReads, AxiWrites):
    """With a ``bug``, only what the group ``focus`` promises is looked at, not the invariants, and there is no reset."""

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.guard = guard = AxiGuard(self._settings)
        self._inside = inside = Inside(guard, self._guarded)
        for n in range(self._guarded + 1):
            connect(m, flipped(self.ports[n]), guard.ports[n])
        connect(m, guard.memory, flipped(self.memory))
        if self._bug:
            self._bug(inside)
            m.d.comb += Assume(~ResetSignal())
        self._begin(m, GROUPS, has_bug=self._bug is not None, focus=self._focus)
        self._watch()
        self._relays()
        self._requests()
        self._channel()
        self._writes()
        self._reads()
        self._order()
        self._reports()
        self._data()
        self._silence()
        self._write_answers()
        self._claim.close(m)
        return m

    def _relays(self) -> None:
        """What comes out of a relay is what has gone in, in order, each once."""
        self._claim.group = "relays"
        for view in (self._read, self._trusted_read, self._write, self._trusted_write):
            self._lemma(*view.line.holds)
        for write in (self._write, self._trusted_write):
            self._lemma(*write.beats.holds)
        self._lemma(*self._answers.holds)

    def _requests(self) -> None:
        """Whatever is offered on AR and AW has been asked for in the cycle before, lies within the page that was asked for, and stays."""
        self._claim.group = "requests"
        m, memory, checker = self._m, self.memory, self._inside.checker
        access = checker.access
        allowed = checker.asks & checker.known & checker.admitted & checker.leaves
        asked = Signal(data.StructLayout({"allowed": 1, "access": access.shape(), "walks": 1, "word": 32}), name="asked")
        walk = checker.walk
        m.d.sync += [
            asked.allowed.eq(allowed), asked.access.eq(access), asked.walks.eq(walk.valid & walk.ready),
            asked.word.eq(walk.payload.request.address),
        ]  # fmt: skip
        for channel, new, write in ((memory.ar, self._ar_new, 0), (memory.aw, self._aw_new, 1)):
            name = "aw" if write else "ar"
            number, request = channel.payload.id, channel.payload.request
            watched, trusted = (self._write, self._trusted_write) if write else (self._read, self._trusted_read)
            walks = (number == self._guarded + 1) & asked.walks & (not write)
            with m.If(new):
                self._promise(
                    (number >= self._guarded)
                    | (asked.allowed & (asked.access.requester == number) & (asked.access.page == request.addr[PAGE_LSB:])
                       & (asked.access.write == write)),
                    number <= self._guarded + 1 - write,
                    (number != self._guarded + 1) | walks,
                    ~walks | ((request.addr == asked.word) & (request.len == 0) & (request.size == WORD_SIZE)
                              & (request.burst == Burst.INCR)),
                )  # fmt: skip
            # It is what its master has asked for, and that has left its place.
            for view, owner in ((watched, self._n), (trusted, Const(self._guarded))):
                went = self._past(view["goes"] & ~view["refused"], f"{name}_went")
                given = self._past(Value.cast(view.line.first.request), f"{name}_given")
                mine = new & (number == owner)
                self._promise(went == mine, ~mine | (Value.cast(request) == given), ~view["goes"] | (view.line.count != 0))
            sound = is_sound(request) & ((self._beat > request.len) | lies_in_page(m, request, self._beat, f"{name}_beat"))
            self._promise(~channel.valid | (number > self._guarded) | sound)
            kept = self._past(Value.cast(channel.payload), f"{name}_offered")
            self._promise(
                ~self._past(channel.valid & ~channel.ready, f"{name}_waits") | (channel.valid & (Value.cast(channel.payload) == kept))
            )
        # How the checker is to be asked.
        self._promise(~(self._inside.registers.hold & checker.asks), ~checker.leaves | checker.asks)

    def _order(self) -> None:
        """No read of the map is at memory while a trusted write is; what a failed write has left behind counts no more."""
        self._claim.group = "order"
        m, memory, inside = self._m, self.memory, self._inside
        checker, walker = inside.checker, self._guarded + 1
        reading = Signal(name="map_is_read")
        untaken = memory.ar.valid & (memory.ar.payload.id == walker)
        comes = memory.r.valid & (memory.r.payload.id > self._guarded)
        m.d.comb += Assume(~comes | ((memory.r.payload.id == walker) & reading & ~untaken))
        goes = checker.walk.valid & checker.walk.ready
        with m.If(goes):
            m.d.sync += reading.eq(1)
        with m.Elif(comes & memory.r.ready):
            m.d.sync += reading.eq(0)
        unanswered = self._unanswered[1]
        self._promise(~(reading & (unanswered != 0)), ~goes | ~reading, ~checker.walk_answer_valid | (self._answers.count != 0))
        # The checker's own proof relies on this: nothing is reported while the map is read.
        self._promise(~(checker.written.valid & (goes | reading)))
        relay, order = inside.answers, inside.order
        spare = relay.shaped("spare", relay.component.out.payload.shape())
        places = [
            relay.component.out.valid & (relay.component.out.payload.id > self._guarded),
            relay["spare_valid"] & (spare.id > self._guarded),
        ]
        self._lemma(order["walks"] == (reading + places[0] + places[1]), ~(order["walks"] & (unanswered != 0)), ~untaken | reading)

        # Failed writes.
        fails = memory.b.valid & (memory.b.payload.id == self._guarded) & memory.b.payload.resp.as_value()[ERROR_BIT]
        wonders, doubtful = Signal(name="checker_wonders"), Signal(name="answer_is_doubtful")  # since the last answer
        with m.If(checker.walk_answer_valid):
            m.d.sync += [wonders.eq(0), doubtful.eq(0)]
        with m.If(fails & wonders):
            m.d.sync += doubtful.eq(1)
        with m.If(checker.asks & ~checker.known):
            m.d.sync += wonders.eq(1)
        self._promise(~fails | checker.flush, ~(checker.walk_answer_valid & doubtful) | checker.walk_answer.error)
        answer = self._answers.first.beat
        self._promise(
            ~checker.walk_answer_valid | (checker.walk_answer.data == answer.data),
            ~(checker.walk_answer_valid & answer.resp.as_value()[ERROR_BIT]) | checker.walk_answer.error,
        )
        self._lemma(order["looking"] == wonders, order.component.spoilt == doubtful)
