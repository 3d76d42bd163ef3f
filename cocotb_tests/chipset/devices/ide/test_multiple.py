"""READ MULTIPLE, WRITE MULTIPLE and SET MULTIPLE MODE against the words of ATA/ATAPI-4 (8.27, 8.38, 8.47) and -6."""

import pytest

from chipset.devices.storage.port import StorageOp
from cocotb_tests.chipset.devices.ide.bench import READY, SECTORS, Host, Memory, Storage, with_controller
from contracts.ide import BLOCK_SECTORS, SECTOR_SIZE, Ata, Control, Error, IdentifyWord, Status, TaskFile

__all__: list[str] = []

ABORTED = (READY | Status.ERR, Error.ABRT)
SIZES = (1, 2, 4, 8, 16)


async def identify(host: Host, rng) -> list[int]:
    """The words of IDENTIFY DEVICE."""
    await host.command(Ata.IDENTIFY_DEVICE)
    await host.wait_irq()
    await host.read(TaskFile.STATUS)
    data = await host.sector_in(rng)
    await host.wait()
    return [data[n] | data[n + 1] << 8 for n in range(0, SECTOR_SIZE, 2)]


async def enable(host: Host, size: int) -> None:
    assert await host.simple(Ata.SET_MULTIPLE_MODE, size) == (READY, 0)


def blocks(count: int, size: int) -> list[int]:
    """Sectors of each block; the last one may be shorter."""
    return [min(size, count - n) for n in range(0, count, size)]


def test_the_mode_is_set_reported_and_disabled(rng):
    """Disabled at first; 0 disables without an error, a size that is not supported with one; so does a software reset."""

    async def program(host: Host, memory: Memory, storage: Storage):
        async def setting() -> int:
            words = await identify(host, rng)
            assert words[IdentifyWord.MULTIPLE_MAXIMUM] == 0x8000 | BLOCK_SECTORS
            return words[IdentifyWord.MULTIPLE_SETTING]

        async def is_disabled() -> bool:
            """And both commands say so."""
            for code in (Ata.READ_MULTIPLE, Ata.WRITE_MULTIPLE):
                await host.address(0, 1)
                assert await host.simple(code, 1) == ABORTED
            return await setting() == 0

        assert await is_disabled()
        for size in (*SIZES, 3, 12, 17, 32, 0x90):
            await enable(host, 4)
            assert await host.simple(Ata.SET_MULTIPLE_MODE, size) == ((READY, 0) if size in SIZES else ABORTED), size
            assert await setting() == (0x100 | size if size in SIZES else 0)
        assert await is_disabled()
        await enable(host, 8)
        await enable(host, 0)
        assert await is_disabled()
        await enable(host, 8)
        await host.control(Control.SRST)
        await host.control(0)
        await host.wait()
        assert await is_disabled()
        assert storage.log == []

    with_controller(rng, program)


@pytest.mark.parametrize(("size", "count"), [(1, 2), (2, 5), (4, 4), (8, 3), (16, 18)])
def test_read_multiple(rng, size, count):
    """An interrupt a block, when all of it can be read without a look at STATUS; none at the end."""

    async def program(host: Host, memory: Memory, storage: Storage):
        await enable(host, size)
        lba = rng.randrange(SECTORS - count)
        await host.address(lba, count)
        await host.command(Ata.READ_MULTIPLE)
        data = b""
        for sectors in blocks(count, size):
            await host.wait_irq()
            assert await host.read(TaskFile.STATUS) == READY | Status.DRQ
            block = b""
            while len(block) < sectors * SECTOR_SIZE:
                assert await host.alternate() == READY | Status.DRQ and not host.irq
                block += await host.data_in(2 if len(block) == sectors * SECTOR_SIZE - 2 else rng.choice((2, 4)))
            data += block
        assert data == b"".join(storage.sector(lba + n) for n in range(count))
        assert await host.wait() == READY
        assert await host.named() == lba + count - 1 and await host.read(TaskFile.SECTOR_COUNT) == 0
        await host.ctx.tick().repeat(20)
        assert not host.irq and await host.data_in() == bytes(2)

    with_controller(rng, program)


@pytest.mark.parametrize(("size", "count"), [(1, 2), (2, 5), (4, 4), (8, 3), (16, 18)])
def test_write_multiple(rng, size, count):
    """No interrupt before the first block, one after each."""

    async def program(host: Host, memory: Memory, storage: Storage):
        await enable(host, size)
        lba = rng.randrange(SECTORS - count)
        sectors = [rng.randbytes(SECTOR_SIZE) for _ in range(count)]
        await host.address(lba, count)
        await host.command(Ata.WRITE_MULTIPLE)
        at = 0
        for length in blocks(count, size):
            if at == 0:
                await host.wait()
                assert not host.irq
            else:
                await host.wait_irq()
            assert await host.read(TaskFile.STATUS) == READY | Status.DRQ
            assert len(storage.written) == at
            await host.sector_out(rng, b"".join(sectors[at : at + length]))
            assert await host.alternate() & (Status.BSY | Status.DRQ) != Status.DRQ
            at += length
        await host.wait_irq()
        assert await host.read(TaskFile.STATUS) == READY
        assert storage.written == {lba + n: data for n, data in enumerate(sectors)}
        assert await host.named() == lba + count - 1

    with_controller(rng, program)


@pytest.mark.parametrize("what", ["beyond", "bad"])
@pytest.mark.parametrize("code", [Ata.READ_MULTIPLE, Ata.WRITE_MULTIPLE])
def test_a_transfer_ends_at_the_sector_that_fails(rng, code, what):
    """In the middle of the second block, of which nothing is read; of what is written the sectors before it are on the medium."""
    size, first = 4, 100
    fails = first + 6
    if what == "beyond":
        first, fails = SECTORS - 6, SECTORS

    async def program(host: Host, memory: Memory, storage: Storage):
        if what == "bad":
            storage.bad.add(fails)
        await enable(host, size)
        await host.address(first, 2 * size)
        await host.command(code)
        if code is Ata.READ_MULTIPLE:
            await host.wait_irq()
            await host.read(TaskFile.STATUS)
            for _ in range(size):
                await host.sector_in(rng)
        else:
            for n in range(2):
                await (host.wait_irq() if n else host.wait())
                assert await host.read(TaskFile.STATUS) == READY | Status.DRQ
                await host.sector_out(rng, bytes([n + 1]) * SECTOR_SIZE * size)
        await host.wait_irq()
        error = {"beyond": Error.IDNF, "bad": Error.UNC if code is Ata.READ_MULTIPLE else Error.ABRT}[what]
        assert (await host.read(TaskFile.STATUS), await host.read(TaskFile.ERROR)) == (READY | Status.ERR, error)
        assert await host.named() == fails and await host.read(TaskFile.SECTOR_COUNT) == 2
        assert set(storage.written) == (set(range(first, fails)) if code is Ata.WRITE_MULTIPLE else set())
        await host.address(5, 1)
        await host.command(Ata.READ_SECTORS)  # a sector at a time as ever
        await host.wait_irq()
        await host.read(TaskFile.STATUS)
        assert await host.sector_in(rng) == storage.sector(5)
        assert await host.wait() == READY

    with_controller(rng, program)


@pytest.mark.parametrize("how", ["reset", "hold"])
@pytest.mark.parametrize("code", [Ata.READ_MULTIPLE, Ata.WRITE_MULTIPLE])
def test_reset_and_hold_at_any_moment_clear_the_whole_buffer(rng, code, how):
    async def program(host: Host, memory: Memory, storage: Storage):
        ctx = host.ctx
        payload = bytes([0xA5]) * SECTOR_SIZE
        for _ in range(3):
            storage.written.clear()
            await enable(host, 4)
            await host.address(50, 8)
            await host.command(code)
            if code is Ata.WRITE_MULTIPLE:
                await host.wait()
                await host.sector_out(rng, payload * rng.choice((1, 4)))
            await ctx.tick().repeat(rng.randrange(1, 900))
            if how == "hold":
                ctx.set(host.dut.hold, 1)
            else:
                await host.control(Control.SRST)
            await ctx.tick().repeat(3)
            ctx.set(host.dut.hold, 0)
            await host.control(0)
            await host.wait()
            assert not storage.busy and set(storage.written.values()) <= {payload}
            assert not any(host.buffer())
            requests = len(storage.log)
            await host.address(50, 1)
            assert await host.simple(Ata.READ_MULTIPLE, 1) == ABORTED and len(storage.log) == requests
            await host.address(60, 1)
            await host.command(Ata.READ_SECTORS)
            await host.wait_irq()
            await host.read(TaskFile.STATUS)
            assert await host.sector_in(rng) == storage.sector(60)
            assert storage.log[-1] == (StorageOp.READ, 60)

    with_controller(rng, program)


def test_a_platform_reset_clears_the_whole_buffer(rng):
    """Memory keeps what is in it over a reset."""

    async def program(host: Host, memory: Memory, storage: Storage):
        ctx, reset = host.ctx, host.stage.reset
        await enable(host, 4)
        await host.address(50, 4)
        await host.command(Ata.WRITE_MULTIPLE)
        await host.wait()
        await host.sector_out(rng, bytes([0xA5]) * SECTOR_SIZE * 3)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert any(host.buffer())
        await host.wait()
        assert not any(host.buffer()) and not storage.log

    with_controller(rng, program)
