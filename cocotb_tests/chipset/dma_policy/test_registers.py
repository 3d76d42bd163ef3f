"""The guard's registers alone: what the log keeps and counts, what a commit waits for, what is kept of what is written."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chipset.dma_policy.registers import GuardRegisters
from cocotb_tests.chipset.bus_master import simulate
from contracts.policy_map import GUARD, MAX_DMA_REQUESTERS, Format
from contracts.requesters import DMA_FIRST

__all__: list[str] = []

MOST_COUNTED = 0xFFFF
DENIED = GUARD["STATUS"].field("DENIED").mask
ENABLE = GUARD["CONTROL"].field("ENABLE").mask
_PATIENCE = 10


class Around:
    """Everything around the registers, as plain signals."""

    def __init__(self, ctx: Any, dut: GuardRegisters) -> None:
        self.ctx, self.dut = ctx, dut
        ctx.set(dut.drained, 1)

    def get(self, name: str, index: int = 0) -> int:
        """Reads do not wait."""
        self.ctx.set(self.dut.block.address, GUARD[name].at(index) // 4)
        return int(self.ctx.get(self.dut.block.read_data))

    def begin(self, name: str, value: int, index: int = 0) -> None:
        block = self.dut.block
        for signal, to in ((block.address, GUARD[name].at(index) // 4), (block.write_data, value), (block.write, 1), (block.valid, 1)):
            self.ctx.set(signal, to)

    def end(self) -> None:
        for signal in (self.dut.block.valid, self.dut.block.write):
            self.ctx.set(signal, 0)

    async def put(self, name: str, value: int, index: int = 0) -> None:
        self.begin(name, value, index)
        for _ in range(_PATIENCE):
            ready = self.ctx.get(self.dut.block.ready)
            await self.ctx.tick()
            if ready:
                break
        else:
            raise AssertionError(f"{name} is not answered")
        self.end()

    def refuse(self, address: int, requester: int = 0, *, write: bool = False, valid: bool = True) -> None:
        """From now on, an access is refused in each cycle."""
        self.ctx.set(self.dut.denial, {"valid": valid, "address": address, "requester": DMA_FIRST + requester, "write": write})

    async def refused(self, address: int, requester: int = 0, *, write: bool = False) -> None:
        """One access."""
        self.refuse(address, requester, write=write)
        await self.ctx.tick()
        self.refuse(0, valid=False)

    def logged(self) -> tuple[int, int, int]:
        """Address, requester, direction."""
        info = self.get("LOG_INFO")
        fields = GUARD["LOG_INFO"]
        return self.get("LOG_ADDRESS"), fields.field("REQUESTER").get(info) - DMA_FIRST, fields.field("WRITE").get(info)


def with_registers(program: Callable[[Any, GuardRegisters, Around], Awaitable[None]], **parameters: Any) -> None:
    dut = GuardRegisters(**({"requesters": 4} | parameters))

    async def bench(ctx: Any) -> None:
        await program(ctx, dut, Around(ctx, dut))

    simulate(dut, bench)


def test_the_log_keeps_the_first_and_counts_the_rest() -> None:
    """Until ring -1 has cleared it: then it keeps the next one. The count goes on."""

    async def program(ctx: Any, dut: GuardRegisters, around: Around) -> None:
        count = 0
        for first, requester, write in ((0x1234_5678, 3, True), (0xFFFF_FFFC, 0, False)):
            assert not ctx.get(dut.irq)
            await around.refused(first, requester, write=write)
            for n in range(5):
                await around.refused(0x1000 * n, 1 + n % 2, write=not write)
            count += 6
            assert ctx.get(dut.irq) and around.get("STATUS") == DENIED
            assert around.logged() == (first, requester, write)
            assert around.get("DENIED_COUNT") == count
            await around.put("STATUS", DENIED)
            assert around.get("DENIED_COUNT") == count
            assert around.get("STATUS") == 0

    with_registers(program)


def test_a_refusal_in_the_cycle_of_the_clearing_is_the_next_one() -> None:
    async def program(ctx: Any, dut: GuardRegisters, around: Around) -> None:
        await around.refused(0x1000)
        around.refuse(0x2000, 2, write=True)
        await around.put("STATUS", DENIED)
        around.refuse(0, valid=False)
        assert ctx.get(dut.irq)
        assert around.logged() == (0x2000, 2, True)
        assert around.get("DENIED_COUNT") == 2

    with_registers(program)


def test_the_count_ends_at_its_largest_number() -> None:
    async def program(ctx: Any, dut: GuardRegisters, around: Around) -> None:
        around.refuse(0x3000)
        await ctx.tick().repeat(MOST_COUNTED - 1)
        assert around.get("DENIED_COUNT") == MOST_COUNTED - 1
        for _ in range(3):
            await ctx.tick()
            assert around.get("DENIED_COUNT") == MOST_COUNTED

    with_registers(program)


@pytest.mark.parametrize("name", ["CONTROL", "LAUNCH_BASE", "LAUNCH_CONTROL", "DEVICE_RESET", "MAP_BASE", "MAP_LENGTH"])
def test_a_change_of_policy_waits_until_nothing_is_in_flight(name: str) -> None:
    """It holds what comes, is not answered before, and counts from the answer on; the log is cleared without waiting."""

    async def program(ctx: Any, dut: GuardRegisters, around: Around) -> None:
        ctx.set(dut.drained, 0)
        await around.put("STATUS", DENIED)
        value = 0x0003_0004 if name not in ("CONTROL", "LAUNCH_CONTROL", "DEVICE_RESET") else 1
        around.begin(name, value)
        for n in range(20):
            assert not ctx.get(dut.block.ready) and not ctx.get(dut.flush)
            assert ctx.get(dut.hold) == (n > 0)
            assert around.get(name) == 0
            await ctx.tick()
        ctx.set(dut.drained, 1)
        assert ctx.get(dut.block.ready) and ctx.get(dut.flush)
        await ctx.tick()
        around.end()
        assert around.get(name) == (value if name != "LAUNCH_BASE" else value & ~0xFFFF)
        await ctx.tick()
        assert not ctx.get(dut.hold)

    with_registers(program)


@pytest.mark.parametrize("closed", [False, True])
def test_once_on_it_stays_on(closed: bool) -> None:
    async def program(ctx: Any, dut: GuardRegisters, around: Around) -> None:
        assert ctx.get(dut.enabled) == closed
        fmt = GUARD["CONTROL"].field("FORMAT")
        for value in (ENABLE, 0, fmt.put(Format.PER_REQUESTER), ~ENABLE & 0xFFFF_FFFF):
            await around.put("CONTROL", value)
            assert ctx.get(dut.enabled) and ctx.get(dut.policy.enable)
            assert fmt.get(around.get("CONTROL")) == fmt.get(value)

    with_registers(program, closed_at_reset=closed)


@pytest.mark.parametrize("formats", [{Format.UNIFORM}, set(Format)], ids=["uniform", "all"])
def test_maps_that_are_not_there_keep_nothing(formats: set[Format]) -> None:
    """Of those that are, whole words count, anywhere in memory, of a length up to 256 KiB and no bit of what is beyond."""
    requesters = 3
    built = 1 if formats == {Format.UNIFORM} else requesters

    async def program(ctx: Any, dut: GuardRegisters, around: Around) -> None:
        for n in range(MAX_DMA_REQUESTERS):
            await around.put("MAP_BASE", 0xFFFF_FFFF - 4 * n, n)
            await around.put("MAP_LENGTH", 0xFFFF_FFFF - 4 * n, n)
        for n in range(MAX_DMA_REQUESTERS):
            there = n < built
            assert around.get("MAP_BASE", n) == ((0xFFFF_FFFC - 4 * n) if there else 0)
            assert around.get("MAP_LENGTH", n) == ((0x7_FFFC - 4 * n) if there else 0)
        for n, place in enumerate(dut.policy.maps):
            assert ctx.get(place.base) == (0xFFFF_FFFC - 4 * n) // 4

    with_registers(program, requesters=requesters, formats=formats)
