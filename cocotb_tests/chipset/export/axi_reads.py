"""Of the AXI4 wrapper's proof, what is said of reads: what memory owes, what a commit waits for, and what a master gets to see."""

from amaranth.hdl import Array, Assume, Cat, Mux, Signal
from amaranth.hdl._ast import AnyConst, AnySeq
from amaranth.lib import data

from chipset.export.axi_bus import LENGTH_WIDTH, Response
from chipset.export.settings import OnRefusal
from cocotb_tests.chipset.export.axi_frame import AxiFrame

__all__ = ["AxiReads"]


class AxiReads(AxiFrame):
    """``_reads`` comes after what is said of writes."""

    def _reads(self) -> None:
        """Read bursts of the watched port are counted right, with their lengths: what memory owes, and what of it waits in the relay."""
        self._claim.group = "reads"
        m, memory, depth, read = self._m, self.memory, self._depth, self._read
        bits = depth.bit_length() - 1
        lengths = Array([Signal(LENGTH_WIDTH, name=f"length{n}") for n in range(depth)])  # of what has been offered to memory
        total = Signal(bits + 1, name="bursts_asked")
        came, done = (Signal(bits + 1, name=name) for name in ("bursts_come", "bursts_done"))  # at memory, and behind the relay
        came_nth, done_nth = (Signal(LENGTH_WIDTH, name=name) for name in ("come_number", "done_number"))
        went = read["goes"] & ~read["refused"]
        m.d.sync += total.eq(total + went)
        with m.If(went):
            m.d.sync += lengths[total[:bits]].eq(read.request.len)
        beat = memory.r.payload
        comes = memory.r.valid & (beat.id == self._n)
        owed = Signal(bits + 1, name="bursts_owed")
        m.d.comb += owed.eq(total - came)
        untaken = memory.ar.valid & (memory.ar.payload.id == self._n)
        m.d.comb += [
            Assume(~comes | (owed > untaken)),
            Assume(~comes | (beat.beat.last == (came_nth == lengths[came[:bits]]))),
        ]
        with m.If(comes & memory.r.ready):
            m.d.sync += [came.eq(came + beat.beat.last), came_nth.eq(Mux(beat.beat.last, 0, came_nth + 1))]
        with m.If(read["beat_taken"]):
            last = self._inside.answers.component.out.payload.beat.last
            m.d.sync += [done.eq(done + last), done_nth.eq(Mux(last, 0, done_nth + 1))]

        # In the relay, up to two beats of this port.
        relay = self._inside.answers
        burst, number = done, done_nth
        for name, valid, held in (
            ("out", relay.component.out.valid, relay.component.out.payload),
            ("spare", relay["spare_valid"], relay.shaped("spare", relay.component.out.payload.shape())),
        ):
            mine = Signal(name=f"{name}_is_mine")
            last = mine & held.beat.last
            after, after_nth = Signal(bits + 1, name=f"after_{name}"), Signal(LENGTH_WIDTH, name=f"after_{name}_number")
            m.d.comb += [
                mine.eq(valid & (held.id == self._n)),
                after.eq(burst + last), after_nth.eq(Mux(mine, Mux(last, 0, number + 1), number)),
            ]  # fmt: skip
            left = Signal(bits + 1, name=f"left_before_{name}")
            m.d.comb += left.eq(total - burst)
            self._lemma(
                ~mine | (left > 0),
                ~mine | (held.beat.last == (number == lengths[burst[:bits]])),
                (left == 0) | (number <= lengths[burst[:bits]]),
            )
            burst, number = after, after_nth
        self._lemma(burst == came, number == came_nth)
        at_memory, cut, refused = read["at_memory"], read["cut"], read["last_refused"]
        undone = Signal(bits + 1, name="bursts_undone")
        m.d.comb += undone.eq(total - done)
        self._lemma(
            undone == at_memory, at_memory <= depth, read["level"] <= depth,
            owed <= at_memory, (at_memory != 0) | (done_nth == 0), (owed != 0) | (came_nth == 0),
            (owed == 0) | (came_nth <= lengths[came[:bits]]),
            (read["last"] - read["first"])[:bits] == read["level"][:bits],
            ~refused | (read["level"] != 0), cut | (read["level"] == at_memory + refused),
            (read["level"] != 0) | (read["number"] == 0), cut | (at_memory == 0) | (read["number"] == done_nth),
            ~read["goes"] | read["wants"], ~(read["goes"] & cut) | read["refused"],
            ~untaken | (owed != 0),
        )  # fmt: skip
        for n, length in enumerate(read.in_order("len", "first", depth)):
            self._lemma(cut | (n >= at_memory) | (length == lengths[(done + n)[:bits]]))

        # What a commit relies on.
        self._claim.group = "drained"
        unanswered, _ = self._unanswered
        drained = self._inside.registers.drained
        self._promise(
            ~drained | self._inside.checker.quiet,
            ~drained | ((owed == 0) & (unanswered == 0)),
            ~drained | ~(memory.ar.valid & (memory.ar.payload.id == self._n)),
            ~drained | ~(memory.aw.valid & (memory.aw.payload.id == self._n)),
        )  # fmt: skip

    def _silence(self) -> None:
        """Reads: no word that memory has not answered to this port is seen there. A refused burst is answered whole."""
        self._claim.group = "silence"
        m, memory, read = self._m, self.memory, self._read
        word = Signal(32, name="secret")
        m.d.comb += [word.eq(AnyConst(32)), Assume(word.any() & ~word.all())]
        m.d.comb += Assume(~(memory.r.valid & (memory.r.payload.id == self._n) & (memory.r.payload.beat.data == word)))
        self._promise(read["r_data"] != word)
        relay = self._inside.answers
        for valid, held in (
            (relay.component.out.valid, relay.component.out.payload),
            (relay["spare_valid"], relay.shaped("spare", relay.component.out.payload.shape())),
        ):
            self._lemma(~(valid & (held.id == self._n) & (held.beat.data == word)))
        self._answered_whole()

    def _answered_whole(self) -> None:
        """One burst of the watched port, any one, is followed from when it goes on, or is refused, to its last answer."""
        m, read, depth = self._m, self._read, self._depth
        shape = data.StructLayout({"id": self._settings.id_width, "len": LENGTH_WIDTH})
        followed, refused, request = Signal(name="followed"), Signal(name="followed_refused"), Signal(shape, name="followed_request")
        ahead, number = Signal(range(depth + 1), name="bursts_ahead"), Signal(LENGTH_WIDTH, name="answer_number")
        mine = Signal(name="answers_followed")
        gives, ends = read["gives"], read["ends"]
        m.d.comb += mine.eq(followed & (ahead == 0))
        with m.If(followed & ends & (ahead != 0)):
            m.d.sync += ahead.eq(ahead - 1)
        with m.If(mine & gives):
            m.d.sync += [number.eq(number + 1), followed.eq(number != request.len)]
        with m.If(read["goes"] & ~followed & AnySeq(1)):
            m.d.sync += [
                followed.eq(1), refused.eq(read["refused"]), request.id.eq(read.line.first.id), request.len.eq(read.line.first.request.len),
                number.eq(0), ahead.eq(read["level"] - ends),
            ]  # fmt: skip
        answer = Cat(read["r_data"], read["r_resp"], read["r_last"], read["r_id"])
        new = self._is_new(read["r_valid"], read["r_ready"], "r")
        given, at = self._past(mine & gives, "answers"), self._past(number, "answer_number")
        refusal = Response.SLVERR if self._settings.on_refusal is OnRefusal.ERROR else Response.OKAY
        self._promise(
            ~self._past(read["r_valid"] & ~read["r_ready"], "r_waits") | (read["r_valid"] & (answer == self._past(answer, "r_offered"))),
            new == self._past(gives, "gives"),
            ~new | (read["r_last"] == self._past(ends, "ends")),
            ~given | ((read["r_id"] == request.id) & (read["r_last"] == (at == request.len))),
            ~(given & refused) | (read["r_data"].all() & ((read["r_resp"] == refusal) | (read["r_resp"] == Response.SLVERR))),
        )
        self._lemma(
            ~followed | (ahead < read["level"]), ~mine | ((number == read["number"]) & (number <= request.len)),
            ~(followed & (ahead != 0)) | (number == 0),
            ~(followed & refused) | (read["last_refused"] & (read["level"] == ahead + 1)),
        )  # fmt: skip
        for n, (length, name) in enumerate(zip(read.in_order("len", "first", depth), read.in_order("id", "first", depth), strict=True)):
            self._lemma(~(followed & (ahead == n)) | ((length == request.len) & (name == request.id)))
