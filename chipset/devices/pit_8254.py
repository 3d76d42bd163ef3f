"""An 8254 interval timer, after Intel's data sheet (231164-005): three counters, six modes, binary.

Counting in BCD is not there: the bit is kept and read back, the counter counts in binary.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import IoSignature

__all__ = ["Counter", "Mode", "Pit8254"]

_CONTROL = 3  # address of the control word register
_READ_BACK = 3  # counter number that stands for the read-back command
_REFRESH_TICKS = 18


class Mode(enum.Enum, shape=3):
    """What a counter does; modes 6 and 7 are 2 and 3."""

    TERMINAL_COUNT = 0
    ONE_SHOT = 1
    RATE = 2
    SQUARE = 3
    SOFTWARE_STROBE = 4
    HARDWARE_STROBE = 5
    RATE_ALIAS = 6
    SQUARE_ALIAS = 7


class _Bytes(enum.Enum, shape=2):
    """Which bytes of the count are written and read."""

    LATCH = 0
    LOW = 1
    HIGH = 2
    BOTH = 3


class _Control(data.Struct):
    """The control word."""

    bcd: 1
    mode: Mode
    bytes: _Bytes
    counter: 2


class _ReadBack(data.Struct):
    """The read-back command."""

    zero: 1
    counters: 3
    no_status: 1
    no_count: 1
    ones: 2


class Counter(wiring.Component):
    """One counter.

    Members
    -------
    tick : In(1), one cycle for each pulse of CLK; gate : In(1); out : Out(1)
    control : In(_Control) with control_write In(1)
    latch_count, latch_status : In(1), of the read-back command or the latch command
    write, write_data, read, read_data : the counter's port
    """

    def __init__(self) -> None:
        super().__init__({
            "tick": In(1), "gate": In(1), "out": Out(1),
            "control": In(_Control), "control_write": In(1), "latch_count": In(1), "latch_status": In(1),
            "write": In(1), "write_data": In(8), "read": In(1), "read_data": Out(8),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        control = Signal(_Control)
        mode = Signal(Mode)  # without the aliases
        reload = Signal(16)  # CR, as written
        count = Signal(16)  # CE
        null_count = Signal(init=1)
        written = Signal()  # a whole count has come since the control word
        high_next = Signal()  # the next byte written is the high one
        low_byte = Signal(8)  # the first byte of two, until the second comes
        load = Signal()  # CR goes to CE at the next tick
        armed = Signal()  # the gate has risen since the last tick
        strobe_done = Signal()  # the strobe or terminal count of this run is over
        gate_before = Signal()
        m.d.comb += mode.eq(Mux(control.mode.as_value()[1], control.mode.as_value()[:2], control.mode))

        self._reads(m, control, count, null_count)

        # Counting. An odd square wave is high for one tick more than it is low.
        odd_high = reload[0] & self.out
        last_square = Mux(odd_high, count == 0, count == 2)
        rising = self.gate & ~gate_before
        periodic = (mode == Mode.RATE) | (mode == Mode.SQUARE)
        triggered = (mode == Mode.ONE_SHOT) | (mode == Mode.HARDWARE_STROBE)
        m.d.sync += gate_before.eq(self.gate)
        with m.If(rising):
            m.d.sync += armed.eq(1)
        with m.If(periodic & ~self.gate):
            m.d.sync += self.out.eq(1)

        start = Mux(mode == Mode.SQUARE, Cat(0, reload[1:]), reload)
        with m.If(self.tick & written):
            m.d.sync += armed.eq(rising)
            with m.If(load & ~triggered | (armed & (triggered | periodic))):
                m.d.sync += [count.eq(start), load.eq(0), null_count.eq(0), strobe_done.eq(0)]
                with m.If(mode == Mode.ONE_SHOT):
                    m.d.sync += self.out.eq(0)
                with m.Elif(mode != Mode.TERMINAL_COUNT):
                    m.d.sync += self.out.eq(1)
            with m.Else():
                with m.Switch(mode):
                    with m.Case(Mode.TERMINAL_COUNT):
                        with m.If(self.gate & ~high_next):
                            m.d.sync += count.eq(count - 1)
                            with m.If(count == 1):
                                m.d.sync += self.out.eq(1)
                    with m.Case(Mode.ONE_SHOT):
                        m.d.sync += count.eq(count - 1)
                        with m.If(count == 1):
                            m.d.sync += self.out.eq(1)
                    with m.Case(Mode.RATE):
                        with m.If(self.gate):
                            with m.If(count == 1):
                                m.d.sync += [count.eq(reload), self.out.eq(1), null_count.eq(0)]
                            with m.Else():
                                m.d.sync += [count.eq(count - 1), self.out.eq(count != 2)]
                    with m.Case(Mode.SQUARE):
                        with m.If(self.gate):
                            with m.If(last_square):
                                m.d.sync += [count.eq(start), self.out.eq(~self.out), null_count.eq(0)]
                            with m.Else():
                                m.d.sync += count.eq(count - 2)
                    with m.Default():
                        with m.If(self.gate | (mode == Mode.HARDWARE_STROBE)):
                            m.d.sync += [count.eq(count - 1), self.out.eq((count != 1) | strobe_done)]
                            with m.If(count == 1):
                                m.d.sync += strobe_done.eq(1)

        # Writes come last: they win.
        complete = Signal()
        with m.If(self.write):
            with m.Switch(control.bytes):
                with m.Case(_Bytes.LOW):
                    m.d.sync += reload.eq(self.write_data)
                    m.d.comb += complete.eq(1)
                with m.Case(_Bytes.HIGH):
                    m.d.sync += reload.eq(self.write_data << 8)
                    m.d.comb += complete.eq(1)
                with m.Default():
                    m.d.sync += high_next.eq(~high_next)
                    with m.If(high_next):
                        m.d.sync += reload.eq(Cat(low_byte, self.write_data))
                        m.d.comb += complete.eq(1)
                    with m.Else():
                        m.d.sync += low_byte.eq(self.write_data)
            with m.If(mode == Mode.TERMINAL_COUNT):
                m.d.sync += self.out.eq(0)
            with m.If(complete):
                m.d.sync += [written.eq(1), null_count.eq(1), load.eq(~periodic | ~written)]
        with m.If(self.control_write):
            m.d.sync += [
                control.eq(self.control), null_count.eq(1), written.eq(0), high_next.eq(0), load.eq(0), armed.eq(0), strobe_done.eq(1),
                self.out.eq(self.control.mode != Mode.TERMINAL_COUNT),
            ]  # fmt: skip
        return m

    def _reads(self, m: Module, control: Signal, count: Signal, null_count: Signal) -> None:
        """The output latches and the read port."""
        latched_count = Signal(16)
        count_latched = Signal()
        status = Signal(8)
        status_latched = Signal()
        high = Signal()  # the next byte read of two is the high one
        value = Signal(16)
        m.d.comb += value.eq(Mux(count_latched, latched_count, count))
        take_high = (control.bytes == _Bytes.HIGH) | ((control.bytes == _Bytes.BOTH) & high)
        m.d.comb += self.read_data.eq(Mux(status_latched, status, Mux(take_high, value[8:], value[:8])))
        with m.If(self.latch_count & ~count_latched):
            m.d.sync += [latched_count.eq(count), count_latched.eq(1)]
        with m.If(self.latch_status & ~status_latched):
            whole = control.as_value()
            m.d.sync += [status.eq(Cat(whole[:6], null_count, self.out)), status_latched.eq(1)]
        with m.If(self.read):
            with m.If(status_latched):
                m.d.sync += status_latched.eq(0)
            with m.Elif((control.bytes == _Bytes.BOTH) & ~high):
                m.d.sync += high.eq(1)
            with m.Else():
                m.d.sync += [high.eq(0), count_latched.eq(0)]
        with m.If(self.control_write):
            m.d.sync += [high.eq(0), count_latched.eq(0), status_latched.eq(0)]


class Pit8254(wiring.Component):
    """The timer, ports 40h to 43h, and the bits of port 61h that belong to it.

    Parameters
    ----------
    divider : cycles of the system clock in one of the timer's (of ``contracts.clocks.PIT_HZ`` on a PC)

    Members
    -------
    io : In(IoSignature), four ports; port_b : In(IoSignature), port 61h
    irq : Out(1), OUT of counter 0; speaker : Out(1)
    tick : Out(1), a cycle for each pulse of the timer's clock
    """

    def __init__(self, divider: int) -> None:
        if divider < 1:
            raise ValueError(f"the timer's clock divider is {divider}: at least 1")
        self._divider = divider
        super().__init__({"io": In(IoSignature()), "port_b": In(IoSignature()), "irq": Out(1), "speaker": Out(1), "tick": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        io = self.io
        tick = self.tick
        if self._divider == 1:
            m.d.comb += tick.eq(1)
        else:
            phase = Signal(range(self._divider))
            m.d.sync += [tick.eq(phase == 0), phase.eq(Mux(phase == 0, self._divider - 1, phase - 1))]

        gate2 = Signal()
        speaker = Signal()
        refresh = Signal()  # toggles every 15 microseconds, as on an AT
        word, read_back = _Control(io.write_data), _ReadBack(io.write_data)
        to_control = io.write & (io.address == _CONTROL)
        is_read_back = to_control & (word.counter == _READ_BACK)
        counters = []
        for n in range(3):
            m.submodules[f"counter{n}"] = counter = Counter()
            counters.append(counter)
            mine = to_control & (word.counter == n)
            asked = is_read_back & read_back.counters[n]
            m.d.comb += [
                counter.tick.eq(tick),
                counter.gate.eq(gate2 if n == 2 else 1),
                counter.control.eq(word),
                counter.control_write.eq(mine & (word.bytes != _Bytes.LATCH)),
                counter.latch_count.eq((mine & (word.bytes == _Bytes.LATCH)) | (asked & ~read_back.no_count)),
                counter.latch_status.eq(asked & ~read_back.no_status),
                counter.write.eq(io.write & (io.address == n)),
                counter.write_data.eq(io.write_data),
                counter.read.eq(io.read & (io.address == n)),
            ]
        with m.Switch(io.address):
            for n, counter in enumerate(counters):
                with m.Case(n):
                    m.d.comb += io.read_data.eq(counter.read_data)
            with m.Default():
                m.d.comb += io.read_data.eq(0xFF)

        refresh_count = Signal(range(_REFRESH_TICKS))
        with m.If(tick):
            m.d.sync += refresh_count.eq(refresh_count + 1)
            with m.If(refresh_count == _REFRESH_TICKS - 1):
                m.d.sync += [refresh_count.eq(0), refresh.eq(~refresh)]
        with m.If(self.port_b.write):
            m.d.sync += Cat(gate2, speaker).eq(self.port_b.write_data)
        m.d.comb += [
            self.port_b.read_data.eq(Cat(gate2, speaker, 0, 0, refresh, counters[2].out)),
            self.irq.eq(counters[0].out),
            self.speaker.eq(speaker & counters[2].out),
        ]
        return m
