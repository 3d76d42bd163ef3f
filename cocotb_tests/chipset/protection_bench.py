"""The whole machine with a processor that the testbench plays, for the tests of its protections."""

from chipset.boards.straps import Strap
from cocotb_tests.chipset.bus_master import BusMaster, ProcessorDouble
from cocotb_tests.chipset.whole import MEMORY, Whole, simulate, whole
from contracts.bus import Authority
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.memory_map import DMA_ENGINE_STRIDE, Physical
from contracts.policy_map import GUARD, Format

__all__ = [
    "DONE", "ERROR", "LIST", "MAP", "MEMORY", "ONES", "OTHER", "OWN", "SECRET", "copy", "engine", "finish", "guard", "machine",
    "out_of_reset", "pages", "protect", "run",
]  # fmt: skip

ONES = 0xFFFF_FFFF
MAP = 0xF000  # sixteen pages: one word
OWN, OTHER = 0x4000, 0x8000
LIST = 0x3000
SECRET = 0x5EC2E7


def machine() -> tuple[Whole, ProcessorDouble]:
    top = whole()
    return top, top.processor


def run(top: Whole, processor: ProcessorDouble, program, straps: Strap = Strap(0), background=()) -> None:
    async def bench(ctx):
        ctx.set(top.straps, straps)
        await out_of_reset(ctx, top)
        await program(ctx, BusMaster(ctx, processor.bus, Authority.RING_MINUS_1))

    simulate(top, bench, background=background)


async def out_of_reset(ctx, top: Whole) -> int:
    cycles = 0
    while ctx.get(top.platform_reset):
        await ctx.tick()
        cycles += 1
    return cycles


def guard(name: str, index: int = 0) -> int:
    return Physical.GUARD + GUARD[name].at(index)


def engine(name: str, number: int = 0) -> int:
    return Physical.DMA_ENGINES + number * DMA_ENGINE_STRIDE + DMA_ENGINE[name].offset


def pages(*addresses: int) -> int:
    return sum(1 << (a >> 12) for a in addresses)


async def protect(cpu: BusMaster, allowed: int, fmt: Format = Format.UNIFORM) -> None:
    """A map of one word, then ENABLE."""
    await cpu.write(MAP, allowed)
    await cpu.write(guard("MAP_BASE"), MAP)
    await cpu.write(guard("MAP_LENGTH"), 4)
    await cpu.write(guard("CONTROL"), GUARD["CONTROL"].field("ENABLE").put(1) | GUARD["CONTROL"].field("FORMAT").put(fmt))


async def copy(cpu: BusMaster, source: int, destination: int, length: int = 16, number: int = 0) -> int:
    """Runs one descriptor; STATUS at the end, which is cleared."""
    await cpu.write_line(LIST, [source, destination, length, DescriptorFlag.LAST])
    await cpu.write(engine("DESCRIPTOR", number), LIST)
    await cpu.write(engine("CONTROL", number), 1)
    return await finish(cpu, number)


async def finish(cpu: BusMaster, number: int = 0) -> int:
    for _ in range(500):
        status = await cpu.read(engine("STATUS", number))
        if not status & 1:
            await cpu.write(engine("STATUS", number), status)
            return status
    raise AssertionError("the engine does not come to an end")


DONE, ERROR = 2, 4
