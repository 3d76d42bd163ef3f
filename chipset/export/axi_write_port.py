"""Writes of one AXI4 port: requests wait to be judged, data wait for the channel or are swallowed, answers keep the order of requests."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.export.axi_bus import LENGTH_WIDTH, BurstRequest, Response, WriteBeat, address_layout, answer_layout
from chipset.export.queue import Queue
from chipset.export.relay import Relay

__all__ = ["WritePort"]


class WritePort(wiring.Component):
    """Has one burst's data under way at a time: they go to the write channel, or, if it has been refused or cut, nowhere.

    Where a burst ends is counted: the master's WLAST is not believed.

    Parameters
    ----------
    id_width, depth, refusal : as of ``ReadPort``

    Members
    -------
    aw : stream of address_layout, In; w : stream of WriteBeat, In; b : stream of answer_layout, Out
    owns : In(1), its burst has the write channel, of which this is the last beat if ``goes``
    wants : Out(1), ``request`` Out(BurstRequest) can go on, and the first beat of its data is there in the next cycle: it stays so until
        it ``goes`` In(1), with ``refused`` In(1)
    beats : stream of WriteBeat, Out, to the channel
    done : In(1), the last of them goes to memory
    cut : In(1), the channel does without those that are left, ``left`` In(8) and one more
    answer_valid : In(1), memory's answer to the oldest burst that has none, ``answer`` In(Response); it is taken at once
    in_memory : Out(1), answers are still to come
    """

    def __init__(self, *, id_width: int, depth: int, refusal: Response) -> None:
        self._id_width = id_width
        self._depth = depth
        self._refusal = refusal
        super().__init__({
            "aw": In(stream.Signature(address_layout(id_width))), "w": In(stream.Signature(WriteBeat)),
            "b": Out(stream.Signature(answer_layout(id_width))), "owns": In(1),
            "wants": Out(1), "request": Out(BurstRequest), "goes": In(1), "refused": In(1),
            "beats": Out(stream.Signature(WriteBeat)), "done": In(1), "cut": In(1), "left": In(LENGTH_WIDTH),
            "answer_valid": In(1), "answer": In(Response), "in_memory": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.requests = requests = Relay(address_layout(self._id_width))
        m.submodules.beats = beats = Relay(WriteBeat)
        # Bursts whose data are through; ``waits``: memory answers, ``cut``: with an error, whatever memory says.
        m.submodules.through = through = Queue(data.StructLayout({"id": self._id_width, "waits": 1, "cut": 1}), self._depth)
        m.submodules.answers = answers = Queue(data.StructLayout({"resp": Response}), self._depth)
        wiring.connect(m, wiring.flipped(self.aw), requests.items)
        wiring.connect(m, wiring.flipped(self.w), beats.items)
        b, head = self.b, through.head
        number = Signal(self._id_width)  # the ID of the burst whose data are under way
        swallows = Signal()
        was_cut = Signal()
        remain = Signal(LENGTH_WIDTH)  # beats to swallow after this one
        swallowed = Signal()
        at_memory = Signal(range(self._depth + 1))
        gives = Signal()
        m.d.comb += [
            self.request.eq(requests.out.payload.request),
            # There is a place in ``through`` for it, and one for the burst that has the channel now.
            self.wants.eq(
                requests.out.valid & ~swallows
                & Mux(self.owns, beats.more & (through.level < self._depth - 1), beats.out.valid & (through.level != self._depth))
            ),
            requests.out.ready.eq(self.goes),
            self.beats.payload.eq(beats.out.payload), self.beats.valid.eq(beats.out.valid & ~swallows),
            beats.out.ready.eq(swallows | self.beats.ready),
            swallowed.eq(swallows & beats.out.valid & (remain == 0)),
            through.push.eq(self.done | swallowed),
            through.item.id.eq(number), through.item.waits.eq(self.done | was_cut), through.item.cut.eq(~self.done),
            answers.push.eq(self.answer_valid), answers.item.resp.eq(self.answer),
            gives.eq((~b.valid | b.ready) & (through.level != 0) & (~head.waits | (answers.level != 0))),
            through.pop.eq(gives), answers.pop.eq(gives & head.waits),
            self.in_memory.eq(at_memory != 0),
        ]  # fmt: skip
        m.d.sync += at_memory.eq(at_memory + (self.goes & ~self.refused) - self.answer_valid)
        with m.If(swallows & beats.out.valid):
            m.d.sync += [swallows.eq(remain != 0), remain.eq(remain - 1)]
        with m.If(self.goes):
            m.d.sync += [number.eq(requests.out.payload.id), swallows.eq(self.refused), was_cut.eq(0), remain.eq(self.request.len)]
        with m.If(self.cut):
            m.d.sync += [swallows.eq(1), was_cut.eq(1), remain.eq(self.left)]
        with m.If(~b.valid | b.ready):
            m.d.sync += [
                b.valid.eq(gives), b.payload.id.eq(head.id),
                b.payload.resp.eq(Mux(~head.waits, self._refusal, Mux(head.cut, Response.SLVERR, answers.head.resp))),
            ]  # fmt: skip
        return m
