"""The write data channel to memory: AXI4 has no IDs there, so one burst has it from its first beat to its last."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.export.axi_burst import PAGE_LSB, next_address
from chipset.export.axi_bus import LENGTH_WIDTH, BurstRequest, WriteBeat
from chipset.memory_controller.controller import WriteEvent

__all__ = ["WriteChannel"]


class WriteChannel(wiring.Component):
    """Hands the beats of the burst that has the channel to memory, one a cycle.

    A burst gets the channel only when its first beat is there. If its master then keeps the channel waiting for ``stall_limit`` cycles in
    all, the burst is *cut*: the beats that are missing go to memory without a byte selected, so the channel is free again, and memory keeps
    what it has.

    Parameters
    ----------
    ports : number of ports; the last one is trusted: it is never cut, and what it writes is reported
    stall_limit : cycles; 0: nothing is cut

    Members
    -------
    ports : streams of WriteBeat, In
    free : Out(1), the channel is free, or becomes so with this cycle's beat
    take : In(1), only with ``free``: the burst of port number ``taker`` In has the channel from now on
    request : In(BurstRequest), its AW
    owns : Out(ports), whose burst has it; done : Out(ports), its last beat goes; cut : Out(ports), with ``left`` Out(8) as of ``WritePort``
    w : stream of WriteBeat, Out
    written : Out(WriteEvent), the trusted port's words
    """

    def __init__(self, *, ports: int, stall_limit: int) -> None:
        self._count = ports
        self._stall_limit = stall_limit
        super().__init__({
            "ports": In(stream.Signature(WriteBeat)).array(ports), "free": Out(1), "take": In(1), "taker": In(range(ports)),
            "request": In(BurstRequest), "owns": Out(ports), "done": Out(ports), "cut": Out(ports), "left": Out(LENGTH_WIDTH),
            "w": Out(stream.Signature(WriteBeat)), "written": Out(WriteEvent),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        w = self.w
        busy = Signal()  # a burst has the channel
        fills = Signal()  # it has been cut
        owner = Signal(range(self._count))
        trusted = Signal()  # the owner is
        left = self.left  # beats after this one
        beat = Signal(WriteBeat)
        offered, last, stuck = Signal(), Signal(), Signal()
        moves = Signal()
        m.d.comb += [
            beat.eq(Array(port.payload for port in self.ports)[owner]),
            offered.eq(Array(port.valid for port in self.ports)[owner]),
            moves.eq(busy & (offered | fills) & (~w.valid | w.ready)),
            last.eq(left == 0),
            self.free.eq(~busy | (moves & last)),
            self.owns.eq(Cat(busy & ~fills & (owner == n) for n in range(self._count))),
            self.done.eq(self.owns & (moves & last).replicate(self._count)),
            self.cut.eq(self.owns & stuck.replicate(self._count)),
        ]
        for n, port in enumerate(self.ports):
            m.d.comb += port.ready.eq(self.owns[n] & moves)
        with m.If(~w.valid | w.ready):
            m.d.sync += [
                w.valid.eq(moves), w.payload.data.eq(beat.data), w.payload.strb.eq(Mux(fills, 0, beat.strb)), w.payload.last.eq(last),
            ]  # fmt: skip
        with m.If(moves):
            m.d.sync += left.eq(left - 1)
            with m.If(last):
                m.d.sync += busy.eq(0)
        with m.If(self.take):
            m.d.sync += [
                busy.eq(1), fills.eq(0), owner.eq(self.taker), trusted.eq(self.taker == self._count - 1), left.eq(self.request.len),
            ]  # fmt: skip
        if self._stall_limit:
            stalls = Signal(range(self._stall_limit + 1))
            waits = busy & ~offered & ~fills & ~trusted
            m.d.comb += stuck.eq(waits & (stalls == self._stall_limit))
            with m.If(self.take):
                m.d.sync += stalls.eq(0)
            with m.Elif(waits):
                m.d.sync += stalls.eq(stalls + 1)
            with m.If(stuck):
                m.d.sync += fills.eq(1)
        self._report(m, beat, moves, trusted)
        return m

    def _report(self, m: Module, beat: Signal, moves: Signal, trusted: Signal) -> None:
        """The trusted port's beats as words, with their addresses."""
        request = Signal(BurstRequest)  # of the burst that has the channel
        page = request.addr[PAGE_LSB:]
        address = Signal(PAGE_LSB)
        after = next_address(m, address, request.size, request.burst, request.len)
        m.d.comb += [
            self.written.valid.eq(moves & trusted),
            self.written.word.eq(Cat(address, page)[2:]), self.written.mask.eq(beat.strb), self.written.data.eq(beat.data),
        ]  # fmt: skip
        with m.If(moves):
            m.d.sync += address.eq(after)
        with m.If(self.take):
            m.d.sync += [request.eq(self.request), address.eq(self.request.addr)]
