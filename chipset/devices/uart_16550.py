"""A 16550A, as PC16550D's data sheet describes it, with byte streams where the shift registers would be.

On a board ``tx`` and ``rx`` lead to a serial shifter; in a simulation they are the console.
"""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, enum, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import IoSignature

__all__ = ["FIFO_DEPTH", "Uart16550"]

FIFO_DEPTH = 16


class _Port(enum.Enum, shape=3):
    """Register addresses; with LCR.DLAB set, 0 and 1 are the divisor."""

    DATA = 0
    IER = 1
    IIR_FCR = 2
    LCR = 3
    MCR = 4
    LSR = 5
    MSR = 6
    SCR = 7


class _Ier(data.Struct):
    received: 1
    transmit_empty: 1
    line_status: 1
    modem_status: 1


class _Fcr(data.Struct):
    enable: 1
    clear_receiver: 1
    clear_transmitter: 1
    dma_mode: 1
    reserved: 2
    trigger: 2


class _Mcr(data.Struct):
    dtr: 1
    rts: 1
    out1: 1
    out2: 1  # on a PC: lets the interrupt out
    loopback: 1


class _Cause(enum.Enum, shape=4):
    """IIR bits 3:0."""

    NONE = 0b0001
    MODEM_STATUS = 0b0000
    TRANSMIT_EMPTY = 0b0010
    RECEIVED = 0b0100
    TIMEOUT = 0b1100
    LINE_STATUS = 0b0110


_TRIGGER_LEVELS = (1, 4, 8, 14)


class _Fifo(wiring.Component):
    """Sixteen bytes that can be cleared; one, where the FIFOs are off."""

    def __init__(self) -> None:
        super().__init__({
            "clear": In(1), "deep": In(1), "write": In(1), "write_data": In(8), "read": In(1), "read_data": Out(8),
            "level": Out(range(FIFO_DEPTH + 1)), "full": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bytes_ = fifo.SyncFIFO(width=8, depth=FIFO_DEPTH)
        m.submodules.bytes = ResetInserter(self.clear)(bytes_)
        m.d.comb += [
            self.level.eq(bytes_.level),
            self.full.eq(Mux(self.deep, ~bytes_.w_rdy, bytes_.r_rdy)),
            bytes_.w_data.eq(self.write_data),
            bytes_.w_en.eq(self.write & ~self.full),
            bytes_.r_en.eq(self.read),
            self.read_data.eq(bytes_.r_data),
        ]
        return m


class Uart16550(wiring.Component):
    """The UART.

    Parameters
    ----------
    timeout : cycles without traffic after which fewer received bytes than the trigger level raise an interrupt

    Members
    -------
    io : In(IoSignature), eight ports
    irq : Out(1), already gated by MCR.OUT2
    tx : stream of bytes, Out; rx : stream of bytes, In (``ready`` as long as there is room: the console waits instead of losing bytes)
    """

    def __init__(self, timeout: int = 4096) -> None:
        self._timeout = timeout
        super().__init__({
            "io": In(IoSignature()), "irq": Out(1), "tx": Out(stream.Signature(8)), "rx": In(stream.Signature(8)), "divisor": Out(16),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        io = self.io
        ier = Signal(_Ier)
        mcr = Signal(_Mcr)
        lcr = Signal(8)
        scratch = Signal(8)
        fifos_on = Signal()
        trigger = Signal(2)
        divisor = self.divisor
        dlab = lcr[-1]
        m.submodules.receiver = receiver = _Fifo()
        m.submodules.transmitter = transmitter = _Fifo()
        m.d.comb += [receiver.deep.eq(fifos_on), transmitter.deep.eq(fifos_on)]

        def writes(port: _Port) -> Signal:
            return io.write & (io.address == port)

        def reads(port: _Port) -> Signal:
            return io.read & (io.address == port)

        # Data in and out. In loopback the transmitter feeds the receiver and nothing leaves.
        overrun = Signal()
        lost = Signal()
        m.d.comb += [
            transmitter.write.eq(writes(_Port.DATA) & ~dlab),
            transmitter.write_data.eq(io.write_data),
            receiver.read.eq(reads(_Port.DATA) & ~dlab),
        ]
        with m.If(mcr.loopback):
            m.d.comb += [
                transmitter.read.eq(transmitter.level != 0),
                receiver.write.eq(transmitter.level != 0),
                receiver.write_data.eq(transmitter.read_data),
                lost.eq(receiver.write & receiver.full),
            ]
        with m.Else():
            m.d.comb += [
                self.tx.valid.eq(transmitter.level != 0),
                self.tx.payload.eq(transmitter.read_data),
                transmitter.read.eq(self.tx.ready),
                self.rx.ready.eq(~receiver.full),
                receiver.write.eq(self.rx.valid),
                receiver.write_data.eq(self.rx.payload),
            ]
        with m.If(reads(_Port.LSR)):
            m.d.sync += overrun.eq(0)
        with m.If(lost):
            m.d.sync += overrun.eq(1)

        # Interrupts.
        timer = Signal(range(self._timeout + 1))
        level_reached = Signal()
        timed_out = Signal()
        with m.Switch(trigger):
            for n, level in enumerate(_TRIGGER_LEVELS):
                with m.Case(n):
                    m.d.comb += level_reached.eq(receiver.level >= Mux(fifos_on, level, 1))
        m.d.comb += timed_out.eq(fifos_on & (timer == self._timeout))
        with m.If((receiver.level == 0) | receiver.read | (receiver.write & ~receiver.full)):
            m.d.sync += timer.eq(0)
        with m.Elif(~timed_out):
            m.d.sync += timer.eq(timer + 1)

        empty = Signal()
        was_empty = Signal(init=1)
        empty_pending = Signal()
        m.d.comb += empty.eq(transmitter.level == 0)
        m.d.sync += was_empty.eq(empty)
        cause = Signal(_Cause)
        modem_delta = self._modem_delta(m, mcr, reads(_Port.MSR))
        with m.If(ier.line_status & overrun):
            m.d.comb += cause.eq(_Cause.LINE_STATUS)
        with m.Elif(ier.received & level_reached):
            m.d.comb += cause.eq(_Cause.RECEIVED)
        with m.Elif(ier.received & timed_out):
            m.d.comb += cause.eq(_Cause.TIMEOUT)
        with m.Elif(ier.transmit_empty & empty_pending):
            m.d.comb += cause.eq(_Cause.TRANSMIT_EMPTY)
        with m.Elif(ier.modem_status & modem_delta.any()):
            m.d.comb += cause.eq(_Cause.MODEM_STATUS)
        with m.Else():
            m.d.comb += cause.eq(_Cause.NONE)
        m.d.comb += self.irq.eq((cause != _Cause.NONE) & mcr.out2 & ~mcr.loopback)
        with m.If(transmitter.write | (reads(_Port.IIR_FCR) & (cause == _Cause.TRANSMIT_EMPTY))):
            m.d.sync += empty_pending.eq(0)
        with m.Elif(empty & ~was_empty):
            m.d.sync += empty_pending.eq(1)

        # Registers.
        with m.If(io.write):
            with m.Switch(io.address):
                with m.Case(_Port.DATA):
                    with m.If(dlab):
                        m.d.sync += divisor[:8].eq(io.write_data)
                with m.Case(_Port.IER):
                    with m.If(dlab):
                        m.d.sync += divisor[8:].eq(io.write_data)
                    with m.Else():
                        enabled = _Ier(io.write_data[: ier.as_value().shape().width])
                        m.d.sync += ier.eq(enabled)
                        with m.If(enabled.transmit_empty & ~ier.transmit_empty & empty):
                            m.d.sync += empty_pending.eq(1)
                with m.Case(_Port.IIR_FCR):
                    fcr = _Fcr(io.write_data)
                    m.d.sync += fifos_on.eq(fcr.enable)
                    with m.If(fcr.enable):
                        m.d.sync += trigger.eq(fcr.trigger)
                    switched = fcr.enable ^ fifos_on
                    m.d.comb += [
                        receiver.clear.eq((fcr.enable & fcr.clear_receiver) | switched),
                        transmitter.clear.eq((fcr.enable & fcr.clear_transmitter) | switched),
                    ]
                with m.Case(_Port.LCR):
                    m.d.sync += lcr.eq(io.write_data)
                with m.Case(_Port.MCR):
                    m.d.sync += mcr.eq(io.write_data)
                with m.Case(_Port.SCR):
                    m.d.sync += scratch.eq(io.write_data)
        with m.Switch(io.address):
            with m.Case(_Port.DATA):
                data_byte = Mux(receiver.level != 0, receiver.read_data, 0)
                m.d.comb += io.read_data.eq(Mux(dlab, divisor[:8], data_byte))
            with m.Case(_Port.IER):
                m.d.comb += io.read_data.eq(Mux(dlab, divisor[8:], ier.as_value()))
            with m.Case(_Port.IIR_FCR):
                m.d.comb += io.read_data.eq(Cat(cause, Const(0, 2), fifos_on.replicate(2)))
            with m.Case(_Port.LCR):
                m.d.comb += io.read_data.eq(lcr)
            with m.Case(_Port.MCR):
                m.d.comb += io.read_data.eq(mcr.as_value())
            with m.Case(_Port.LSR):
                m.d.comb += io.read_data.eq(Cat(receiver.level != 0, overrun, Const(0, 3), empty, empty))
            with m.Case(_Port.MSR):
                m.d.comb += io.read_data.eq(Cat(modem_delta, self._lines(mcr)))
            with m.Case(_Port.SCR):
                m.d.comb += io.read_data.eq(scratch)
        return m

    @staticmethod
    def _lines(mcr: Signal) -> Signal:
        """CTS, DSR, RI, DCD: the looped-back outputs, or a partner that is always there."""
        return Mux(mcr.loopback, Cat(mcr.rts, mcr.dtr, mcr.out1, mcr.out2), Const(0b1011, 4))

    def _modem_delta(self, m: Module, mcr: Signal, cleared: Signal) -> Signal:
        """MSR's delta bits: set when a line changes (RI: when it falls), cleared by reading."""
        now = Signal(4)
        before = Signal(4, init=0b1011)
        changed = Signal(4)
        delta = Signal(4)
        ring = 2
        m.d.comb += [now.eq(self._lines(mcr)), changed.eq(now ^ before)]
        m.d.comb += changed[ring].eq(before[ring] & ~now[ring])
        m.d.sync += [before.eq(now), delta.eq(Mux(cleared, 0, delta) | changed)]
        return delta
