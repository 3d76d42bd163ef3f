"""The machine on a ULX3S (Lattice ECP5): main memory and ROM in block RAM, COM1 on the board's USB serial line."""

from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Const, Module
from amaranth.lib import cdc, io, wiring
from amaranth.lib.wiring import In, Out

from chipset.boards.ecp5_clock import ClockPlan, Ecp5Clock
from chipset.boards.straps import STRAP_WIDTH
from chipset.devices.serial_shifter import SerialShifter
from chipset.memory_controller.ram import WORD_BYTES, BlockRam
from chipset.soc import Soc, SocParams
from contracts.clocks import PIT_HZ

__all__ = ["BAUD", "CLOCK", "MEMORY_BYTES", "BoardMachine", "Ulx3s"]

MEMORY_BYTES = 128 << 10
BAUD = 115_200
CLOCK = ClockPlan(oscillator_hz=25_000_000, multiply=2, divide=3)  # what place and route reaches, with something to spare
LEDS = 8


class BoardMachine(wiring.Component):
    """The machine with a serial line and lights, whatever the board.

    Parameters
    ----------
    processor : as of ``Soc``
    rom : image of the reset ROM
    memory_bytes : size of RAM, of block RAM (its first words as in ``program``)
    bit_cycles : cycles in a bit of the serial line
    guard : whether the DMA guard is built; False only to measure what it costs

    Members
    -------
    tx : Out(1), rx : In(1), the serial line
    reset : In(1), a button
    lights : Out(8): the last byte written to port 80h
    """

    tx: Out(1)
    rx: In(1, init=1)
    reset: In(1)
    lights: Out(LEDS)

    def __init__(self, processor: wiring.Component, rom: bytes, *, bit_cycles: int, memory_bytes: int = MEMORY_BYTES,
                 guard: bool = True) -> None:  # fmt: skip
        standard = SocParams()
        params = SocParams(
            memory_bytes=memory_bytes, host_link=False, cached_map_words=standard.cached_map_words if guard else 0,
            timer_divider=round(CLOCK.hz / PIT_HZ),
        )  # fmt: skip
        self._soc = Soc(processor, params, rom=rom, ram=BlockRam(memory_bytes // WORD_BYTES))
        self._bit_cycles = bit_cycles
        super().__init__()

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.soc = soc = self._soc
        m.submodules.serial = serial = SerialShifter(self._bit_cycles)
        wiring.connect(m, soc.com1_tx, serial.bytes_out)
        wiring.connect(m, serial.bytes_in, soc.com1_rx)
        m.d.comb += [
            self.tx.eq(serial.tx), serial.rx.eq(self.rx),
            soc.external_reset.eq(self.reset), soc.straps.eq(Const(0, STRAP_WIDTH)),
        ]  # fmt: skip
        with m.If(soc.post_valid):
            m.d.sync += self.lights.eq(soc.post_data)
        return m


class Ulx3s(wiring.Component):
    """``machine`` joined to the pads of ``amaranth_boards.ulx3s`` and to its clock (``CLOCK``); button "fire 1" resets it."""

    def __init__(self, machine: BoardMachine) -> None:
        self._machine = machine
        super().__init__({})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        m.submodules.clock = clock = Ecp5Clock(CLOCK)
        m.d.comb += ClockSignal().eq(clock.clk)
        m.submodules.machine = machine = self._machine
        uart = platform.request("uart", 0, dir={"rx": "-", "tx": "-", "rts": "-", "dtr": "-"})
        button = platform.request("button_fire", 0, dir="-")
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.button = pad = io.Buffer("i", button)
        m.submodules.synchronizer = cdc.FFSynchronizer(pad.i, machine.reset)
        m.d.comb += [tx.o.eq(machine.tx), machine.rx.eq(rx.i)]
        for n in range(LEDS):
            m.submodules[f"led{n}"] = led = io.Buffer("o", platform.request("led", n, dir="-"))
            m.d.comb += led.o.eq(machine.lights[n])
        return m
