"""8259A against Intel's data sheet."""

import pytest

from chipset.devices.pic_8259 import PicPair
from cocotb_tests.chipset.bus_master import simulate
from cocotb_tests.chipset.devices.io_driver import IoDriver

__all__: list[str] = []

MASTER_BASE, SLAVE_BASE = 0x20, 0x28
NON_SPECIFIC_EOI, SPECIFIC_EOI, ROTATE_EOI, ROTATE_SPECIFIC_EOI, SET_PRIORITY = 0x20, 0x60, 0xA0, 0xE0, 0xC0
ROTATE_IN_AUTO_EOI = 0x80
READ_IRR, READ_ISR, POLL, SPECIAL_MASK, NO_SPECIAL_MASK = 0x0A, 0x0B, 0x0C, 0x68, 0x48


class Pair:
    """The pair as a program and its devices see it."""

    def __init__(self, ctx, dut: PicPair) -> None:
        self._ctx = ctx
        self._dut = dut
        self.master = IoDriver(ctx, dut.master)
        self.slave = IoDriver(ctx, dut.slave)
        self._lines = 0

    async def start(self, *, level: bool = False, auto_eoi: bool = False, nested: bool = False) -> None:
        for chip, base, icw3 in ((self.master, MASTER_BASE, 4), (self.slave, SLAVE_BASE, 2)):
            await chip.write(0, 0x11 | level << 3)
            await chip.write(1, base)
            await chip.write(1, icw3)
            await chip.write(1, 1 | auto_eoi << 1 | (nested and chip is self.master) << 4)

    async def raise_(self, *lines: int) -> None:
        for line in lines:
            self._lines |= 1 << line
        await self._settle()

    async def lower(self, *lines: int) -> None:
        for line in lines:
            self._lines &= ~(1 << line)
        await self._settle()

    async def pulse(self, *lines: int) -> None:
        """Down and up: an edge."""
        await self.lower(*lines)
        await self.raise_(*lines)

    async def _settle(self) -> None:
        self._ctx.set(self._dut.lines, self._lines)
        await self._ctx.tick().repeat(3)

    @property
    def interrupt(self) -> int:
        return self._ctx.get(self._dut.interrupt)

    async def acknowledge(self) -> int:
        self._ctx.set(self._dut.acknowledge, 1)
        vector = self._ctx.get(self._dut.vector)
        await self._ctx.tick()
        self._ctx.set(self._dut.acknowledge, 0)
        await self._ctx.tick().repeat(3)
        return vector

    async def in_service(self, chip: IoDriver) -> int:
        await chip.write(0, READ_ISR)
        return await chip.read(0)

    async def requests(self, chip: IoDriver) -> int:
        await chip.write(0, READ_IRR)
        return await chip.read(0)


def with_pair(program, **how) -> None:
    dut = PicPair()

    async def bench(ctx):
        pair = Pair(ctx, dut)
        await pair.start(**how)
        await program(pair)

    simulate(dut, bench)


def test_priority_and_nesting():
    async def program(pic):
        await pic.raise_(5, 3, 6)
        assert await pic.acknowledge() == MASTER_BASE + 3
        assert not pic.interrupt  # 5 and 6 wait
        await pic.raise_(1)
        assert pic.interrupt
        assert await pic.acknowledge() == MASTER_BASE + 1
        assert await pic.in_service(pic.master) == 0b1010
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert await pic.in_service(pic.master) == 0b1000  # the innermost ends first
        assert not pic.interrupt
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert await pic.acknowledge() == MASTER_BASE + 5
        await pic.master.write(0, SPECIFIC_EOI | 5)
        assert await pic.acknowledge() == MASTER_BASE + 6

    with_pair(program)


def test_an_edge_counts_once_and_only_while_the_line_is_up():
    async def program(pic):
        await pic.raise_(4)
        assert await pic.acknowledge() == MASTER_BASE + 4
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert not pic.interrupt  # still up, but no new edge
        await pic.pulse(4)
        assert await pic.requests(pic.master) == 1 << 4
        await pic.lower(4)
        assert await pic.requests(pic.master) == 0
        assert await pic.acknowledge() == MASTER_BASE + 7  # spurious
        assert await pic.in_service(pic.master) == 0

    with_pair(program)


def test_a_level_counts_as_long_as_it_lasts():
    async def program(pic):
        await pic.raise_(4)
        assert await pic.acknowledge() == MASTER_BASE + 4
        assert not pic.interrupt
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert pic.interrupt
        assert await pic.acknowledge() == MASTER_BASE + 4
        await pic.lower(4)
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert not pic.interrupt

    with_pair(program, level=True)


def test_mask_and_initialization():
    async def program(pic):
        await pic.master.write(1, 0xFE)
        assert await pic.master.read(1) == 0xFE
        await pic.raise_(1)
        assert not pic.interrupt
        assert await pic.requests(pic.master) == 2  # masked, but seen
        await pic.master.write(1, 0)
        assert pic.interrupt
        await pic.start()  # ICW1 clears the mask and forgets edges
        assert not pic.interrupt
        await pic.pulse(1)
        assert await pic.acknowledge() == MASTER_BASE + 1

    with_pair(program)


@pytest.mark.parametrize("line", range(8, 16))
def test_cascade(line):
    async def program(pic):
        await pic.raise_(line)
        assert await pic.acknowledge() == SLAVE_BASE + line - 8
        assert await pic.in_service(pic.master) == 4
        assert await pic.in_service(pic.slave) == 1 << (line - 8)
        await pic.slave.write(0, NON_SPECIFIC_EOI)
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert await pic.in_service(pic.master) == await pic.in_service(pic.slave) == 0

    with_pair(program)


def test_slaves_second_request_is_not_lost():
    async def program(pic):
        await pic.raise_(12)
        assert await pic.acknowledge() == SLAVE_BASE + 4
        await pic.raise_(9)
        assert not pic.interrupt  # line 2 of the master is in service
        await pic.slave.write(0, NON_SPECIFIC_EOI)
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert await pic.acknowledge() == SLAVE_BASE + 1
        await pic.slave.write(0, NON_SPECIFIC_EOI)
        await pic.master.write(0, NON_SPECIFIC_EOI)
        # Two at once: after the first is acknowledged the second, though of lower priority, comes through when its turn is there.
        await pic.pulse(14, 15)
        assert await pic.acknowledge() == SLAVE_BASE + 6
        await pic.slave.write(0, NON_SPECIFIC_EOI)
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert await pic.acknowledge() == SLAVE_BASE + 7

    with_pair(program)


def test_special_fully_nested_mode_lets_the_slave_interrupt_itself():
    async def program(pic):
        await pic.raise_(12)
        assert await pic.acknowledge() == SLAVE_BASE + 4
        await pic.raise_(9)
        assert pic.interrupt
        assert await pic.acknowledge() == SLAVE_BASE + 1
        await pic.slave.write(0, NON_SPECIFIC_EOI)
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert await pic.in_service(pic.master) == 0

    with_pair(program, nested=True)


def test_spurious_on_the_slave_leaves_the_master_in_service():
    async def program(pic):
        await pic.raise_(10)
        assert pic.interrupt
        # The slave's line falls in the very cycle of the acknowledge: the master has latched its own request.
        pic._ctx.set(pic._dut.lines, 0)
        assert await pic.acknowledge() in (SLAVE_BASE + 7, MASTER_BASE + 7)
        assert await pic.in_service(pic.slave) == 0

    with_pair(program)


def test_rotation():
    async def program(pic):
        await pic.raise_(3)
        assert await pic.acknowledge() == MASTER_BASE + 3
        await pic.master.write(0, ROTATE_EOI)  # 3 is lowest now
        await pic.pulse(3, 7)
        await pic.raise_(4)
        assert await pic.acknowledge() == MASTER_BASE + 4
        await pic.master.write(0, SPECIFIC_EOI | 4)
        assert await pic.acknowledge() == MASTER_BASE + 7
        await pic.master.write(0, ROTATE_SPECIFIC_EOI | 7)
        assert await pic.acknowledge() == MASTER_BASE + 3
        await pic.master.write(0, NON_SPECIFIC_EOI)
        await pic.master.write(0, SET_PRIORITY | 5)  # 6 is highest
        await pic.pulse(0, 6)
        assert await pic.acknowledge() == MASTER_BASE + 6

    with_pair(program)


def test_automatic_end_of_interrupt():
    async def program(pic):
        await pic.raise_(2 + 1, 5)
        assert await pic.acknowledge() == MASTER_BASE + 3
        assert await pic.in_service(pic.master) == 0
        assert await pic.acknowledge() == MASTER_BASE + 5
        await pic.master.write(0, ROTATE_IN_AUTO_EOI)
        await pic.pulse(3, 5)
        assert await pic.acknowledge() == MASTER_BASE + 3
        await pic.pulse(3)
        assert await pic.acknowledge() == MASTER_BASE + 5

    with_pair(program, auto_eoi=True)


def test_special_mask_mode():
    async def program(pic):
        await pic.raise_(3)
        assert await pic.acknowledge() == MASTER_BASE + 3
        await pic.raise_(6)
        assert not pic.interrupt
        await pic.master.write(1, 1 << 3)
        await pic.master.write(0, SPECIAL_MASK)
        assert await pic.acknowledge() == MASTER_BASE + 6  # lower, and yet let through
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert await pic.in_service(pic.master) == 1 << 3  # the masked level is not ended by a non-specific EOI
        await pic.master.write(0, NO_SPECIAL_MASK)
        await pic.master.write(0, NON_SPECIFIC_EOI)
        assert await pic.in_service(pic.master) == 0

    with_pair(program)


def test_poll():
    async def program(pic):
        await pic.raise_(6)
        await pic.master.write(0, POLL)
        assert await pic.master.read(0) == 0x86
        assert await pic.in_service(pic.master) == 1 << 6
        await pic.master.write(0, POLL)
        assert await pic.master.read(0) == 0
        await pic.master.write(0, READ_IRR)
        assert await pic.master.read(0) == 0

    with_pair(program)
