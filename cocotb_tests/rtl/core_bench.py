"""The core alone with the simplest memory: a top for the model library, on which real code runs without a chipset.

1 MiB of RAM, seen from 0 and once more at the top of the address space, where the reset vector is. Ports: OUT to ``EXIT`` ends the
run, OUT to ``CONSOLE`` is a byte of output; a word to ``INTERRUPT`` raises an interrupt (low byte the
vector) after so many cycles (high byte); ``NMI`` pulses the pin; IN from ``ECHO`` gives what was last written there.
"""

from amaranth import Cat, ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from cocotb_tests.rtl.slots import gap
from contracts.bus import BURST_WORDS, Space
from rtl.core import Core
from rtl.params import CoreParams
from rtl.retire.port import RetirePort

__all__ = ["CONSOLE", "ECHO", "EXIT", "INTERRUPT", "NMI", "RAM_BYTES", "CoreBench"]

RAM_BYTES = 1 << 20
EXIT = 0xF4
CONSOLE = 0xE8
ECHO = 0xE0
INTERRUPT = 0xE4
NMI = 0xEC
WORD_BITS = 2


class CoreBench(wiring.Component):
    """``latency``: cycles from a request to its first word. ``gap``: the slots of ``retire`` are not filled from the oldest on."""

    exit_valid: Out(1)
    exit_data: Out(32)
    console_valid: Out(1)
    console_data: Out(8)
    shutdown: Out(1)
    retire: Out(RetirePort)
    gap: Out(1)

    def __init__(self, latency: int = 2, tiny: bool = False) -> None:
        self._latency = latency
        self._params = CoreParams.tiny() if tiny else CoreParams.default()
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core = core = Core(self._params)
        bus = core.bus
        words = RAM_BYTES >> WORD_BITS
        enable, mask, address, read = Signal(), Signal(4), Signal(range(words)), Signal(32)
        m.submodules.ram = Instance(
            "sim_ram", p_WORDS=words, i_clk=ClockSignal(), i_en=enable, i_we=mask, i_addr=address, i_wdata=bus.req.data,
            i_clear=Const(0, 1), o_rdata=read,
        )  # fmt: skip
        request = Signal(bus.req.shape())
        wait, beat, beats = Signal(range(self._latency + 1)), Signal(range(BURST_WORDS + 1)), Signal(range(BURST_WORDS + 1))
        inside = (bus.req.address[20:] == 0) | bus.req.address[20:].all()
        answer_ram, answer = Signal(), Signal(32)
        echo, vector, delay, waiting, intr = Signal(32), Signal(8), Signal(8), Signal(), Signal()
        m.d.comb += [
            core.intr.eq(intr), self.shutdown.eq(core.shutdown), self.retire.eq(core.retire), self.gap.eq(gap(core.retire)),
            bus.rsp.data.eq(Mux(answer_ram, read, answer)),
        ]  # fmt: skip
        with m.If(waiting):
            m.d.sync += delay.eq(delay - 1)
            with m.If(delay == 0):
                m.d.sync += [intr.eq(1), waiting.eq(0)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += bus.req_ready.eq(1)
                m.d.sync += [
                    request.eq(bus.req), wait.eq(self._latency - 1), beat.eq(0),
                    beats.eq(Mux(bus.req.burst & ~bus.req.write, BURST_WORDS, 1)),
                    answer_ram.eq(0), answer.eq(~0),
                ]  # fmt: skip
                with m.If(bus.req_valid):
                    m.next = "WAIT"
                    with m.If(bus.req.space == Space.MEMORY):
                        m.d.sync += answer_ram.eq(inside)
                        m.d.comb += [enable.eq(inside & bus.req.write), mask.eq(bus.req.mask), address.eq(bus.req.address[WORD_BITS:])]
                    with m.Elif(bus.req.space == Space.INTERRUPT_ACKNOWLEDGE):
                        m.d.sync += [answer.eq(vector), intr.eq(0)]
                    with m.Elif(bus.req.write):
                        self._out(m, bus.req, core, echo, vector, delay, waiting)
                    with m.Elif(bus.req.address == ECHO):
                        m.d.sync += answer.eq(echo)
            with m.State("WAIT"):
                m.d.sync += wait.eq(wait - 1)
                m.d.comb += [enable.eq(1), address.eq(request.address[WORD_BITS:])]
                with m.If(wait == 0):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                next_beat = Signal(2)
                m.d.comb += [
                    bus.rsp_valid.eq(1), bus.rsp.last.eq(beat + 1 == beats), next_beat.eq(beat + 1),
                    enable.eq(1), address.eq(Cat(next_beat, request.address[4:])),
                ]  # fmt: skip
                m.d.sync += beat.eq(beat + 1)
                with m.If(beat + 1 == beats):
                    m.next = "IDLE"
        return m

    def _out(self, m: Module, request: data.View, core: Core, echo: Signal, vector: Signal, delay: Signal, waiting: Signal) -> None:
        with m.Switch(request.address):
            with m.Case(EXIT):
                m.d.comb += [self.exit_valid.eq(1), self.exit_data.eq(request.data)]
            with m.Case(CONSOLE):
                m.d.comb += [self.console_valid.eq(1), self.console_data.eq(request.data[:8])]
            with m.Case(ECHO):
                m.d.sync += echo.eq(request.data)
            with m.Case(INTERRUPT):
                m.d.sync += [vector.eq(request.data[:8]), delay.eq(request.data[8:16]), waiting.eq(1)]
            with m.Case(NMI):
                m.d.comb += core.nmi.eq(1)
