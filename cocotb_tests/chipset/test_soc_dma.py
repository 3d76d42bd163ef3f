"""DMA in the whole machine, each protection beside its control: what the guard lets through, and how a device comes to rest."""

import pytest

from chipset.boards.straps import Strap
from cocotb_tests.chipset.protection_bench import (
    DONE,
    ERROR,
    LIST,
    MAP,
    MEMORY,
    ONES,
    OTHER,
    OWN,
    SECRET,
    copy,
    engine,
    guard,
    machine,
    pages,
    protect,
    run,
)
from contracts.dma_engine import DescriptorFlag
from contracts.memory_map import Irq, Physical, Port
from contracts.policy_map import GUARD, Format
from contracts.requesters import Requester

__all__: list[str] = []


@pytest.mark.parametrize("straps", [Strap(0), Strap.GUARD_OFF])
@pytest.mark.parametrize("length", [4, 16, 24])
@pytest.mark.parametrize("direction", ["read", "write"])
def test_dma_reaches_what_the_map_allows_and_no_more(direction, length, straps):
    top, processor = machine()
    refused: list[tuple[int, int, int]] = []

    async def watch(ctx):
        async for *_, valid, address, write, who in ctx.tick().sample(
            top.denied_valid, top.denied_address, top.denied_write, top.denied_requester
        ):
            if valid:
                refused.append((address, write, who))

    async def program(ctx, cpu):
        for n in range(0, 32, 4):
            await cpu.write(OWN + n, 0x100 + n)
            await cpu.write(OTHER + n, SECRET + n)
        await protect(cpu, pages(OWN, LIST))
        victim = (OTHER, OWN + 0x100) if direction == "read" else (OWN, OTHER)
        status = await copy(cpu, *victim, length)
        landed = await cpu.read(victim[1])
        if straps:
            assert status == DONE
            assert landed == (SECRET if direction == "read" else 0x100)
        else:
            assert status == ERROR
            assert landed == (0 if direction == "read" else SECRET)
            assert await cpu.read(engine("ERROR_ADDRESS")) == OTHER
        assert refused[0] == (OTHER, direction == "write", Requester.DMA0)
        assert await cpu.read(guard("STATUS")) == 1
        assert await cpu.read(guard("LOG_ADDRESS")) == OTHER
        assert await cpu.read(guard("LOG_INFO")) == Requester.DMA0 | (direction == "write") << 5
        # What is allowed still gets through.
        assert await copy(cpu, OWN, OWN + 0x200, length) == DONE
        assert [await cpu.read(OWN + 0x200 + n) for n in range(0, length, 4)] == [0x100 + n for n in range(0, length, 4)]
        assert await cpu.read(guard("DENIED_COUNT")) == len(refused)

    run(top, processor, program, straps, [watch])
    if not straps:
        assert len(refused) == 1


def test_dma_never_writes_the_map_nor_touches_the_launch_region():
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.write(OWN, ONES)
        await protect(cpu, ONES)
        assert await copy(cpu, OWN, MAP, 4) == ERROR
        assert await cpu.read(MAP) == ONES
        assert await copy(cpu, OWN, MAP, 16) == ERROR
        assert await copy(cpu, OWN, MAP + 0xFFC, 4) == ERROR  # in the map's page
        assert await copy(cpu, OWN, MAP - 4, 4) == DONE  # in the page before
        assert await copy(cpu, MAP, OWN, 4) == DONE  # reading is the map's own business
        await cpu.write(guard("LAUNCH_CONTROL"), 1)  # region 0 is all of this machine's memory
        assert await copy(cpu, OWN, OWN + 16, 4) == ERROR
        await cpu.write(guard("LAUNCH_BASE"), 0x1_0000)
        assert await copy(cpu, OWN, OWN + 16, 4) == DONE

    run(top, processor, program)


def test_launch_region_is_closed_before_the_guard_is_on():
    top, processor = machine()

    async def program(ctx, cpu):
        assert await copy(cpu, OWN, OTHER) == DONE
        await cpu.write(guard("LAUNCH_CONTROL"), 1)
        assert await copy(cpu, OWN, OTHER) == ERROR
        await cpu.write(guard("LAUNCH_CONTROL"), 0)
        assert await copy(cpu, OWN, OTHER) == DONE

    run(top, processor, program)


@pytest.mark.parametrize("what", ["zero length", "outside RAM", "in the hole", "format 3", "wraps"])
def test_a_map_that_cannot_be_read_closes_everything(what):
    top, processor = machine()

    async def program(ctx, cpu):
        await protect(cpu, ONES)
        assert await copy(cpu, OWN, OTHER) == DONE
        match what:
            case "zero length":
                await cpu.write(guard("MAP_LENGTH"), 0)
            case "outside RAM":
                await cpu.write(guard("MAP_BASE"), MEMORY)
            case "in the hole":
                await cpu.write(guard("MAP_BASE"), 0xA0000)
            case "wraps":
                await cpu.write(guard("MAP_BASE"), 0xFFFF_FFFC)
            case "format 3":
                await cpu.write(guard("CONTROL"), GUARD["CONTROL"].field("FORMAT").put(3))
        assert await copy(cpu, OWN, OTHER) == ERROR
        unreadable = what in ("outside RAM", "in the hole", "wraps")
        assert bool(await cpu.read(guard("STATUS")) & 2) == unreadable
        await protect(cpu, ONES)
        assert await copy(cpu, OWN, OTHER) == DONE

    run(top, processor, program)


def test_a_store_to_the_map_needs_no_flush():
    top, processor = machine()

    async def program(ctx, cpu):
        await protect(cpu, pages(OWN, LIST))
        for _ in range(3):
            assert await copy(cpu, OWN, OTHER) == ERROR
            await cpu.write(MAP + (OTHER >> 15), 1, mask=1 << (OTHER >> 15 & 3))  # one byte of the word
            assert await copy(cpu, OWN, OTHER) == ERROR  # LIST and OWN are in byte 0, still set; OTHER's byte lies beside
            await cpu.write(MAP, pages(OWN, OTHER, LIST))
            assert await copy(cpu, OWN, OTHER) == DONE
            await cpu.write(MAP, pages(OWN, LIST))

    run(top, processor, program)


def test_each_requester_has_its_own_map():
    top, processor = machine()

    async def program(ctx, cpu):
        await protect(cpu, pages(OWN, LIST), Format.PER_REQUESTER)
        await cpu.write(MAP + 16, pages(OTHER, LIST))
        await cpu.write(guard("MAP_BASE", 1), MAP + 16)
        await cpu.write(guard("MAP_LENGTH", 1), 4)
        assert await copy(cpu, OWN, OWN + 64, number=0) == DONE
        assert await copy(cpu, OWN, OWN + 64, number=1) == ERROR
        assert await copy(cpu, OTHER, OTHER + 64, number=1) == DONE
        assert await copy(cpu, OTHER, OTHER + 64, number=0) == ERROR
        assert await cpu.read(guard("MAP_BASE", 2)) == 0
        await cpu.write(guard("MAP_BASE", 2), MAP)
        assert await cpu.read(guard("MAP_BASE", 2)) == 0

    run(top, processor, program)


def test_reads_and_writes_have_their_own_bits():
    top, processor = machine()
    reads, writes = 0, 1

    def bits(*allowed: tuple[int, int]) -> int:
        return sum(1 << (2 * (address >> 12) + access) for address, access in allowed)

    async def program(ctx, cpu):
        await protect(cpu, 0, Format.PER_REQUESTER_AND_ACCESS)  # all of it lies in the first of the map's words
        await cpu.write(MAP, bits((LIST, reads), (OWN, reads), (OTHER, writes)))
        assert await copy(cpu, OWN, OTHER) == DONE
        assert await copy(cpu, OTHER, OWN) == ERROR
        await cpu.write(MAP, bits((LIST, reads), (OWN, reads), (OTHER, reads)))
        assert await copy(cpu, OWN, OTHER) == ERROR
        await cpu.write(MAP, bits((LIST, reads), (OWN, writes), (OTHER, reads)))
        assert await copy(cpu, OTHER, OWN) == DONE

    run(top, processor, program)


def test_dma_reaches_ram_only():
    top, processor = machine()

    async def program(ctx, cpu):
        for target in (MEMORY, 0xA0000, Physical.ROM, Physical.GUARD, Physical.DMA_ENGINES, Physical.HOST_LINK):
            assert await copy(cpu, target, OWN, 4) == ERROR
            assert await copy(cpu, OWN, target, 4) == ERROR
        assert await copy(cpu, OWN, OTHER, 4) == DONE

    run(top, processor, program)


def test_dma_interrupts_arrive_at_the_processor():
    top, processor = machine()

    async def program(ctx, cpu):
        for port, base in ((Port.PIC_MASTER, 0x20), (Port.PIC_SLAVE, 0x28)):
            await cpu.output(port, 0x11)
            await cpu.output(port + 1, base)
            await cpu.output(port + 1, 4 if port == Port.PIC_MASTER else 2)
            await cpu.output(port + 1, 1)
        await cpu.output(Port.PIC_MASTER + 1, ONES & 0xFB)
        await cpu.output(Port.PIC_SLAVE + 1, 0xFF & ~(1 << (Irq.DMA0 - 8)) & ~(1 << (Irq.GUARD - 8)))
        await cpu.write(engine("CONTROL"), 2)
        assert await copy(cpu, OWN, OTHER) == DONE
        assert not ctx.get(processor.intr)
        await cpu.write(engine("CONTROL"), 3)
        for _ in range(200):
            await ctx.tick()
        assert ctx.get(processor.intr)
        assert await cpu.acknowledge() == 0x20 + Irq.DMA0
        assert not ctx.get(processor.intr)

    run(top, processor, program)


@pytest.mark.parametrize("held", [True, False])
def test_ring_minus_1_brings_a_device_to_rest(held):
    """Whatever the device: DEVICE_RESET stops it and clears it, DEVICE_IDLE tells when. Untouched, it goes on to the end of its list."""

    async def program(ctx, cpu):
        await cpu.write_line(LIST, [0, OWN, 0x400, DescriptorFlag.LAST | DescriptorFlag.FILL])
        await cpu.write(engine("DESCRIPTOR"), LIST)
        await cpu.write(engine("CONTROL"), 1)
        assert await cpu.read(guard("DEVICE_IDLE")) == 0b10
        if held:
            await cpu.write(guard("DEVICE_RESET"), 0b01)
        for _ in range(500):
            if await cpu.read(guard("DEVICE_IDLE")) == 0b11:
                break
        moved = await cpu.read(engine("WORDS_MOVED"))
        assert moved == (0 if held else 0x100)
        await cpu.write(engine("CONTROL"), 1)  # while it is held nothing starts
        assert await cpu.read(engine("STATUS")) & 1 == (not held)
        await cpu.write(guard("DEVICE_RESET"), 0)
        if held:
            assert await cpu.read(engine("DESCRIPTOR")) == 0
            assert await copy(cpu, OTHER, OWN) == 2  # and afterwards it works again

    run(*machine(), program)
