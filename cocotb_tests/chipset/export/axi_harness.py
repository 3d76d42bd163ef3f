"""What the proof of the AXI4 wrapper says: everything of ``AxiGuard`` but the checker and the registers, which say anything at all here.

Nothing is assumed of the masters, the trusted one included. One guarded port is watched, arbitrary but fixed, so what is proved of it holds
of each; and of the beats of a burst one number. Assumed is of memory that it answers what is due and nothing else:

- a beat of a read comes only for a burst that it has taken, of this ID, in the order of that ID's bursts, with LAST on the burst's last;
- an answer to a write only for a burst that it has taken with all its data.
"""

from collections.abc import Callable

from amaranth.hdl import Array, Assume, Cat, Const, Module, Mux, ResetSignal, Signal, Value
from amaranth.hdl._ast import AnyConst, AnySeq
from amaranth.lib import data
from amaranth.lib.wiring import In, Out, connect, flipped

from chipset.export.axi_bus import LENGTH_WIDTH, AxiSignature, Burst, BurstRequest, Response
from chipset.export.axi_guard import AxiGuard, memory_id_width
from chipset.export.settings import GuardSettings, OnRefusal
from cocotb_tests.chipset.export.axi_inside import Inside, Line, ReadView, WriteView, line_of
from cocotb_tests.chipset.export.axi_spec import PAGE_LSB, WORD_LSB, beat_address, is_sound, lies_in_page
from cocotb_tests.chipset.export.wrapper_harness import WrapperHarness

__all__ = ["GROUPS", "AxiHarness", "Bug"]

# Of what is claimed: each follows from those before it, and from the past.
GROUPS = ("relays", "requests", "channel", "writes", "reads", "drained", "order", "reports", "data", "silence", "answers")
ERROR_BIT = 1  # of a response
WORD_SIZE = 2
Bug = Callable[[Inside], None]  # adds an assignment to a part of the guard


class AxiHarness(WrapperHarness):
    """With a ``bug``, only what the group ``focus`` promises is looked at, not the invariants, and there is no reset."""

    def __init__(self, settings: GuardSettings, *, bug: Bug | None = None, focus: str | None = None) -> None:
        self._settings, self._bug, self._focus = settings, bug, focus
        self._guarded, self._depth = settings.requesters, settings.depth
        super().__init__({
            "ports": In(AxiSignature(settings.id_width)).array(self._guarded + 1),
            "memory": Out(AxiSignature(memory_id_width(self._guarded))),
        })  # fmt: skip

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
        self._n = Signal(range(max(2, self._guarded)), name="watched_port")
        self._beat = Signal(LENGTH_WIDTH, name="watched_beat")
        m.d.comb += [self._n.eq(AnyConst(len(self._n))), Assume(self._n < self._guarded), self._beat.eq(AnyConst(LENGTH_WIDTH))]
        sizes = self._depth, self._settings.id_width
        self._read = ReadView(m, "read", inside.reads[:-1], self._n, *sizes)
        self._write = WriteView(m, "write", inside.writes[:-1], self._n, *sizes)
        self._trusted_read = ReadView(m, "trusted_read", inside.reads[-1:], Const(0), *sizes)
        self._trusted_write = WriteView(m, "trusted_write", inside.writes[-1:], Const(0), *sizes)
        self._answers = Line(m, "answers", line_of(inside.answers), inside.answers.component.out.payload.shape())
        self._memory_events()
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

    # Tools.

    def _is_new(self, valid: Value, ready: Value, name: str) -> Signal:
        """An offer that was not there in the cycle before."""
        new = Signal(name=f"{name}_is_new")
        self._m.d.comb += new.eq(valid & self._past(~valid | ready, f"{name}_free", init=1))
        return new

    # What happens at memory.

    def _memory_events(self) -> None:
        memory = self.memory
        self._ar_new = self._is_new(memory.ar.valid, memory.ar.ready, "ar")
        self._aw_new = self._is_new(memory.aw.valid, memory.aw.ready, "aw")
        self._w_new = self._is_new(memory.w.valid, memory.w.ready, "w")

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

    def _channel(self) -> None:
        """Behind an AW come its beats, LAST on the last, before those of any other.

        At most two bursts have beats to come: that of the beat that is offered, if it is its last, and the next one.
        """
        self._claim.group = "channel"
        m, memory, channel = self._m, self.memory, self._inside.channel
        layout = data.StructLayout({"id": len(memory.aw.payload.id), "request": BurstRequest})
        self._due = due = Signal(2, name="bursts_due")  # whose last beat memory has not taken
        self._bursts = bursts = [Signal(layout, name=f"burst{n}") for n in range(2)]
        self._nth = nth = Signal(LENGTH_WIDTH, name="beat_number")  # of the first burst's next beat
        taken = memory.w.valid & memory.w.ready
        ends = taken & memory.w.payload.last
        take = channel.component.take
        rest = Signal(2, name="bursts_rest")
        new = Signal(layout, name="new_burst")
        m.d.comb += [rest.eq(due - ends), new.id.eq(self._inside.guard["writer"]), new.request.eq(channel.component.request)]
        m.d.sync += [due.eq(rest + take), nth.eq(Mux(taken, Mux(ends, 0, nth + 1), nth))]
        with m.If(ends):
            m.d.sync += bursts[0].eq(bursts[1])
        with m.If(take):
            m.d.sync += Array(bursts)[rest[0]].eq(new)
        self._youngest = youngest = Signal(layout, name="youngest_burst")
        m.d.comb += youngest.eq(Mux(due == len(bursts), bursts[1], bursts[0]))
        first = bursts[0]
        self._promise(
            self._aw_new == self._past(take, "take"),
            ~self._aw_new | (Value.cast(memory.aw.payload) == Value.cast(youngest)),
            ~memory.w.valid | (due != 0),
            ~memory.w.valid | (memory.w.payload.last == (nth == first.request.len)),
        )
        kept = self._past(Value.cast(memory.w.payload), "w_offered")
        self._promise(~self._past(memory.w.valid & ~memory.w.ready, "w_waits") | (memory.w.valid & (Value.cast(memory.w.payload) == kept)))
        busy, left, owner = channel["busy"], channel["left"], channel["owner"]
        mid = memory.w.valid & ~memory.w.payload.last
        self._index = index = Signal(LENGTH_WIDTH, name="index_in_channel")  # of the beat that the channel waits for
        m.d.comb += index.eq(youngest.request.len - left)
        self._lemma(
            due == (busy + (memory.w.valid & memory.w.payload.last)), ~mid | busy,
            ~busy | (index == Mux(memory.w.valid, Mux(memory.w.payload.last, 0, nth + 1), nth)), busy | memory.w.valid | (nth == 0),
            ~busy | (left <= youngest.request.len), (due == 0) | (nth <= first.request.len),
            ~busy | (youngest.id == owner), ~busy | (owner <= self._guarded), ~busy | (channel["trusted"] == (owner == self._guarded)),
            ~(busy & channel["trusted"]) | ~channel["fills"],
        )  # fmt: skip

    def _answerable(self, view: WriteView, owner: Value, total: Value) -> None:
        """Memory answers a write that it has taken, with its data."""
        m, memory = self._m, self.memory
        comes = memory.b.valid & (memory.b.payload.id == owner)
        open_beats = ((self._due != 0) & (self._bursts[0].id == owner)) + ((self._due == 2) & (self._bursts[1].id == owner))
        m.d.comb += [
            Assume(~comes | (total > open_beats)), Assume(~comes | (total > (memory.aw.valid & (memory.aw.payload.id == owner)))),
        ]  # fmt: skip
        self._claim.group = "writes"
        self._lemma(total >= open_beats, (total != 0) | ~(memory.aw.valid & (memory.aw.payload.id == owner)))

    def _writes(self) -> None:
        """Writes whose answer is to come are counted right."""
        m, memory, depth = self._m, self.memory, self._depth
        m.d.comb += Assume(~memory.b.valid | (memory.b.payload.id <= self._guarded))
        self._unanswered: list[Signal] = []
        for name, view, owner in (("write", self._write, self._n), ("trusted_write", self._trusted_write, Const(self._guarded))):
            total = Signal(range(2 * depth + 2), name=f"{name}_unanswered")
            m.d.sync += total.eq(total + (view["goes"] & ~view["refused"]) - (memory.b.valid & (memory.b.payload.id == owner)))
            self._unanswered.append(total)
            self._answerable(view, owner, total)
            self._claim.group = "writes"
            under_way = view["owns"] | (view["swallows"] & view["was_cut"])
            waits = Signal(range(depth + 1), name=f"{name}_waiting")
            kept = (slot & (n < view["level"]) for n, slot in enumerate(view.in_order("waits", "first", depth)))
            m.d.comb += waits.eq(sum(kept, Const(0)))
            self._lemma(
                view["at_memory"] == total, total <= depth, view["level"] <= depth, ~(view["owns"] & view["swallows"]),
                ~(view["owns"] | view["swallows"]) | (view["level"] < depth),
                (view["last"] - view["first"])[: depth.bit_length() - 1] == view["level"][: depth.bit_length() - 1],
                waits + under_way == view["at_memory"] + view["answers_level"],
                ~view["goes"] | view["wants"],
            )  # fmt: skip

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

    def _reports(self) -> None:
        """Every trusted beat that goes to memory is reported in the cycle before, as the word that it writes to; nothing else is."""
        self._claim.group = "reports"
        m, memory, inside = self._m, self.memory, self._inside
        channel, youngest, first = inside.channel, self._youngest, self._bursts[0]
        report = Signal.like(inside.checker.written, name="report")
        m.d.sync += report.eq(inside.checker.written)
        # The address is worked out when the beat goes. What it is worked out of is what memory has got by then.
        address = beat_address(m, youngest.request, self._index, "going")
        trusted = self._w_new & (first.id == self._guarded)
        went, was, index = self._past(address, "going"), self._past(Value.cast(youngest), "youngest"), self._past(self._index, "index")
        self._promise(
            report.valid == trusted,
            ~trusted | ((report.data == memory.w.payload.data) & (report.mask == memory.w.payload.strb)),
            ~trusted | ((was == Value.cast(first)) & (index == self._nth)),
            ~(trusted & (self._nth == self._beat)) | (report.word == went[WORD_LSB:]),
        )
        waits_for = channel["busy"] & channel["trusted"]
        sound = is_sound(youngest.request)
        inside_page = (self._beat > youngest.request.len) | lies_in_page(m, youngest.request, self._beat, "youngest_beat")
        self._lemma(
            (self._due == 0) | (sound & inside_page),  # it has been looked at when it was offered
            ~waits_for | (Value.cast(channel.shaped("request", BurstRequest)) == Value.cast(youngest.request)),
            ~waits_for | (channel["address"] == address[:PAGE_LSB]),
            self._w_new == self._past(channel["moves"], "moves"),
        )

    def _data(self) -> None:
        """A beat that selects bytes is the one that the burst's own master gave for it; each burst takes as many as its AW says."""
        self._claim.group = "data"
        m, memory = self._m, self.memory
        first = self._bursts[0]
        for name, view, owner in (("write", self._write, self._n), ("trusted_write", self._trusted_write, Const(self._guarded))):
            open_ = Signal(name=f"{name}_open")  # a burst has beats to come
            left, length = (Signal(LENGTH_WIDTH, name=f"{name}_beats_{of}") for of in ("left", "in_all"))
            uses = view["beats_out_valid"] & view["beats_out_ready"]
            with m.If(uses):
                m.d.sync += [open_.eq(left != 0), left.eq(left - 1)]
            with m.If(view["goes"]):
                m.d.sync += [open_.eq(1), left.eq(view.line.first.request.len), length.eq(view.line.first.request.len)]
            self._promise(~uses | (open_ & (view.beats.count != 0)), ~view["goes"] | ~open_ | (uses & (left == 0)))
            index = Signal(LENGTH_WIDTH, name=f"{name}_index")
            m.d.comb += index.eq(length - left)
            used = self._past(uses, f"{name}_uses")
            given = self._past(Cat(view.beats.first.data, view.beats.first.strb), f"{name}_given")
            at = self._past(index, f"{name}_index")
            selects = self._w_new & (first.id == owner) & memory.w.payload.strb.any()
            self._promise(~selects | (used & (given == Cat(memory.w.payload.data, memory.w.payload.strb)) & (at == self._nth)))
            busy = view["owns"] | view["swallows"]
            self._lemma(
                open_ == busy,
                ~busy | (left == Mux(view["owns"], view["left"], view["remain"])),
                ~busy | (left <= length),
                ~view["owns"] | (length == self._youngest.request.len),
            )

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

    def _write_answers(self) -> None:
        """One write of the watched port, any one, is followed from when it goes on, or is refused, to its answer: the one that memory gave
        it, or SLVERR if it was cut; if it was refused, the refusal."""
        self._claim.group = "answers"
        m, memory, write, depth = self._m, self.memory, self._write, self._depth
        bits = depth.bit_length() - 1
        followed, refused = Signal(name="write_followed"), Signal(name="write_followed_refused")
        pours = Signal(name="write_pours")  # its data are on their way
        number = Signal(self._settings.id_width, name="write_followed_id")
        ahead = Signal(range(depth + 1), name="writes_ahead")  # answers that its master gets before
        owed = Signal(range(depth + 1), name="answers_ahead")  # of which memory owes so many
        told, answer = Signal(name="memory_has_told"), Signal(2, name="memory_told")
        cut = Signal(name="write_followed_cut")
        gives, comes = write["gives"], memory.b.valid & (memory.b.payload.id == self._n)
        through = write["done"] | write["swallowed"]
        with m.If(followed & gives):
            m.d.sync += [ahead.eq(ahead - 1), followed.eq(ahead != 0)]
        with m.If(followed & comes & ~refused & ~told):
            m.d.sync += [owed.eq(owed - 1), told.eq(owed == 0), answer.eq(memory.b.payload.resp)]
        with m.If(through):
            m.d.sync += pours.eq(0)
        with m.If(pours & write["cut"]):
            m.d.sync += cut.eq(1)
        with m.If(write["goes"] & ~followed & AnySeq(1)):
            m.d.sync += [
                followed.eq(1), refused.eq(write["refused"]), pours.eq(1), number.eq(write.line.first.id), told.eq(0), cut.eq(0),
                ahead.eq(write["level"] + through - gives), owed.eq(self._unanswered[0] - comes),
            ]  # fmt: skip
        offer = Cat(write["b_id"], write["b_resp"])
        new = self._is_new(write["b_valid"], write["b_ready"], "b")
        given = self._past(followed & (ahead == 0) & gives, "write_answers")
        refusal = Response.SLVERR if self._settings.on_refusal is OnRefusal.ERROR else Response.OKAY
        self._promise(
            ~self._past(write["b_valid"] & ~write["b_ready"], "b_waits") | (write["b_valid"] & (offer == self._past(offer, "b_offered"))),
            new == self._past(gives, "b_gives"),
            ~given | (write["b_id"] == number),
            ~(given & refused) | (write["b_resp"] == refusal),
            ~(given & ~refused) | (told & (write["b_resp"] == Mux(cut, Response.SLVERR, answer))),
        )
        waits, level = write.in_order("waits", "first", depth), write["answers_level"]
        before = Signal(range(depth + 1), name="waiting_before")  # of those ahead, how many wait for memory
        m.d.comb += before.eq(sum((slot & (n < ahead) for n, slot in enumerate(waits)), Const(0)))
        own = followed & ~refused
        self._lemma(
            ~pours | followed,
            ~(followed & pours) | ((ahead == write["level"]) & (write["owns"] | write["swallows"]) & (write["number"] == number)),
            ~(followed & pours) | ((write["owns"] | write["was_cut"]) == ~refused),
            ~(followed & pours) | (write["swallows"] == (refused | cut)),
            ~(followed & ~pours) | (ahead < write["level"]),
            ~(own & ~told) | (before == owed + level), ~(own & told) | (before < level),
            (write["answers_last"] - write["answers_first"])[:bits] == level[:bits],
        )  # fmt: skip
        places = zip(write.in_order("id", "first", depth), waits, write.in_order("cut", "first", depth), strict=True)
        for n, (name, waiting, was_cut) in enumerate(places):
            self._lemma(
                ~(followed & ~pours & (ahead == n)) | ((name == number) & (waiting == ~refused) & (was_cut == (refused | cut)))
            )  # fmt: skip
        for n, kept in enumerate(write.in_order("resp", "answers_first", depth)):
            self._lemma(~(own & told & (before == n)) | (kept == answer))
