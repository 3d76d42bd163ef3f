"""The host link in the whole machine, while the stub waits and across a reset."""

from cocotb_tests.chipset.bus_master import BusMaster
from cocotb_tests.chipset.protection_bench import ONES, OTHER, OWN, SECRET, guard, machine, out_of_reset
from cocotb_tests.chipset.whole import Whole, simulate
from contracts.bus import Authority
from contracts.host_link import HOST_LINK, LinkOp
from contracts.memory_map import PAGE_SIZE, Physical, Port

__all__: list[str] = []

LINE_BYTES = 16


class Host:
    """The other end of the host link."""

    def __init__(self, ctx, top: Whole) -> None:
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


def test_a_page_is_cleared():
    top, processor = machine()

    async def stub(ctx):
        await out_of_reset(ctx, top)
        cpu = BusMaster(ctx, processor.bus, Authority.RING_MINUS_1)
        for address in range(OTHER, OTHER + PAGE_SIZE, 4):
            await cpu.write(address, address)
        await cpu.write(OTHER + PAGE_SIZE, SECRET)
        await cpu.write(OTHER - 4, SECRET)

        host = Host(ctx, top)
        assert await host.command(LinkOp.CLEAR_PAGE, OTHER + 0x123) == [(0, 0)]  # the low bits do not count
        for line in range(OTHER, OTHER + PAGE_SIZE, LINE_BYTES):
            assert await host.command(LinkOp.READ_BURST, line, answers=4) == [(0, 0)] * 4
        assert await host.command(LinkOp.READ, OTHER + PAGE_SIZE) == [(SECRET, 0)]
        assert await host.command(LinkOp.READ, OTHER - 4) == [(SECRET, 0)]
        assert await host.command(LinkOp.CLEAR_PAGE, 0x8000_0000) == [(0, 1)]

    simulate(top, stub)


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


def test_clearing_a_page_is_answered_across_a_platform_reset():
    top, processor = machine()
    told: list[tuple[int, int]] = []

    async def stub(ctx):
        await out_of_reset(ctx, top)
        cpu = BusMaster(ctx, processor.bus, Authority.RING_MINUS_1)
        for _ in range(300):
            await ctx.tick()
        await cpu.output(Port.RESET_CONTROL, 0x02)
        await cpu.output(Port.RESET_CONTROL, 0x06)

    async def kernel(ctx):
        host = Host(ctx, top)
        for _ in range(4):
            told.extend(await host.command(LinkOp.CLEAR_PAGE, OTHER))
        assert await host.command(LinkOp.READ_BURST, OTHER, answers=4) == [(0, 0)] * 4

    simulate(top, stub, kernel)
    assert sorted(told) == [(0, 0)] * 3 + [(ONES, 1)]  # one of them was cut short


def test_single_bytes_move_alone():
    """In RAM: a byte that is written changes no other, and one that is read comes alone. The guard takes none."""
    top, _ = machine()

    async def kernel(ctx):
        await out_of_reset(ctx, top)
        host = Host(ctx, top)
        await host.command(LinkOp.WRITE, OWN, 0x4433_2211)
        for lane, byte in enumerate((0x11, 0x22, 0x33, 0x44)):
            assert await host.command(LinkOp.READ_8, OWN + lane) == [(byte, 0)]
        await host.command(LinkOp.WRITE_8, OWN + 2, 0xFFFF_FFEE)
        assert await host.command(LinkOp.READ, OWN) == [(0x44EE_2211, 0)]
        assert await host.command(LinkOp.READ_8, Physical.NOWHERE) == [(0xFF, 1)]
        await host.command(LinkOp.WRITE, guard("MAP_BASE"), 0x1234_5678)
        assert await host.command(LinkOp.READ_8, guard("MAP_BASE") + 1) == [(0x56, 0)]
        assert await host.command(LinkOp.WRITE_8, guard("MAP_BASE"), 0xFF) == [(0xFF, 1)]  # the guard takes whole words
        assert await host.command(LinkOp.READ, guard("MAP_BASE")) == [(0x1234_5678, 0)]

    simulate(top, kernel)
