"""What the chipset does when a late launch begins, with the cycles of SKINIT made by the testbench: each claim beside its control."""

import pytest

from chipset.boards.straps import Strap
from cocotb_tests.chipset.bus_master import BusMaster
from cocotb_tests.chipset.protection_bench import (
    LIST,
    MEMORY,
    ONES,
    OTHER,
    OWN,
    SECRET,
    engine,
    guard,
    machine,
    out_of_reset,
    protect,
    run,
)
from contracts.bus import Authority, Space
from contracts.dma_engine import DescriptorFlag
from contracts.late_launch import LaunchCycle
from contracts.memory_map import Port
from contracts.policy_map import GUARD

__all__: list[str] = []

BLOCK = 0  # all of this machine's memory
BEYOND = 0x10000
LENGTH = 64  # bytes of a descriptor's copy
PHASES = range(0, 60, 3)  # cycles between the engine's start and the launch


async def close(cpu: BusMaster, base: int = BLOCK, space: Space = Space.SPECIAL_CYCLE) -> None:
    await cpu.access(LaunchCycle.PROTECT, space=space, write=[base])


@pytest.mark.parametrize("straps", [Strap(0), Strap.GUARD_OFF])
@pytest.mark.parametrize("write", [False, True], ids=["reads", "writes"])
def test_nothing_of_the_block_is_under_way_once_it_is_closed(write, straps):
    """At every phase of an engine that copies within the block: what the processor stores after the answer never gets out, or changed."""
    top, processor = machine()
    source, destination = (OTHER, OWN) if write else (OWN, OTHER)
    seen = []

    async def program(ctx, cpu):
        for phase in PHASES:
            for n in range(0, LENGTH, 4):
                await cpu.write(source + n, SECRET)
                await cpu.write(destination + n, 0)
            await cpu.write_line(LIST, [source, destination, LENGTH, DescriptorFlag.LAST])
            await cpu.write(engine("DESCRIPTOR"), LIST)
            await cpu.write(engine("CONTROL"), 1)
            for _ in range(phase):
                await ctx.tick()
            await close(cpu)
            for n in range(0, LENGTH, 4):  # what has got there before is not the question
                await cpu.write(destination + n, 0)
            for _ in range(200):
                await ctx.tick()
            seen.append(any([await cpu.read(destination + n) for n in range(0, LENGTH, 4)]))
            await cpu.write(engine("STATUS"), ONES)
            await cpu.write(guard("LAUNCH_CONTROL"), 0)

    run(top, processor, program, straps)
    assert any(seen) == bool(straps), seen


@pytest.mark.parametrize("base", [BLOCK, BEYOND])
def test_it_closes_that_block_and_no_other(base):
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.write(OWN, SECRET)
        await close(cpu, base)
        assert (await cpu.read(guard("LAUNCH_BASE")), await cpu.read(guard("LAUNCH_CONTROL"))) == (base, 1)
        assert await cpu.read(guard("CONTROL")) == 0
        await cpu.write_line(LIST, [OWN, OTHER, 4, DescriptorFlag.LAST])
        await cpu.write(engine("DESCRIPTOR"), LIST)
        await cpu.write(engine("CONTROL"), 1)
        for _ in range(100):
            await ctx.tick()
        assert await cpu.read(OTHER) == (SECRET if base == BEYOND else 0)

    run(top, processor, program)


@pytest.mark.parametrize("space", [Space.SPECIAL_CYCLE, Space.MEMORY, Space.IO, Space.INTERRUPT_ACKNOWLEDGE])
def test_no_other_cycle_does(space):
    top, processor = machine()

    async def program(ctx, cpu):
        await close(cpu, space=space)
        assert await cpu.read(guard("LAUNCH_CONTROL")) == (space is Space.SPECIAL_CYCLE)

    run(top, processor, program)


@pytest.mark.parametrize("launched", [True, False], ids=["launched", "control"])
def test_from_then_on_it_is_protected(launched):
    """Registers answer ring -1 alone, A20 is on, and a reset scrubs, though a BIOS has said before that memory holds no secret."""
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.write(guard("CONTROL"), GUARD["CONTROL"].field("MEMORY_CLEAN").mask)
        await cpu.output(Port.KBC_STATUS, 0xDD)
        assert ctx.get(processor.a20m) == 1
        if launched:
            await close(cpu)
        assert ctx.get(processor.a20m) == (not launched)
        await cpu.write(OWN, SECRET)
        cpu.authority = Authority.GUEST
        assert (await cpu.read(guard("CAPABILITY")) == ONES) == launched
        await cpu.output(Port.RESET_CONTROL, 0x02)
        await cpu.output(Port.RESET_CONTROL, 0x06)
        assert await out_of_reset(ctx, top) > (MEMORY // 4 if launched else 0)
        assert await cpu.read(OWN) == (0 if launched else SECRET)
        assert await cpu.read(guard("LAUNCH_CONTROL")) == 0

    run(top, processor, program)


@pytest.mark.parametrize("closed_first", [True, False])
def test_the_whole_policy_takes_over_without_a_gap(closed_first):
    """The map lies in the block itself. It governs before the block is opened; the other way round, in the control, a word gets out."""
    top, processor = machine()
    out = []

    async def program(ctx, cpu):
        await close(cpu)
        await cpu.write(OWN, SECRET)
        await cpu.write_line(LIST, [OWN, OTHER, 4, DescriptorFlag.LAST])
        await cpu.write(engine("DESCRIPTOR"), LIST)
        if not closed_first:
            await cpu.write(guard("LAUNCH_CONTROL"), 0)
        else:
            await protect(cpu, 0)
            await cpu.write(guard("LAUNCH_CONTROL"), 0)
        await cpu.write(engine("CONTROL"), 1)
        for _ in range(100):
            await ctx.tick()
        if not closed_first:
            await protect(cpu, 0)
        out.append(await cpu.read(OTHER))

    run(top, processor, program)
    assert out == [0 if closed_first else SECRET]
