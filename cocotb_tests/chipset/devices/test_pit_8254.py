"""8254 against Intel's data sheet: the waveforms of its modes, tick by tick, and its ways of reading."""

import pytest

from chipset.devices.pit_8254 import Pit8254
from cocotb_tests.chipset.bus_master import simulate
from cocotb_tests.chipset.devices.io_driver import IoDriver

__all__: list[str] = []

CONTROL = 3
LOW, HIGH, BOTH = 1, 2, 3
DIVIDER = 8


class Timer:
    """The timer; a cycle of ``ticks`` is one tick."""

    def __init__(self, ctx, dut: Pit8254) -> None:
        self._ctx = ctx
        self._dut = dut
        self.io = IoDriver(ctx, dut.io)
        self.port_b = IoDriver(ctx, dut.port_b)

    async def control(self, counter: int, mode: int, how: int = BOTH) -> None:
        await self.io.write(CONTROL, counter << 6 | how << 4 | mode << 1)

    async def count(self, counter: int, value: int) -> None:
        await self.io.write(counter, value & 0xFF)
        await self.io.write(counter, value >> 8)

    async def align(self) -> None:
        """To the cycle after a tick, so that what follows, if it is short, lies between two ticks."""
        while not self._ctx.get(self._dut.tick):
            await self._ctx.tick()
        await self._ctx.tick()

    async def outs(self, ticks: int, counter: int = 0) -> str:
        """OUT after each of the next ticks."""
        seen = ""
        for _ in range(ticks):
            await self.align()
            seen += str(await self.out(counter))
        return seen

    async def out(self, counter: int) -> int:
        if counter == 0:
            return self._ctx.get(self._dut.irq)
        assert counter == 2
        return await self.port_b.read(0) >> 5 & 1

    async def read(self, counter: int) -> int:
        low = await self.io.read(counter)
        return low | await self.io.read(counter) << 8


def with_timer(program) -> None:
    dut = Pit8254(DIVIDER)

    async def bench(ctx):
        timer = Timer(ctx, dut)
        await timer.align()
        await program(timer)

    simulate(dut, bench)


def test_mode_0_interrupt_on_terminal_count():
    async def program(t):
        await t.control(0, 0)
        assert await t.out(0) == 0
        await t.count(0, 4)
        assert await t.outs(7) == "0000111"  # high N + 1 ticks after the write
        await t.count(0, 2)
        assert await t.out(0) == 0
        assert await t.outs(4) == "0011"

    with_timer(program)


def test_mode_0_first_byte_stops_the_count():
    async def program(t):
        await t.control(0, 0)
        await t.count(0, 3)
        assert await t.outs(2) == "00"
        await t.io.write(0, 5)
        assert await t.outs(6) == "000000"
        await t.io.write(0, 0)
        assert await t.outs(6) == "000001"

    with_timer(program)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_mode_2_rate_generator(n):
    async def program(t):
        await t.control(0, 2)
        assert await t.out(0) == 1
        await t.count(0, n)
        period = "1" * (n - 2) + "01"
        assert await t.outs(1 + 3 * n) == "1" + 3 * period

    with_timer(program)


def test_mode_2_new_count_waits_for_the_end_of_the_period():
    async def program(t):
        await t.control(0, 2)
        await t.count(0, 5)
        assert await t.outs(3) == "111"
        await t.count(0, 3)
        assert await t.outs(3 + 6) == "101" + "101101"

    with_timer(program)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 9])
def test_mode_3_square_wave(n):
    async def program(t):
        await t.control(0, 3)
        await t.count(0, n)
        high, low = (n + 1) // 2, n // 2
        assert await t.outs(1 + 3 * n) == ("1" * high + "0" * low) * 3 + "1"

    with_timer(program)


def test_mode_4_software_strobe():
    async def program(t):
        await t.control(0, 4)
        await t.count(0, 3)
        assert await t.outs(8) == "11101111"
        await t.count(0, 2)
        assert await t.outs(5) == "11011"

    with_timer(program)


def test_mode_1_one_shot_is_triggered_by_the_gate():
    async def program(t):
        await t.control(2, 1)
        await t.count(2, 3)
        assert await t.outs(3, 2) == "111"
        await t.port_b.write(0, 1)
        assert await t.outs(5, 2) == "00011"
        await t.port_b.write(0, 0)
        await t.port_b.write(0, 1)
        assert await t.outs(2, 2) == "00"
        await t.port_b.write(0, 0)
        await t.port_b.write(0, 1)  # retriggered
        assert await t.outs(5, 2) == "00011"

    with_timer(program)


def test_mode_5_hardware_strobe():
    async def program(t):
        await t.control(2, 5)
        await t.count(2, 2)
        assert await t.outs(4, 2) == "1111"
        await t.port_b.write(0, 1)
        assert await t.outs(5, 2) == "11011"

    with_timer(program)


def test_gate_stops_modes_0_and_2():
    async def program(t):
        await t.port_b.write(0, 1)
        await t.control(2, 0)
        await t.count(2, 3)
        assert await t.outs(2, 2) == "00"
        await t.port_b.write(0, 0)
        assert await t.outs(4, 2) == "0000"
        await t.port_b.write(0, 1)
        assert await t.outs(2, 2) == "01"
        await t.control(2, 2)
        await t.count(2, 4)
        assert await t.outs(4, 2) == "1110"
        await t.port_b.write(0, 0)
        await t.out(2)
        assert await t.out(2) == 1  # at once, without a tick
        assert await t.outs(3, 2) == "111"
        await t.port_b.write(0, 1)
        assert await t.outs(5, 2) == "11101"  # begins anew

    with_timer(program)


def test_latch_holds_one_count_until_it_is_read():
    async def program(t):
        await t.control(0, 2)
        await t.count(0, 0x1234)
        await t.outs(1)
        await t.io.write(CONTROL, 0)
        await t.outs(3)
        await t.io.write(CONTROL, 0)  # a second latch is ignored
        assert await t.read(0) == 0x1234
        assert await t.read(0) == 0x1231

    with_timer(program)


def test_read_back():
    async def program(t):
        await t.control(0, 3, LOW)
        await t.io.write(CONTROL, 0b1110_0010)  # status of counter 0
        assert await t.io.read(0) == 0b1101_0110  # OUT, null count, low byte only, mode 3
        await t.io.write(0, 9)
        await t.outs(1)
        await t.io.write(CONTROL, 0b1100_0010)  # count and status
        await t.outs(2)
        assert await t.io.read(0) == 0b1001_0110
        assert await t.io.read(0) == 8
        await t.control(1, 2, HIGH)
        await t.io.write(1, 0x40)
        await t.outs(2)
        await t.io.write(CONTROL, 0b1101_0100)  # counts alone, counter 1
        assert await t.io.read(1) == 0x3F

    with_timer(program)


def test_speaker_and_refresh_bits():
    async def program(t):
        await t.port_b.write(0, 3)
        assert await t.port_b.read(0) & 0xF == 3
        before = await t.port_b.read(0) >> 4 & 1
        await t.outs(18)
        assert await t.port_b.read(0) >> 4 & 1 != before

    with_timer(program)
