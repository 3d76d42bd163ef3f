"""Of the AXI4 wrapper's proof, what is said of writes: whose beats they are, who hears of them, and how they are answered."""

from amaranth.hdl import Array, Assume, Cat, Const, Mux, Signal, Value
from amaranth.hdl._ast import AnySeq
from amaranth.lib import data

from chipset.export.axi_bus import LENGTH_WIDTH, BurstRequest, Response
from chipset.export.settings import OnRefusal
from cocotb_tests.chipset.export.axi_frame import AxiFrame
from cocotb_tests.chipset.export.axi_inside import WriteView
from cocotb_tests.chipset.export.axi_spec import PAGE_LSB, WORD_LSB, beat_address, is_sound, lies_in_page

__all__ = ["AxiWrites"]


class AxiWrites(AxiFrame):
    """``_channel`` comes first: the others speak of the bursts that it notes."""

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
        self._unanswered = []
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
