"""Storage of the FPGA's own memory keeps to the storage port."""

from chipset.devices.storage.memory_disk import MemoryDisk
from chipset.devices.storage.port import SECTOR_WORDS, StorageOp
from cocotb_tests.chipset.bus_master import simulate

__all__: list[str] = []

SECTORS = 5


async def ask(ctx, port, op: StorageOp, sector: int) -> None:
    ctx.set(port.request.payload.op, op)
    ctx.set(port.request.payload.sector, sector)
    ctx.set(port.request.valid, 1)
    while not (await ctx.tick().sample(port.request.ready))[2]:
        pass
    ctx.set(port.request.valid, 0)


async def done(ctx, port) -> None:
    for _ in range(2 * SECTOR_WORDS):
        if ctx.get(port.done):
            assert not ctx.get(port.error)
            await ctx.tick()
            assert not ctx.get(port.done)
            return
        await ctx.tick()
    raise AssertionError("it is not done")


def test_reads_writes_and_resets(rng):
    disk = [[rng.getrandbits(32) for _ in range(SECTOR_WORDS)] for _ in range(SECTORS)]
    dut = MemoryDisk(SECTORS, init=[word for sector in disk for word in sector])

    async def bench(ctx):
        port = dut.port
        assert ctx.get(port.sectors) == SECTORS
        for _ in range(20):
            op, sector = rng.choice(list(StorageOp)), rng.randrange(SECTORS)
            await ask(ctx, port, op, sector)
            words = [rng.getrandbits(32) for _ in range(SECTOR_WORDS)]
            cut = rng.randrange(SECTOR_WORDS) if rng.random() < 0.3 else None
            stream, other = (port.read, port.read.ready) if op is StorageOp.READ else (port.write, port.write.valid)
            for n in range(0 if op is StorageOp.FLUSH else SECTOR_WORDS):
                if n == cut:
                    break
                ctx.set(other, 0)
                await ctx.tick().repeat(1 + rng.randrange(2))
                ctx.set(other, 1)
                if op is StorageOp.WRITE:
                    ctx.set(stream.payload, words[n])
                while True:
                    _, _, go, word = await ctx.tick().sample(stream.valid if op is StorageOp.READ else stream.ready, stream.payload)
                    if go:
                        break
                if op is StorageOp.READ:
                    assert word == disk[sector][n]
            ctx.set(other, 0)
            if cut is not None and op is not StorageOp.FLUSH:
                ctx.set(port.reset, 1)
                await ctx.tick()
                ctx.set(port.reset, 0)
            else:
                await done(ctx, port)
                if op is StorageOp.WRITE:
                    disk[sector] = words
            assert ctx.get(port.request.ready)
        assert [ctx.get(dut.words[n]) for n in range(SECTORS * SECTOR_WORDS)] == [word for sector in disk for word in sector]

    simulate(dut, bench)


def test_no_sectors():
    dut = MemoryDisk(0)

    async def bench(ctx):
        assert ctx.get(dut.port.sectors) == 0

    simulate(dut, bench)
