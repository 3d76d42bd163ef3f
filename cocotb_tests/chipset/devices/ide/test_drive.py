"""The ATA drive by its programmed I/O, against the words of ATA/ATAPI-6."""

import pytest

from chipset.devices.storage.port import StorageOp
from cocotb_tests.chipset.devices.ide.bench import READY, SECTORS, Host, Memory, Storage, with_controller
from contracts.ide import IDENTIFY_MODEL, SECTOR_SIZE, Ata, Control, Device, Error, Feature, IdentifyWord, Status, TaskFile, TransferMode

__all__: list[str] = []

HEADS, TRACK = 16, 63  # the default translation
SIGNATURE = [1, 1, 1, 0, 0, 0]  # error, count, LBA low, mid, high, device
REGISTERS = (TaskFile.ERROR, TaskFile.SECTOR_COUNT, TaskFile.LBA_LOW, TaskFile.LBA_MID, TaskFile.LBA_HIGH, TaskFile.DEVICE)


async def registers(host: Host) -> list[int]:
    return [await host.read(r) for r in REGISTERS]


async def read_sectors(host: Host, rng, count: int) -> bytes:
    """The data of a READ SECTORS that has been given, with an interrupt a sector."""
    data = b""
    for _ in range(count):
        await host.wait_irq()
        assert await host.read(TaskFile.STATUS) == READY | Status.DRQ
        assert not host.irq
        data += await host.sector_in(rng)
    return data


async def write_sectors(host: Host, rng, sectors: list[bytes]) -> None:
    """The same of a WRITE SECTORS: no interrupt before the first sector, one after each."""
    for n, data in enumerate(sectors):
        if n == 0:
            await host.wait()
            assert not host.irq
        else:
            await host.wait_irq()
        assert await host.read(TaskFile.STATUS) == READY | Status.DRQ
        await host.sector_out(rng, data)
    await host.wait_irq()


def test_signature_after_power_on(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        assert await registers(host) == SIGNATURE
        assert await host.read(TaskFile.STATUS) == READY
        assert not host.irq

    with_controller(rng, program)


def test_identify_device(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        await host.command(Ata.IDENTIFY_DEVICE)
        data = await read_sectors(host, rng, 1)
        assert await host.wait() == READY
        await host.ctx.tick().repeat(20)
        assert not host.irq
        words = [data[n] | data[n + 1] << 8 for n in range(0, SECTOR_SIZE, 2)]
        text = b"".join(word.to_bytes(2, "big") for word in words[IdentifyWord.MODEL : IdentifyWord.MODEL + 20])
        assert text == IDENTIFY_MODEL.ljust(40).encode()
        assert not words[0] & 1 << 15 and words[0] & 1 << 6  # an ATA device, not removable
        assert words[IdentifyWord.CAPACITY] | words[IdentifyWord.CAPACITY + 1] << 16 == SECTORS
        assert words[1] == SECTORS // (HEADS * TRACK) and (words[3], words[6]) == (HEADS, TRACK)
        assert words[49] & 0x0B00 == 0x0B00  # DMA, LBA, IORDY
        assert words[53] & 0b010 and words[63] == 7 and words[64] & 3 == 3
        assert words[82] == 0 and words[83] >> 14 == 1 and words[83] & 1 << 12 and words[86] & 1 << 12
        assert words[80] & 1 << 6
        assert await host.simple(Ata.SET_FEATURES, TransferMode.MULTIWORD_DMA | 2, Feature.SET_TRANSFER_MODE) == (READY, 0)
        await host.command(Ata.IDENTIFY_DEVICE)
        data = await read_sectors(host, rng, 1)
        assert data[2 * 63 : 2 * 63 + 2] == bytes((0b111, 0b100))

    with_controller(rng, program)


@pytest.mark.parametrize("sectors", [1, 1007, 1008, 16383 * 1008 - 1, 16383 * 1008, (1 << 28) - 1])
def test_cylinders(rng, sectors):
    async def program(host: Host, memory: Memory, storage: Storage):
        await host.command(Ata.IDENTIFY_DEVICE)
        data = await read_sectors(host, rng, 1)
        assert int.from_bytes(data[2:4], "little") == min(16383, sectors // 1008)
        assert int.from_bytes(data[120:124], "little") == sectors

    with_controller(rng, program, Storage(rng, sectors))


@pytest.mark.parametrize("code", [Ata.READ_SECTORS, Ata.READ_SECTORS_NO_RETRY])
@pytest.mark.parametrize("count", [1, 3])
def test_read_sectors(rng, code, count):
    async def program(host: Host, memory: Memory, storage: Storage):
        lba = rng.randrange(SECTORS - count)
        await host.address(lba, count)
        await host.command(code)
        assert await host.alternate() & Status.BSY
        assert await read_sectors(host, rng, count) == b"".join(storage.sector(lba + n) for n in range(count))
        assert await host.wait() == READY
        assert await host.named() == lba + count - 1
        assert await host.read(TaskFile.SECTOR_COUNT) == 0
        await host.ctx.tick().repeat(20)
        assert not host.irq
        assert await host.data_in() == bytes(2)  # nothing without DRQ

    with_controller(rng, program)


@pytest.mark.parametrize("code", [Ata.WRITE_SECTORS, Ata.WRITE_SECTORS_NO_RETRY])
@pytest.mark.parametrize("count", [1, 3])
def test_write_sectors(rng, code, count):
    async def program(host: Host, memory: Memory, storage: Storage):
        lba = rng.randrange(SECTORS - count)
        sectors = [rng.randbytes(SECTOR_SIZE) for _ in range(count)]
        await host.address(lba, count)
        await host.command(code)
        await write_sectors(host, rng, sectors)
        assert await host.read(TaskFile.STATUS) == READY
        assert storage.written == {lba + n: data for n, data in enumerate(sectors)}
        assert await host.named() == lba + count - 1

    with_controller(rng, program)


def test_a_count_of_0_is_256_sectors(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        await host.address(SECTORS - 3, 0)
        await host.command(Ata.READ_VERIFY)
        await host.wait_irq()
        assert await host.read(TaskFile.STATUS) == READY | Status.ERR
        assert storage.log == [(StorageOp.READ, SECTORS - 3 + n) for n in range(3)]
        assert await host.read(TaskFile.SECTOR_COUNT) == 256 - 3

    with_controller(rng, program)


def chs(lba: int, heads: int, track: int) -> tuple[int, int, int]:
    return lba // (heads * track), lba // track % heads, lba % track + 1


@pytest.mark.parametrize("geometry", [None, (4, 17), (1, 255)])
def test_cylinder_head_and_sector(rng, geometry):
    """Three sectors across the end of a cylinder; the registers count in the translation that is set."""
    heads, track = geometry or (HEADS, TRACK)

    async def program(host: Host, memory: Memory, storage: Storage):
        if geometry:
            await host.write(TaskFile.DEVICE, heads - 1)
            assert await host.simple(Ata.INITIALIZE_PARAMETERS, track) == (READY, 0)
        for lba in (heads * track - 2, rng.randrange(SECTORS - 3)):
            cylinder, head, sector = chs(lba, heads, track)
            await host.address(cylinder << 8 | sector, 3, head)
            await host.command(Ata.READ_SECTORS)
            assert await read_sectors(host, rng, 3) == b"".join(storage.sector(lba + n) for n in range(3))
            cylinder, head, sector = chs(lba + 2, heads, track)
            assert await host.named() == cylinder << 8 | sector | head << 24
        for cylinder, head, sector in ((0, 0, 0), (0, 0, track + 1), (0, heads, 1)):
            if sector > 0xFF or head > 15:
                continue
            await host.address(cylinder << 8 | sector, 1, head)
            await host.command(Ata.READ_SECTORS)
            await host.wait_irq()
            assert (await host.read(TaskFile.STATUS), await host.read(TaskFile.ERROR)) == (READY | Status.ERR, Error.IDNF)
        assert await host.simple(Ata.INITIALIZE_PARAMETERS, 0) == (READY | Status.ERR, Error.ABRT)

    with_controller(rng, program)


@pytest.mark.parametrize("what", ["beyond", "bad"])
@pytest.mark.parametrize("code", [Ata.READ_SECTORS, Ata.WRITE_SECTORS, Ata.READ_VERIFY])
def test_a_transfer_ends_at_the_sector_that_fails(rng, code, what):
    """The sectors before it are done; the registers name it, and count what is left."""
    first = SECTORS - 2 if what == "beyond" else 100

    async def program(host: Host, memory: Memory, storage: Storage):
        if what == "bad":
            storage.bad.add(first + 2)
        await host.address(first, 5)
        await host.command(code)
        if code is Ata.READ_SECTORS:
            await read_sectors(host, rng, 2)
        elif code is Ata.WRITE_SECTORS:
            await write_sectors(host, rng, [bytes([n]) * SECTOR_SIZE for n in range(2)])
            if what == "bad":
                assert await host.read(TaskFile.STATUS) == READY | Status.DRQ
                await host.sector_out(rng, bytes(SECTOR_SIZE))
        await host.wait_irq()
        await host.wait()
        error = {"beyond": Error.IDNF, "bad": Error.ABRT if code is Ata.WRITE_SECTORS else Error.UNC}[what]
        assert (await host.read(TaskFile.STATUS), await host.read(TaskFile.ERROR)) == (READY | Status.ERR, error)
        assert await host.named() == first + 2
        assert await host.read(TaskFile.SECTOR_COUNT) == 3
        assert set(storage.written) == ({first, first + 1} if code is Ata.WRITE_SECTORS else set())
        await host.address(5, 1)
        await host.command(Ata.READ_SECTORS)  # it goes on working
        assert await read_sectors(host, rng, 1) == storage.sector(5)
        assert await host.read(TaskFile.ERROR) == 0

    with_controller(rng, program)


def test_unknown_commands_are_aborted(rng):
    known = {code.value for code in Ata} | set(range(0x10, 0x20)) | set(range(0x70, 0x80))

    async def program(host: Host, memory: Memory, storage: Storage):
        for code in range(256):
            if code not in known:
                await host.address(0, 1)
                assert await host.simple(code, 1) == (READY | Status.ERR, Error.ABRT), f"{code:#x}"
        assert storage.log == [] and memory.log == []

    with_controller(rng, program)


def test_commands_without_data(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        for code in (Ata.RECALIBRATE, Ata.RECALIBRATE + 15, Ata.STANDBY_IMMEDIATE, Ata.IDLE_IMMEDIATE, Ata.STANDBY, Ata.IDLE):
            assert await host.simple(code) == (READY, 0)
        assert await host.simple(Ata.CHECK_POWER_MODE) == (READY, 0)
        assert await host.read(TaskFile.SECTOR_COUNT) == 0xFF  # active
        await host.address(SECTORS - 1, 1)
        assert await host.simple(Ata.SEEK, 1) == (READY, 0)
        await host.address(SECTORS, 1)
        assert await host.simple(Ata.SEEK + 7, 1) == (READY | Status.ERR, Error.IDNF)
        assert storage.log == []
        assert await host.simple(Ata.FLUSH_CACHE) == (READY, 0)
        assert [op for op, _ in storage.log] == [StorageOp.FLUSH]
        storage.flush_fails = True
        assert await host.simple(Ata.FLUSH_CACHE) == (READY | Status.ERR, Error.ABRT)
        assert await host.simple(Ata.EXECUTE_DIAGNOSTIC) == (READY, 1)
        assert await registers(host) == SIGNATURE

    with_controller(rng, program)


def test_set_features(rng):
    good = [0x00, 0x01, *range(0x08, 0x0D), *range(0x20, 0x23)]

    async def program(host: Host, memory: Memory, storage: Storage):
        for mode in range(256):
            expected = (READY, 0) if mode in good else (READY | Status.ERR, Error.ABRT)
            assert await host.simple(Ata.SET_FEATURES, mode, Feature.SET_TRANSFER_MODE) == expected, f"{mode:#x}"
        for feature in range(256):
            if feature != Feature.SET_TRANSFER_MODE:
                assert await host.simple(Ata.SET_FEATURES, 0, feature) == (READY | Status.ERR, Error.ABRT)

    with_controller(rng, program)


def test_interrupts(rng):
    """STATUS takes the interrupt back, alternate status does not, a new command does; nIEN hides it; it is the selected device's."""

    async def program(host: Host, memory: Memory, storage: Storage):
        async def pending() -> None:
            await host.command(Ata.RECALIBRATE)
            await host.wait()
            await host.ctx.tick()

        await pending()
        assert host.irq and await host.alternate() == READY and host.irq
        await host.control(Control.NIEN)
        assert not host.irq
        await host.control(0)
        assert host.irq
        await host.write(TaskFile.DEVICE, Device.DEV)
        assert not host.irq
        assert await host.read(TaskFile.STATUS) == 0
        await host.write(TaskFile.DEVICE, 0)
        assert host.irq  # another device's status takes nothing back
        assert await host.read(TaskFile.STATUS) == READY
        assert not host.irq
        await pending()
        await host.address(0, 1)
        await host.command(Ata.READ_SECTORS)
        assert not host.irq

    with_controller(rng, program)


def test_device_1_is_not_there(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        await host.address(3, 1, Device.LBA | Device.DEV)
        assert await registers(host) == [0] * 6
        assert (await host.read(TaskFile.STATUS), await host.alternate()) == (0, 0)
        await host.command(Ata.READ_SECTORS)
        await host.ctx.tick().repeat(300)
        assert not host.irq and storage.log == []
        await host.write(TaskFile.DEVICE, Device.LBA)
        assert await host.named() == 3  # the registers are written on both
        await host.write(TaskFile.DEVICE, Device.DEV)
        await host.command(Ata.EXECUTE_DIAGNOSTIC)  # for both
        await host.ctx.tick().repeat(5)
        assert await registers(host) == SIGNATURE

    with_controller(rng, program)


def test_without_a_medium_there_is_no_drive(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        await host.write(TaskFile.SECTOR_COUNT, 0x55)
        assert await registers(host) == [0] * 6
        assert (await host.read(TaskFile.STATUS), await host.alternate()) == (0, 0)
        for code in (Ata.IDENTIFY_DEVICE, Ata.EXECUTE_DIAGNOSTIC, Ata.READ_DMA):
            await host.command(code)
            await host.ctx.tick().repeat(300)
            assert not host.irq and await host.read(TaskFile.STATUS) == 0
        assert storage.log == []

    with_controller(rng, program, Storage(rng, sectors=0))


def test_a_busy_drive_takes_nothing(rng):
    """Neither registers nor commands, while BSY or DRQ is set."""

    async def program(host: Host, memory: Memory, storage: Storage):
        await host.address(7, 2)
        await host.command(Ata.READ_SECTORS)
        await host.address(9, 9)
        await host.command(Ata.WRITE_SECTORS)
        await host.wait_irq()
        await host.address(9, 9)
        await host.command(Ata.WRITE_SECTORS)
        assert await read_sectors(host, rng, 2) == storage.sector(7) + storage.sector(8)
        assert await host.named() == 8
        assert [op for op, _ in storage.log] == [StorageOp.READ] * 2

    with_controller(rng, program)


@pytest.mark.parametrize("code", [Ata.READ_SECTORS, Ata.WRITE_SECTORS, Ata.READ_VERIFY, Ata.IDENTIFY_DEVICE])
def test_software_reset_at_any_moment(rng, code):
    """BSY until SRST ends and all is cleared, then the signature; a sector is written whole or not at all; then all goes on."""

    async def program(host: Host, memory: Memory, storage: Storage):
        for _ in range(8):
            storage.written.clear()
            data = rng.randbytes(SECTOR_SIZE)
            await host.address(50, 2)
            await host.command(code)
            await host.ctx.tick().repeat(rng.randrange(1, 160))
            if code is Ata.WRITE_SECTORS:
                await host.wait()
                await host.sector_out(rng, data[: rng.choice((20, SECTOR_SIZE))])
                await host.ctx.tick().repeat(rng.randrange(1, 160))
            await host.control(Control.SRST)
            await host.ctx.tick()
            assert await host.alternate() == Status.BSY and not host.irq
            await host.ctx.tick().repeat(rng.randrange(1, 400))
            assert await host.alternate() == Status.BSY
            await host.control(0)
            await host.wait()
            assert await registers(host) == SIGNATURE
            assert not storage.busy and set(storage.written.values()) <= {data}
            assert not any(host.buffer())
            await host.address(60, 1)
            await host.command(Ata.READ_SECTORS)
            assert await read_sectors(host, rng, 1) == storage.sector(60)

    with_controller(rng, program)


def test_ports_that_are_off(rng):
    async def program(host: Host, memory: Memory, storage: Storage):
        host.ctx.set(host.dut.settings.legacy, 0)
        await host.write(TaskFile.LBA_LOW, 0x77)
        await host.command(Ata.READ_SECTORS)
        await host.control(Control.SRST)
        assert await registers(host) == [0xFF] * 6
        assert (await host.read(TaskFile.STATUS), await host.alternate(), await host.data_in(4)) == (0xFF, 0xFF, b"\xff" * 4)
        host.ctx.set(host.dut.settings.legacy, 1)
        assert await registers(host) == SIGNATURE and await host.read(TaskFile.STATUS) == READY
        assert storage.log == []

    with_controller(rng, program)
