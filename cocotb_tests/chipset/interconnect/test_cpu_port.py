"""The processor's port and the device bus: order of answers, and who waits for whom."""

from cocotb_tests.chipset.bus_master import BusMaster, ProcessorDouble
from cocotb_tests.chipset.whole import Whole, simulate, whole
from contracts.bus import Authority, Space
from contracts.host_link import HOST_LINK, LinkOp
from contracts.memory_map import Physical, Port

__all__: list[str] = []

ONES = 0xFFFF_FFFF
MAILBOX = Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset


def machine() -> tuple[Whole, ProcessorDouble]:
    top = whole()
    return top, top.processor


async def out_of_reset(ctx, top) -> None:
    while ctx.get(top.platform_reset):
        await ctx.tick()


def test_answers_keep_the_order_of_requests_whatever_the_targets(rng):
    """Requests are sent as fast as they are taken, to memory, ports and registers mixed; answers come in that order."""
    top, processor = machine()
    bus = processor.bus
    expected: list[int | None] = []
    got: list[int] = []

    async def collect(ctx):
        async for *_, valid, answer in ctx.tick().sample(bus.rsp_valid, bus.rsp):
            if valid:
                got.append(answer.data)

    async def program(ctx):
        await out_of_reset(ctx, top)
        memory: dict[int, int] = {}
        for _ in range(300):
            kind = rng.choice(("read", "read", "write", "burst", "port", "register", "nothing"))
            space, address, write, data = Space.MEMORY, rng.randrange(64) * 4, 0, rng.getrandbits(32)
            match kind:
                case "read":
                    expected.append(memory.get(address, 0))
                case "write":
                    memory[address], write = data, 1
                    expected.append(None)
                case "burst":
                    address &= ~15
                    expected.extend(memory.get(address + n, 0) for n in range(0, 16, 4))
                case "port":
                    space, address = Space.IO, 0xE8
                    expected.append(0xFFFF_E9FF)
                case "register":
                    address = Physical.HOST_LINK + HOST_LINK["PRESENT"].offset
                    expected.append(0x5246_4831)
                case "nothing":
                    address = 0x9000_0000
                    expected.append(ONES)
            ctx.set(bus.req_valid, 1)
            for name, value in {"space": space, "address": address, "write": write, "data": data, "mask": 15, "last": 1,
                                "burst": kind == "burst", "authority": Authority.RING_MINUS_1}.items():  # fmt: skip
                ctx.set(getattr(bus.req, name), value)
            while True:
                _, _, ready = await ctx.tick().sample(bus.req_ready)
                if ready:
                    break
            ctx.set(bus.req_valid, 0)
            if rng.random() < 0.2:
                await ctx.tick().repeat(rng.randrange(1, 12))
        await ctx.tick().repeat(40)

    simulate(top, program, background=[collect])
    assert len(got) == len(expected)
    assert all(want in (None, have) for want, have in zip(expected, got, strict=True))


def test_wide_port_accesses_are_bytes_lowest_first():
    top, processor = machine()
    posted: list[int] = []

    async def watch(ctx):
        async for *_, valid, byte in ctx.tick().sample(top.post_valid, top.post_data):
            if valid:
                posted.append(byte)

    async def program(ctx):
        await out_of_reset(ctx, top)
        cpu = BusMaster(ctx, processor.bus)
        await cpu.access(Port.COM1 + 4, space=Space.IO, write=[0x5A00_0000])  # LSR and MSR ignore theirs, MCR gets 0, SCR 5Ah
        assert await cpu.input(Port.COM1 + 7) == 0x5A
        answer = await cpu.access(Port.COM1 + 4, space=Space.IO)
        assert answer.word == 0x5AB0_6000
        await cpu.access(Port.POST, space=Space.IO, write=[0x44332211], mask=0b0011)
        assert posted == [0x11]

    simulate(top, program, background=[watch])


def test_the_mailbox_takes_whole_plain_reads_only():
    top, processor = machine()

    async def program(ctx):
        await out_of_reset(ctx, top)
        cpu = BusMaster(ctx, processor.bus, Authority.RING_MINUS_1)
        assert (await cpu.access(MAILBOX, mask=0b1100)).word == ONES
        assert (await cpu.access(MAILBOX, lock=True)).word == ONES
        await cpu.write(MAILBOX, 1)
        assert (await cpu.read_line(MAILBOX))[0] == (ONES,) * 4
        assert not ctx.get(top.stub_waiting)

    simulate(top, program)


def test_a_lock_keeps_the_host_link_out_of_memory_until_it_is_dropped():
    top, processor = machine()
    order: list[str] = []

    async def program(ctx):
        await out_of_reset(ctx, top)
        cpu = BusMaster(ctx, processor.bus)
        await cpu.access(0x40, lock=True)
        ctx.set(top.link_op, LinkOp.READ)
        ctx.set(top.link_address, 0x40)
        ctx.set(top.link_valid, 1)
        await ctx.tick()
        ctx.set(top.link_valid, 0)
        await ctx.tick().repeat(50)
        assert order == []
        await cpu.write(0x40, 0x77)
        await ctx.tick().repeat(20)
        assert order == ["0x77"]
        await cpu.access(0x40, lock=True)
        ctx.set(top.link_valid, 1)
        await ctx.tick()
        ctx.set(top.link_valid, 0)
        await ctx.tick().repeat(50)
        assert order == ["0x77"]
        await cpu.input(Port.POST)  # an unlocked request elsewhere ends it too
        await ctx.tick().repeat(20)
        assert order == ["0x77"] * 2

    async def watch(ctx):
        async for *_, valid, word in ctx.tick().sample(top.link_rsp_valid, top.link_rsp_data):
            if valid:
                order.append(hex(word))

    simulate(top, program, background=[watch])
