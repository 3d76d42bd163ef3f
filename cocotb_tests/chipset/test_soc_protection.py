"""The machine's protections, each beside its control: DMA guard, scrub, registers' authority, A20, host link."""

import pytest

from chipset.boards.simulation import SimulationTop
from chipset.boards.straps import Strap
from cocotb_tests.chipset.bus_master import BusMaster, ProcessorDouble, simulate
from contracts.bus import Authority
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.host_link import HOST_LINK, LinkOp
from contracts.memory_map import DMA_ENGINE_STRIDE, Irq, Physical, Port
from contracts.policy_map import GUARD, Format
from contracts.requesters import Requester

__all__: list[str] = []

MEMORY = 64 << 10
ONES = 0xFFFF_FFFF
MAP = 0xF000  # sixteen pages: one word
OWN, OTHER = 0x4000, 0x8000
LIST = 0x3000
SECRET = 0x5EC2E7


def machine(**arguments) -> tuple[SimulationTop, ProcessorDouble]:
    processor = ProcessorDouble()
    return SimulationTop(processor, bytes(16), MEMORY, latency=3, block_ram=True, **arguments), processor


def run(top: SimulationTop, processor: ProcessorDouble, program, straps: Strap = Strap(0), background=()) -> None:
    async def bench(ctx):
        ctx.set(top.straps, straps)
        await out_of_reset(ctx, top)
        await program(ctx, BusMaster(ctx, processor.bus, Authority.RING_MINUS_1))

    simulate(top, bench, background=background)


async def out_of_reset(ctx, top: SimulationTop) -> int:
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


@pytest.mark.parametrize("straps", [Strap(0), Strap.REGISTERS_OPEN])
def test_control_registers_answer_ring_minus_1_alone(straps):
    top, processor = machine()

    async def program(ctx, cpu):
        cpu.authority = Authority.GUEST
        assert await cpu.read(guard("CAPABILITY")) != ONES  # legacy systems see it while it is open
        assert await cpu.read(Physical.HOST_LINK + HOST_LINK["PRESENT"].offset) == 0x5246_4831
        cpu.authority = Authority.RING_MINUS_1
        await protect(cpu, ONES)
        cpu.authority = Authority.GUEST
        mailbox = Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset
        if straps:
            assert await cpu.read(guard("CAPABILITY")) != ONES
            await cpu.write(guard("MAP_LENGTH"), 0)
        else:
            assert await cpu.read(guard("CAPABILITY")) == ONES
            assert await cpu.read(mailbox) == ONES
            assert await cpu.read(Physical.HOST_LINK + HOST_LINK["PRESENT"].offset) == ONES
            await cpu.write(guard("MAP_LENGTH"), 0)
        cpu.authority = Authority.RING_MINUS_1
        assert await cpu.read(guard("MAP_LENGTH")) == (0 if straps else 4)
        await cpu.write(guard("CONTROL"), 0)
        assert await cpu.read(guard("CONTROL")) & 1 == 1  # sticky

    run(top, processor, program, straps)


@pytest.mark.parametrize("how", ["scrubbed", "never protected", "marked clean", "strap"])
def test_reset_leaves_no_secret(how):
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.write(OWN, SECRET)
        await cpu.write(MEMORY - 4, SECRET)
        if how != "never protected":
            await protect(cpu, ONES)
        if how == "marked clean":
            await cpu.write(guard("CONTROL"), GUARD["CONTROL"].field("MEMORY_CLEAN").mask)
        await cpu.output(Port.RESET_CONTROL, 0x02)
        await cpu.output(Port.RESET_CONTROL, 0x06)
        assert await out_of_reset(ctx, top) > (MEMORY // 4 if how == "scrubbed" else 0)
        left = 0 if how == "scrubbed" else SECRET
        assert [await cpu.read(OWN), await cpu.read(MEMORY - 4)] == [left, left]
        assert await cpu.read(guard("CONTROL")) == 0
        await cpu.write(OWN, 7)
        assert await cpu.read(OWN) == 7

    run(top, processor, program, Strap.NO_SCRUB if how == "strap" else Strap(0))


@pytest.mark.parametrize("straps", [Strap(0), Strap.A20_OBEYED])
def test_a20_is_forced_on_under_protection(straps):
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.output(Port.KBC_STATUS, 0xDD)
        assert ctx.get(processor.a20m) == 1
        await protect(cpu, ONES)
        assert ctx.get(processor.a20m) == bool(straps)
        await cpu.output(Port.SYSTEM_CONTROL_A, 0x02)
        assert ctx.get(processor.a20m) == 0
        await cpu.output(Port.SYSTEM_CONTROL_A, 0x00)
        assert ctx.get(processor.a20m) == bool(straps)

    run(top, processor, program, straps)


class Host:
    """The other end of the host link."""

    def __init__(self, ctx, top: SimulationTop) -> None:
        self._ctx = ctx
        self._top = top

    async def command(self, op: int, address: int = 0, *words: int, answers: int = 1) -> list[tuple[int, int]]:
        ctx, top = self._ctx, self._top
        got: list[tuple[int, int]] = []

        async def tick() -> None:
            if ctx.get(top.link_rsp_valid):
                got.append((ctx.get(top.link_rsp_data), ctx.get(top.link_rsp_error)))
            await ctx.tick()

        for word in words or (0,):
            ctx.set(top.link_valid, 1)
            ctx.set(top.link_op, op)
            ctx.set(top.link_address, address)
            ctx.set(top.link_data, word)
            for _ in range(2000):
                ready = ctx.get(top.link_ready)
                await tick()
                if ready:
                    break
            else:
                raise AssertionError("the link is not ready")
        ctx.set(top.link_valid, 0)
        for _ in range(2000):
            if len(got) == answers:
                return got
            await tick()
        raise AssertionError(f"command {op}: {len(got)} answers")


def test_host_link_works_while_the_stub_waits():
    top, processor = machine()
    events: list[str] = []

    async def stub(ctx):
        await out_of_reset(ctx, top)
        cpu = BusMaster(ctx, processor.bus, Authority.RING_MINUS_1)
        await cpu.write(OWN, SECRET)
        # While this read waits, memory and devices serve the kernel.
        assert await cpu.read(Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset) == 0x0012_3001
        events.append("answered")
        assert await cpu.read(OWN) == 0xABCD
        assert await cpu.read_line(OTHER) == ((1, 2, 3, 4), False)

    async def kernel(ctx):
        host = Host(ctx, top)
        while not ctx.get(top.stub_waiting):
            await ctx.tick()
        assert await host.command(LinkOp.POLL) == [(1, 0)]
        assert await host.command(LinkOp.READ, OWN) == [(SECRET, 0)]
        await host.command(LinkOp.WRITE, OWN, 0xABCD)
        await host.command(LinkOp.WRITE_BURST, OTHER, 1, 2, 3, 4)
        assert await host.command(LinkOp.READ_BURST, OTHER, answers=4) == [(1, 0), (2, 0), (3, 0), (4, 0)]
        assert await host.command(LinkOp.READ, 0x8000_0000) == [(ONES, 1)]
        await host.command(LinkOp.WRITE, guard("MAP_LENGTH"), 4)
        assert await host.command(LinkOp.READ, guard("MAP_LENGTH")) == [(4, 0)]
        await host.command(LinkOp.IO_WRITE, Port.COM1 + 7, 0x5A)
        assert await host.command(LinkOp.IO_READ, Port.COM1 + 7) == [(0x5A, 0)]
        await host.command(LinkOp.IO_WRITE_32, Port.COM1 + 4, 0xA5 << 24)
        assert await host.command(LinkOp.IO_READ, Port.COM1 + 7) == [(0xA5, 0)]
        assert (await host.command(15))[0][1] == 1  # no such command
        assert events == []
        assert await host.command(LinkOp.ANSWER, 0, 0x0012_3001) == [(0, 0)]
        for _ in range(20):
            await ctx.tick()
        assert events == ["answered"]
        assert (await host.command(LinkOp.ANSWER, 0, 1))[0][1] == 1  # nobody waits

    simulate(top, stub, kernel)


def test_host_link_is_answered_across_a_platform_reset():
    top, processor = machine()

    async def stub(ctx):
        await out_of_reset(ctx, top)
        cpu = BusMaster(ctx, processor.bus, Authority.RING_MINUS_1)
        await cpu.output(Port.RESET_CONTROL, 0x02)
        await cpu.output(Port.RESET_CONTROL, 0x06)

    async def kernel(ctx):
        host = Host(ctx, top)
        answers = 0
        for _ in range(30):
            answers += len(await host.command(LinkOp.READ_BURST, OWN, answers=4))
        assert answers == 120

    simulate(top, stub, kernel)


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
