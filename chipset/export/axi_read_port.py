"""Reads of one AXI4 port: requests wait to be judged, answers are given in the order of the requests."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.export.axi_bus import LENGTH_WIDTH, BurstRequest, ReadBeat, Response, address_layout, read_beat_layout
from chipset.export.queue import Queue
from chipset.export.relay import Relay

__all__ = ["ReadPort"]


class ReadPort(wiring.Component):
    """Keeps the ID and length of each burst that it has passed on, and answers in the master's place what has been refused.

    Towards memory all bursts of a port have one ID, so their beats come back in order, and the port needs to know nothing else of them. It
    is owed nothing by its master: where the master has kept a beat of a burst waiting, and with it everybody's channel, for
    ``stall_limit`` cycles, the port *cuts* what it has at memory. The rest of it is dropped as it comes, and the master gets as many beats
    as it asked for, but errors.

    Parameters
    ----------
    id_width : of the master
    depth : bursts passed on and not yet answered, a power of two
    refusal : the answer to what is refused; its data are ones
    stall_limit : cycles; 0: nothing is cut

    Members
    -------
    ar : stream of address_layout, In; r : stream of read_beat_layout, Out
    wants : Out(1), ``request`` Out(BurstRequest) can go on: it stays so until it ``goes`` In(1), with ``refused`` In(1)
    cut : Out(1): what goes now must be ``refused``
    beat_valid : In(1), memory's next beat is for this port: ``beat`` In(ReadBeat); beat_taken : Out(1)
    in_memory : Out(1), beats of what has been passed on are still to come
    hold : In(1), a commit waits: the stalls of all bursts together are limited, not those of each
    """

    def __init__(self, *, id_width: int, depth: int, refusal: Response, stall_limit: int) -> None:
        self._id_width = id_width
        self._depth = depth
        self._refusal = refusal
        self._stall_limit = stall_limit
        super().__init__({
            "ar": In(stream.Signature(address_layout(id_width))), "r": Out(stream.Signature(read_beat_layout(id_width))),
            "wants": Out(1), "request": Out(BurstRequest), "goes": In(1), "refused": In(1), "cut": Out(1),
            "beat_valid": In(1), "beat": In(ReadBeat), "beat_taken": Out(1), "in_memory": Out(1), "hold": In(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.requests = requests = Relay(address_layout(self._id_width))
        m.submodules.passed = passed = Queue(data.StructLayout({"id": self._id_width, "len": LENGTH_WIDTH}), self._depth)
        wiring.connect(m, wiring.flipped(self.ar), requests.items)
        r, head = self.r, passed.head
        at_memory = Signal(range(self._depth + 1))  # bursts of which memory still has beats
        last_refused = Signal()  # the youngest burst of ``passed`` has been refused; until it is answered none follows it
        error = Signal()  # the oldest one is answered here
        number = Signal(LENGTH_WIDTH)  # of the beat in its burst
        free, finishes = Signal(), Signal()
        gives = Signal()
        ends = Signal()
        m.d.comb += [
            self.request.eq(requests.out.payload.request),
            # So a beat from memory never waits for beats that are made up here.
            self.wants.eq(requests.out.valid & (passed.level != self._depth) & ~last_refused),
            requests.out.ready.eq(self.goes),
            passed.push.eq(self.goes), passed.item.id.eq(requests.out.payload.id), passed.item.len.eq(self.request.len),
            free.eq(~r.valid | r.ready),
            error.eq(self.cut | (last_refused & (passed.level == 1))),
            gives.eq(free & (passed.level != 0) & (error | self.beat_valid)),
            ends.eq(gives & (number == head.len)),
            passed.pop.eq(ends),
            self.beat_taken.eq(self.beat_valid & (self.cut | free)),
            finishes.eq(self.beat_taken & self.beat.last),
            self.in_memory.eq(at_memory != 0),
        ]  # fmt: skip
        m.d.sync += at_memory.eq(at_memory + (self.goes & ~self.refused) - finishes)
        with m.If(self.goes & self.refused):
            m.d.sync += last_refused.eq(1)
        with m.Elif(ends & (passed.level == 1)):
            m.d.sync += last_refused.eq(0)
        with m.If(free):
            m.d.sync += r.valid.eq(gives)
        # Nothing else: what others read must not be seen here, valid or not.
        with m.If(gives):
            m.d.sync += [
                r.payload.id.eq(head.id), r.payload.beat.last.eq(number == head.len),
                r.payload.beat.data.eq(Mux(error, Const(-1, len(self.beat.data)), self.beat.data)),
                r.payload.beat.resp.eq(Mux(self.cut, Response.SLVERR, Mux(error, self._refusal, self.beat.resp))),
                number.eq(Mux(ends, 0, number + 1)),
            ]  # fmt: skip
        if self._stall_limit:
            stalls = Signal(range(self._stall_limit + 1))
            with m.If(self.beat_valid & ~self.beat_taken):
                m.d.sync += stalls.eq(stalls + 1)
                with m.If(stalls == self._stall_limit):
                    m.d.sync += [self.cut.eq(1), stalls.eq(0)]
            with m.Elif(finishes & ~self.hold):
                m.d.sync += stalls.eq(0)
            with m.If(self.cut & (at_memory == 0) & (passed.level == 0) & ~self.goes):
                m.d.sync += self.cut.eq(0)
        return m
