"""Configuration space by mechanism 1: identities, what can be written, and what the IDE function's settings become."""

import pytest

from chipset.devices.pci.config_space import ConfigSpace
from cocotb_tests.chipset.bus_master import simulate
from cocotb_tests.chipset.devices.io_driver import IoDriver
from contracts.pci import CONFIG_SIZE, FUNCTIONS, HOST_BRIDGE, IDE_FUNCTION, ISA_BRIDGE, Command, ConfigOffset, IdeTiming

__all__: list[str] = []

ONES = 0xFFFF_FFFF


class Config:
    """Software's way to configuration space, by bytes, words and dwords."""

    def __init__(self, ctx, dut: ConfigSpace) -> None:
        self._ctx, self.dut = ctx, dut
        self._data = IoDriver(ctx, dut.data)

    async def select(self, address: int) -> None:
        self._ctx.set(self.dut.address.write_data, address)
        self._ctx.set(self.dut.address.write, 1)
        await self._ctx.tick()
        self._ctx.set(self.dut.address.write, 0)

    async def read(self, address: int, size: int = 4) -> int:
        await self.select(address & ~3)
        return sum([(await self._data.read((address & 3) + n)) << 8 * n for n in range(size)])

    async def write(self, address: int, value: int, size: int = 4) -> None:
        await self.select(address & ~3)
        for n in range(size):
            await self._data.write((address & 3) + n, value >> 8 * n & 0xFF)

    def setting(self, path: str) -> int:
        value = self.dut.ide
        for name in path.split("."):
            value = value[name]
        return self._ctx.get(value)


def with_config(program, ide: bool = True) -> None:
    dut = ConfigSpace(ide=ide)

    async def bench(ctx):
        await program(ctx, Config(ctx, dut))

    simulate(dut, bench)


def at(function, offset: int) -> int:
    return function.select(offset) | offset & 3


def test_the_functions_of_an_i440fx_machine():
    """Vendor, device, class and header type as the chips' data sheets have them (QEMU shows the same)."""
    expected = (
        (HOST_BRIDGE, (0, 0), 0x1237_8086, 0x06_00_00, 0x00),
        (ISA_BRIDGE, (1, 0), 0x7000_8086, 0x06_01_00, 0x80),
        (IDE_FUNCTION, (1, 1), 0x7010_8086, 0x01_01_80, 0x00),
    )

    async def program(ctx, config):
        for function, place, identity, class_code, header in expected:
            assert (function.device, function.function) == place
            assert await config.read(at(function, ConfigOffset.VENDOR_ID)) == identity
            assert await config.read(at(function, ConfigOffset.REVISION)) >> 8 == class_code
            assert await config.read(at(function, ConfigOffset.HEADER_TYPE), 1) == header
            assert await config.read(at(function, ConfigOffset.INTERRUPT_PIN), 1) == 0

    with_config(program)


def test_nothing_else_answers():
    async def program(ctx, config):
        there = {(f.device, f.function) for f in FUNCTIONS}
        for device in range(32):
            for function in range(8):
                if (device, function) not in there:
                    assert await config.read(0x8000_0000 | device << 11 | function << 8) == ONES
        for bus in (1, 0x80, 0xFF):
            assert await config.read(0x8000_0000 | bus << 16) == ONES
        assert await config.read(0) == ONES  # not enabled
        await config.write(at(IDE_FUNCTION, ConfigOffset.BAR4) & ONES >> 1, 0xC000)
        assert await config.read(at(IDE_FUNCTION, ConfigOffset.BAR4)) == 1

    with_config(program)


def test_without_the_ide_function_the_bridges_are_there():
    async def program(ctx, config):
        for function in FUNCTIONS:
            found = await config.read(at(function, 0))
            assert (found == ONES) == (function is IDE_FUNCTION)

    with_config(program, ide=False)


def test_the_address_register_reads_back_without_its_reserved_bits():
    async def program(ctx, config):
        await config.select(ONES)
        assert ctx.get(config.dut.address.read_data) == 0x80FF_FFFC
        await config.select(0)
        assert ctx.get(config.dut.address.read_data) == 0

    with_config(program)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_what_can_be_written(rng, function):
    """All of a function's space, by accesses of every size and place: what is declared writable is, and nothing else."""
    reset = {offset: function.words[offset].reset if offset in function.words else 0 for offset in range(0, CONFIG_SIZE, 4)}
    mask = {offset: function.words[offset].writable if offset in function.words else 0 for offset in range(0, CONFIG_SIZE, 4)}

    async def program(ctx, config):
        for offset, value in reset.items():
            assert await config.read(at(function, offset)) == value
        kept = dict(reset)
        for _ in range(150):
            size = rng.choice((1, 2, 4))
            offset = rng.choice((rng.randrange(CONFIG_SIZE // 4) * 4, *function.words)) + rng.randrange(0, 4, size)
            value = rng.choice((0, (1 << 8 * size) - 1, rng.getrandbits(8 * size)))
            await config.write(at(function, offset), value, size)
            word, lane = offset & ~3, 8 * (offset & 3)
            bits = ((1 << 8 * size) - 1 << lane) & mask[word]
            kept[word] = kept[word] & ~bits | value << lane & bits
            assert await config.read(at(function, offset), size) == kept[word] >> lane & (1 << 8 * size) - 1
        for offset, value in kept.items():
            assert await config.read(at(function, offset)) == value
        ctx.set(config.dut.clear_ide, 1)
        await ctx.tick()
        for offset, value in (reset if function is IDE_FUNCTION else kept).items():
            assert await config.read(at(function, offset)) == value

    with_config(program)


def test_the_size_of_bar4_shows():
    async def program(ctx, config):
        await config.write(at(IDE_FUNCTION, ConfigOffset.BAR4), ONES)
        assert await config.read(at(IDE_FUNCTION, ConfigOffset.BAR4)) == 0xFFFF_FFF1  # 16 I/O ports
        await config.write(at(IDE_FUNCTION, ConfigOffset.BAR4), 0xC00F)
        assert await config.read(at(IDE_FUNCTION, ConfigOffset.BAR4)) == 0xC001

    with_config(program)


def test_settings_of_the_ide_function():
    async def program(ctx, config):
        def settings() -> tuple[int, int, int]:
            return config.setting("legacy"), config.setting("bus_master"), config.setting("registers.enable")

        async def write(offset: int, value: int, size: int) -> None:
            await config.write(at(IDE_FUNCTION, offset), value, size)

        assert settings() == (0, 0, 0)
        await write(ConfigOffset.COMMAND, 0xFFFF, 2)
        assert await config.read(at(IDE_FUNCTION, ConfigOffset.COMMAND), 2) == Command.IO | Command.BUS_MASTER
        assert settings() == (0, 1, 0)  # the channel is not decoded, BAR4 is not set
        await write(ConfigOffset.BAR4, 0xC010, 4)
        assert settings() == (0, 1, 1) and config.setting("registers.base") == 0xC010
        await write(ConfigOffset.BAR4, 0x1_C010, 4)
        assert settings() == (0, 1, 0)  # beyond the ports that there are
        await write(ConfigOffset.BAR4, 0xC020, 2)
        await write(ConfigOffset.BAR4 + 2, 0, 2)
        await write(ConfigOffset.IDE_TIMING_SECONDARY, IdeTiming.DECODE, 2)
        assert settings() == (0, 1, 1)
        await write(ConfigOffset.IDE_TIMING_PRIMARY + 1, IdeTiming.DECODE >> 8, 1)
        assert settings() == (1, 1, 1) and config.setting("registers.base") == 0xC020
        await write(ConfigOffset.COMMAND, Command.BUS_MASTER, 1)
        assert settings() == (0, 1, 0)
        await write(ConfigOffset.COMMAND, Command.IO, 1)
        assert settings() == (1, 0, 1)

    with_config(program)
