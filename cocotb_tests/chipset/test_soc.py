"""The whole machine with a processor that the testbench plays."""

import pytest

from cocotb_tests.chipset.bus_master import BusMaster, ProcessorDouble
from cocotb_tests.chipset.whole import LATENCY, MEMORY, ROM, Whole, simulate, whole
from contracts.bus import Space
from contracts.memory_map import PAGE_SIZE, Physical, Port

__all__: list[str] = []

ONES = 0xFFFF_FFFF


def machine() -> tuple[Whole, ProcessorDouble]:
    top = whole()
    return top, top.processor


def run(top: Whole, processor: ProcessorDouble, program, background=()) -> None:
    async def bench(ctx):
        while ctx.get(top.platform_reset):
            await ctx.tick()
        await program(ctx, BusMaster(ctx, processor.bus))

    simulate(top, bench, background=background)


def test_memory_keeps_what_is_written():
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.write(0x1000, 0x11223344)
        await cpu.write(0x1000, 0xAABBCCDD, mask=0b0110)
        assert await cpu.read(0x1000) == 0x11BBCC44
        await cpu.write_line(0x2000, [1, 2, 3, 4])
        answer = await cpu.read_line(0x2000)
        assert answer == ((1, 2, 3, 4), False)
        assert (cpu.first, cpu.cycles) == (LATENCY, LATENCY + 3)
        await cpu.read(0x2004)
        assert cpu.cycles == LATENCY

    run(top, processor, program)


def test_where_nothing_is_the_processor_reads_ones():
    """With an error, by which it knows what not to cache; a line of memory that exists has none."""
    top, processor = machine()

    async def program(ctx, cpu):
        for address in (MEMORY, 0xA0000, 0xE0000, 0x8000_0000, Physical.NOWHERE, Physical.NOWHERE + PAGE_SIZE - 16):
            await cpu.write(address, 0)
            assert await cpu.access(address) == ((ONES,), True)
            assert await cpu.read_line(address) == ((ONES,) * 4, True)
        assert not (await cpu.read_line(0x1000))[1]
        assert await cpu.input(0x1234) == 0xFF

    run(top, processor, program)


def test_rom_is_seen_twice_and_not_written():
    top, processor = machine()

    async def program(ctx, cpu):
        for top_of_window in (1 << 32, 1 << 20):
            await cpu.write(top_of_window - 16, 0)
            answer = await cpu.read_line(top_of_window - 16)
            assert b"".join(w.to_bytes(4, "little") for w in answer[0]) == ROM[-16:]
            assert await cpu.read(top_of_window - 0x1_0000) == ONES

    run(top, processor, program)


def test_report_ports_and_console():
    top, processor = machine()
    seen: list[tuple[str, int]] = []

    async def watch(ctx):
        names = ("debug", "post", "exit", "com1_tx")
        ports = [getattr(top, f"{name}_{part}") for name in names for part in ("valid", "data")]
        async for *_, d, db, p, pb, e, eb, t, tb in ctx.tick().sample(*ports):
            bytes_now = zip(names, (d, p, e, t), (db, pb, eb, tb), strict=True)
            seen.extend((name, byte) for name, valid, byte in bytes_now if valid)

    async def program(ctx, cpu):
        await cpu.output(Port.DEBUG_CONSOLE, ord("h"))
        assert await cpu.input(Port.DEBUG_CONSOLE) == 0xE9
        await cpu.output(Port.POST, 0x55)
        assert await cpu.input(Port.POST) == 0x55
        assert await cpu.input(Port.COM1 + 5) == 0x60
        await cpu.output(Port.COM1, ord("c"))
        await ctx.tick().repeat(3)
        await cpu.access(Port.EXIT, space=Space.IO, write=[0x1234_5678])
        await ctx.tick().repeat(2)

    run(top, processor, program, [watch])
    assert seen == [("debug", ord("h")), ("post", 0x55), ("com1_tx", ord("c")), ("exit", 0x78)]


@pytest.mark.parametrize("how", ["8042 port", "8042 pulse", "port 92", "CF9 hard", "triple fault"])
def test_every_platform_reset_resets(how):
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.write(0x40, 0x1234)
        await cpu.output(Port.COM1 + 7, 0x77)
        if how == "8042 port":
            await cpu.output(Port.KBC_STATUS, 0xD1)
            await cpu.output(Port.KBC_DATA, 0xFE)
        elif how == "8042 pulse":
            await cpu.output(Port.KBC_STATUS, 0xFE)
        elif how == "port 92":
            await cpu.output(Port.SYSTEM_CONTROL_A, 0x01)
        elif how == "CF9 hard":
            await cpu.output(Port.RESET_CONTROL, 0x02)
            assert not ctx.get(top.platform_reset)
            await cpu.output(Port.RESET_CONTROL, 0x06)
        else:
            ctx.set(processor.shutdown, 1)
            await ctx.tick()
            ctx.set(processor.shutdown, 0)
        assert ctx.get(top.platform_reset)
        while ctx.get(top.platform_reset):
            await ctx.tick()
        assert await cpu.input(Port.COM1 + 7) == 0
        assert await cpu.read(0x40) == 0x1234  # nothing was protected, nothing is scrubbed

    # The access that asks for reset is answered at the earliest one cycle later: the answer may be lost in the reset.
    run(top, processor, program)


def test_soft_reset_is_init_alone():
    top, processor = machine()
    pulses: list[int] = []

    async def watch(ctx):
        async for *_, init in ctx.tick().sample(processor.init):
            pulses.append(init)

    async def program(ctx, cpu):
        await cpu.output(Port.RESET_CONTROL, 0x00)
        await cpu.output(Port.RESET_CONTROL, 0x04)
        for _ in range(40):
            assert not ctx.get(top.platform_reset)
            await ctx.tick()

    run(top, processor, program, [watch])
    assert sum(pulses) == 1


def test_a20():
    """The pin that tells the processor to mask bit 20; what the processor makes of it is tested with the processor."""
    top, processor = machine()

    async def program(ctx, cpu):
        assert ctx.get(processor.a20m) == 0
        for port, value, masked in (
            (Port.KBC_STATUS, 0xDD, 1), (Port.SYSTEM_CONTROL_A, 0x02, 0), (Port.SYSTEM_CONTROL_A, 0x00, 1), (Port.KBC_STATUS, 0xD1, 1),
            (Port.KBC_DATA, 0x03, 0), (Port.KBC_STATUS, 0xDD, 1), (Port.KBC_STATUS, 0xDF, 0),
        ):  # fmt: skip
            await cpu.output(port, value)
            assert ctx.get(processor.a20m) == masked
        assert await cpu.read(Physical.ROM + 0xFFFC) == 0x3F3E3D3C

    run(top, processor, program)
