"""READ DMA and WRITE DMA by the bus master, against the words of the PIIX3's data sheet: regions of every kind, errors, stop, rest."""

import pytest

from chipset.devices.storage.port import StorageOp
from cocotb_tests.chipset.devices.ide.bench import READY, SECTORS, TABLE, Host, Memory, Storage, chain, with_controller
from contracts.ide import PRD_SIZE, SECTOR_SIZE, Ata, BusMasterCommand, BusMasterPort, BusMasterStatus, Control, Error, Status, TaskFile

__all__: list[str] = []

ACTIVE, ERROR, INTERRUPT = BusMasterStatus.ACTIVE, BusMasterStatus.ERROR, BusMasterStatus.INTERRUPT
BUFFER = 0x2_0000


def split(rng, total: int) -> list[int]:
    """Even region sizes that sum up to ``total`` bytes, some of them tiny."""
    sizes = []
    while total:
        size = min(total, rng.choice((2, 2, 4, 6, 10, 16, 30, 64, 256, 512, 700)))
        sizes.append(size)
        total -= size
    return sizes


def regions_of(rng, total: int) -> list[tuple[int, int]]:
    """Regions in rising order with gaps, at any even address."""
    at, regions = BUFFER + rng.randrange(0, 16, 2), []
    for size in split(rng, total):
        regions.append((at, size))
        at += size + rng.choice((0, 0, 2, 4, 12, 16))
        at += at & 1
    return regions


@pytest.mark.parametrize("run", range(6))
@pytest.mark.parametrize("to_memory", [True, False])
def test_any_regions(rng, to_memory, run):
    """What the regions name is moved and nothing else is touched; descriptors are read once each, two words."""
    count = rng.randrange(1, 4)
    lba = rng.randrange(SECTORS - count)
    regions = regions_of(rng, count * SECTOR_SIZE)
    named = {base + n for base, size in regions for n in range(size)}

    async def program(host: Host, memory: Memory, storage: Storage):
        before = b"".join(memory.read(base, size) for base, size in regions)
        memory.write(TABLE, chain(regions))
        assert await host.dma(lba, count, to_memory) == (INTERRUPT, READY)
        sectors = b"".join(storage.sector(lba + n) for n in range(count))
        after = b"".join(memory.read(base, size) for base, size in regions)
        assert after == sectors
        assert after == before or to_memory
        assert await host.named() == lba + count - 1
        assert host.ctx.get(host.dut.idle)

    memory, storage = with_controller(rng, program)
    table = set(range(TABLE, TABLE + PRD_SIZE * len(regions)))
    assert {a for what, a in memory.touched if what == "write"} == (named if to_memory else set())
    assert {a for what, a in memory.touched if what == "read"} == table | (set() if to_memory else named)
    assert set(storage.written) == (set() if to_memory else {lba + n for n in range(count)})
    fetches = [(a, n) for what, a, n in memory.log if a in table]
    assert fetches == [(a, 1) for a in range(TABLE, TABLE + PRD_SIZE * len(regions), 4)]


@pytest.mark.parametrize("to_memory", [True, False])
def test_whole_lines_move_as_bursts(rng, to_memory):
    async def program(host: Host, memory: Memory, storage: Storage):
        memory.write(TABLE, chain([(BUFFER, SECTOR_SIZE)]))
        assert await host.dma(3, 1, to_memory) == (INTERRUPT, READY)

    memory, _ = with_controller(rng, program)
    data = [(a, n) for _, a, n in memory.log if a >= BUFFER]
    assert data == [(a, 4) for a in range(BUFFER, BUFFER + SECTOR_SIZE, 16)]


def test_odd_bits_count_as_even_and_a_count_of_0_is_64_kib(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        table = [BUFFER | 1, 0x101, 0x3_0000, 0x8000_0000 | 0x7FFE << 16]  # 256 bytes, then 64 KiB with reserved bits set
        memory.write(TABLE, b"".join(word.to_bytes(4, "little") for word in table))
        assert await host.dma(0, 2, True) == (INTERRUPT | ACTIVE, READY)
        data = storage.sector(0) + storage.sector(1)
        assert memory.read(BUFFER, 256) + memory.read(0x3_0000, 768) == data

    with_controller(rng, program)


def test_a_table_longer_than_the_transfer_stays_active(rng):
    """INTERRUPT and ACTIVE: the device's transfer was the smaller one. The end of START makes the bus master idle."""

    async def program(host: Host, memory: Memory, storage: Storage):
        memory.write(TABLE, chain([(BUFFER, SECTOR_SIZE), (BUFFER + 0x1000, 64)]))
        for to_memory in (True, False):
            assert await host.dma(1, 1, to_memory) == (INTERRUPT | ACTIVE, READY)
            assert await host.master_read(BusMasterPort.STATUS) == INTERRUPT
            await host.ctx.tick().repeat(20)
            assert host.ctx.get(host.dut.idle)
        assert not [a for _, a, _ in memory.log if a >= BUFFER + 0x1000]

    with_controller(rng, program)


@pytest.mark.parametrize("to_memory", [True, False])
def test_a_table_shorter_than_the_transfer(rng, to_memory):
    """Neither INTERRUPT nor ACTIVE, the drive waits; a reset of the channel ends that."""

    async def program(host: Host, memory: Memory, storage: Storage):
        memory.write(TABLE, chain([(BUFFER, SECTOR_SIZE + 100)]))
        await host.address(1, 2)
        await host.start(to_memory)
        await host.command(Ata.READ_DMA if to_memory else Ata.WRITE_DMA)
        while await host.master_read(BusMasterPort.STATUS) & ACTIVE:
            pass
        await host.ctx.tick().repeat(300)
        assert await host.master_read(BusMasterPort.STATUS) == 0 and not host.irq
        assert await host.alternate() & Status.BSY
        if to_memory:
            assert memory.read(BUFFER, SECTOR_SIZE + 100) == (storage.sector(1) + storage.sector(2))[: SECTOR_SIZE + 100]
        await host.control(Control.SRST)
        await host.control(0)
        await host.wait()
        assert set(storage.written) == (set() if to_memory else {1})  # the second sector was not complete
        memory.write(TABLE, chain([(BUFFER, SECTOR_SIZE)]))
        assert await host.dma(5, 1, True) == (INTERRUPT, READY)
        assert memory.read(BUFFER, SECTOR_SIZE) == storage.sector(5)

    with_controller(rng, program)


@pytest.mark.parametrize("where", ["first descriptor", "second descriptor", "data", "second region"])
@pytest.mark.parametrize("to_memory", [True, False])
def test_a_refused_access_ends_the_transfer(rng, to_memory, where):
    """ERROR, no ACTIVE, an interrupt, ABRT; nothing further is accessed; no sector is written in part; and then it works again."""

    async def program(host: Host, memory: Memory, storage: Storage):
        table = 0x8FF8  # the second descriptor lies in the next page
        memory.write(table, chain([(BUFFER, SECTOR_SIZE), (BUFFER + 0x1000, SECTOR_SIZE)]))
        bad = {"first descriptor": 0x8, "second descriptor": 0x9, "data": BUFFER >> 12, "second region": (BUFFER >> 12) + 1}[where]
        memory.bad.add(bad)
        seen, status = await host.dma(8, 2, to_memory, table)
        assert (seen, status) == (INTERRUPT | ERROR, READY | Status.ERR)
        assert await host.read(TaskFile.ERROR) == Error.ABRT
        done = 1 if where in ("second descriptor", "second region") else 0
        assert await host.named() == 8 + done and await host.read(TaskFile.SECTOR_COUNT) == 2 - done
        assert set(storage.written) == ({8} if done and not to_memory else set())
        assert memory.log[-1][1] >> 12 == bad
        before = len(memory.log)
        await host.ctx.tick().repeat(50)
        assert len(memory.log) == before and host.ctx.get(host.dut.idle)
        memory.bad.clear()
        assert await host.dma(8, 2, to_memory, table) == (INTERRUPT, READY)

    with_controller(rng, program)


def test_the_wrong_direction_moves_nothing(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        memory.write(TABLE, chain([(BUFFER, SECTOR_SIZE)]))
        for code, to_memory in ((Ata.READ_DMA, False), (Ata.WRITE_DMA, True)):
            await host.address(2, 1)
            await host.start(to_memory)
            await host.command(code)
            await host.wait_irq()
            assert await host.master_read(BusMasterPort.STATUS) == INTERRUPT | ERROR
            assert await host.read(TaskFile.STATUS) == READY | Status.ERR
        assert memory.log == [] and storage.written == {}

    with_controller(rng, program)


def test_registers_of_the_bus_master(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        await host.master_write(BusMasterPort.DESCRIPTOR_TABLE, 0xFFFF_FFFF, 4)
        assert await host.master_read(BusMasterPort.DESCRIPTOR_TABLE, 4) == 0xFFFF_FFFC
        await host.master_write(BusMasterPort.DESCRIPTOR_TABLE + 2, 0x5A)
        assert await host.master_read(BusMasterPort.DESCRIPTOR_TABLE, 4) == 0xFF5A_FFFC
        await host.master_write(BusMasterPort.COMMAND, 0xFF & ~BusMasterCommand.START)
        assert await host.master_read(BusMasterPort.COMMAND) == BusMasterCommand.TO_MEMORY
        await host.master_write(BusMasterPort.STATUS, 0xFF)
        assert await host.master_read(BusMasterPort.STATUS) == 0x60  # ACTIVE and simplex cannot be written
        await host.command(Ata.RECALIBRATE)
        await host.wait_irq()
        await host.ctx.tick()
        assert await host.master_read(BusMasterPort.STATUS) == 0x60 | INTERRUPT  # whatever the command was
        await host.read(TaskFile.STATUS)
        assert await host.master_read(BusMasterPort.STATUS) == 0x60 | INTERRUPT
        await host.master_write(BusMasterPort.STATUS, 0x20)
        assert await host.master_read(BusMasterPort.STATUS) == 0x20 | INTERRUPT
        await host.master_write(BusMasterPort.STATUS, 0x20 | INTERRUPT)
        assert await host.master_read(BusMasterPort.STATUS) == 0x20
        for port in (1, 3, *range(8, 16)):
            await host.master_write(port, 0xFF)
            assert await host.master_read(port) == 0
        await host.master_write(BusMasterPort.COMMAND, BusMasterCommand.START)
        assert await host.master_read(BusMasterPort.STATUS) == 0x20 | ACTIVE
        await host.master_write(BusMasterPort.COMMAND, 0)
        assert await host.master_read(BusMasterPort.STATUS) == 0x20
        assert memory.log == []

    with_controller(rng, program)


@pytest.mark.parametrize("to_memory", [True, False])
def test_nothing_is_accessed_while_bus_mastering_is_off(rng, to_memory):
    """With COMMAND's bit clear nothing begins, and what is under way pauses; with it set again all arrives."""

    async def program(host: Host, memory: Memory, storage: Storage):
        ctx, allowed = host.ctx, host.dut.settings.bus_master
        ctx.set(allowed, 0)
        memory.write(TABLE, chain([(BUFFER, 2 * SECTOR_SIZE)]))
        data = memory.read(BUFFER, 2 * SECTOR_SIZE)
        await host.address(4, 2)
        await host.start(to_memory)
        await host.command(Ata.READ_DMA if to_memory else Ata.WRITE_DMA)
        await ctx.tick().repeat(400)
        assert memory.log == [] and await host.master_read(BusMasterPort.STATUS) == ACTIVE
        while not host.irq:
            ctx.set(allowed, 1)
            await ctx.tick().repeat(rng.randrange(1, 200))
            ctx.set(allowed, 0)
            await ctx.tick().repeat(20)  # what has been begun
            before = len(memory.log)
            await ctx.tick().repeat(60)
            assert len(memory.log) == before
            ctx.set(allowed, 1)
        assert await host.master_read(BusMasterPort.STATUS) == INTERRUPT
        sectors = storage.sector(4) + storage.sector(5)
        assert sectors == (memory.read(BUFFER, 2 * SECTOR_SIZE) if to_memory else data)

    with_controller(rng, program)


@pytest.mark.parametrize("to_memory", [True, False])
def test_stop_at_any_moment(rng, to_memory):
    """The end of START: ACTIVE ends at once, at most what is under way is completed; a reset, and the next transfer is whole."""

    async def program(host: Host, memory: Memory, storage: Storage):
        for _ in range(7):
            memory.write(TABLE, chain(regions_of(rng, 2 * SECTOR_SIZE)))
            await host.address(4, 2)
            await host.start(to_memory)
            await host.command(Ata.READ_DMA if to_memory else Ata.WRITE_DMA)
            await host.ctx.tick().repeat(rng.randrange(1, 900))
            await host.master_write(BusMasterPort.COMMAND, 0)
            assert not await host.master_read(BusMasterPort.STATUS) & ACTIVE
            before = len(memory.log)
            if rng.random() < 0.5:
                await host.ctx.tick().repeat(rng.randrange(1, 60))
            await host.control(Control.SRST)
            await host.control(0)
            await host.wait()
            assert len(memory.log) <= before + 1
            regions = regions_of(rng, SECTOR_SIZE)
            memory.write(TABLE, chain(regions))
            data = b"".join(memory.read(*region) for region in regions)
            assert await host.dma(9, 1, to_memory) == (INTERRUPT, READY)
            assert storage.sector(9) == (b"".join(memory.read(*region) for region in regions) if to_memory else data)

    with_controller(rng, program)


@pytest.mark.parametrize("code", [Ata.READ_DMA, Ata.WRITE_DMA, Ata.READ_SECTORS, Ata.WRITE_SECTORS])
@pytest.mark.parametrize("short", [True, False])
def test_hold_at_any_moment(rng, code, short):
    """Ring -1 takes the device: nothing new is begun, a sector is stored whole or not at all, idle tells when it is at rest, and then
    registers and buffer are as after power-on. A pulse (``short``) does the same as a long hold."""
    dma, reads = code in (Ata.READ_DMA, Ata.WRITE_DMA), code in (Ata.READ_DMA, Ata.READ_SECTORS)

    async def program(host: Host, memory: Memory, storage: Storage):
        ctx, dut = host.ctx, host.dut
        for _ in range(7):
            storage.written.clear()
            memory.write(TABLE, chain(regions_of(rng, 2 * SECTOR_SIZE)))
            payload = bytes(rng.randrange(1, 256) for _ in range(SECTOR_SIZE))
            await host.write(TaskFile.FEATURES, 0x5A)
            await host.address(0x123, 2)
            if dma:
                await host.master_write(BusMasterPort.STATUS, 0x60)
                await host.start(reads)
            await host.command(code)
            if code is Ata.WRITE_SECTORS and rng.random() < 0.8:
                await host.wait()
                await host.sector_out(rng, payload[: rng.choice((100, SECTOR_SIZE))])
            await ctx.tick().repeat(rng.randrange(1, 1000 if dma else 300))
            if code is Ata.READ_SECTORS and await host.alternate() & Status.DRQ:
                await host.data_in()
            memory.stall = rng.random() < 0.3
            await ctx.tick().repeat(2)
            before = len(memory.log)
            ctx.set(dut.hold, 1)
            assert not ctx.get(dut.idle)
            await ctx.tick()
            if not short:
                await host.command(Ata.READ_DMA)  # nothing is begun
                await host.start(True)
            ctx.set(dut.hold, not short)
            if memory.stall:
                await ctx.tick().repeat(400)
                memory.stall = False
            for _ in range(2000):
                if ctx.get(dut.idle):
                    break
                await ctx.tick()
            else:
                raise AssertionError("it does not come to rest")
            assert len(memory.log) <= before + 1 and not memory.outstanding and not storage.busy
            assert set(storage.written) <= {0x123, 0x124}
            if code is Ata.WRITE_SECTORS:
                assert set(storage.written.values()) <= {payload}
            requests, accesses = len(storage.log), len(memory.log)
            await ctx.tick().repeat(150)
            assert (len(storage.log), len(memory.log)) == (requests, accesses) and ctx.get(dut.idle) and not host.irq
            ctx.set(dut.hold, 0)
            await ctx.tick().repeat(3)
            assert [await host.read(TaskFile(r)) for r in range(1, 8)] == [1, 1, 1, 0, 0, 0, READY]  # the signature
            assert [await host.master_read(port) for port in range(16)] == [0] * 16
            assert not any(host.buffer())
            assert await host.data_in(4) == bytes(4) and not host.irq
            assert ctx.get(dut.idle)
            memory.write(TABLE, chain([(BUFFER, SECTOR_SIZE)]))  # the next owner finds it working
            assert await host.dma(7, 1, True) == (INTERRUPT, READY)
            assert memory.read(BUFFER, SECTOR_SIZE) == storage.sector(7)

    with_controller(rng, program)


def test_hold_forgets_modes_and_translation(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        await host.simple(Ata.SET_FEATURES, 0x22, 3)
        await host.write(TaskFile.DEVICE, 3)
        await host.simple(Ata.INITIALIZE_PARAMETERS, 17)
        await host.control(Control.NIEN)
        host.ctx.set(host.dut.hold, 1)
        await host.ctx.tick().repeat(200)
        host.ctx.set(host.dut.hold, 0)
        await host.ctx.tick().repeat(3)
        await host.address(1 << 8 | 1, 1, 0)  # cylinder 1, head 0, sector 1
        await host.command(Ata.READ_SECTORS)
        await host.wait_irq()
        assert storage.log == [(StorageOp.READ, 16 * 63)]
        await host.read(TaskFile.STATUS)
        await host.sector_in(rng)
        await host.wait()
        await host.command(Ata.IDENTIFY_DEVICE)
        await host.wait_irq()
        assert (await host.sector_in(rng))[126:128] == bytes((7, 0))

    with_controller(rng, program)
