"""Driven as Linux drives it, from the flush to keys and packets by interrupt."""

import pytest

from cocotb_tests.chipset.devices.ps2.bench import Bench, Key, Move, with_ps2
from cocotb_tests.chipset.devices.ps2.linux import I8042, DriverError, Psmouse
from contracts.ps2 import CommandByte, KbcCommand, KeyPrefix, translated

__all__: list[str] = []


@pytest.mark.parametrize("translating", [False, True])
def test_from_the_flush_to_keys_and_packets(rng, translating):
    async def program(bench: Bench):
        await bench.set_command_byte(CommandByte.SYSTEM | (CommandByte.TRANSLATE if translating else 0))  # as a BIOS leaves it
        for _ in range(5):
            await bench.key(Key(0x1C))  # typed before the driver comes
        port = I8042(bench)
        await port.probe()
        assert port.direct is not translating
        await port.connect_keyboard()
        mouse = Psmouse(port)
        assert await mouse.connect() == "Generic mouse"

        expected, moves = b"", 0
        for _ in range(100):
            if rng.random() < 0.5:
                key = Key(rng.randrange(1, 0x84), rng.random() < 0.5, rng.choice(list(KeyPrefix)))
                assert await bench.key(key, patience=200)
                expected += key.bytes
            else:
                await bench.move(Move(rng.randint(-256, 255), rng.randint(-256, 255)))
                moves += 1
            if rng.random() < 0.5:
                await port.interrupts(20)
        await port.interrupts()
        if translating:
            expected = bytes(
                translated(byte) | (0x80 if last == 0xF0 else 0)
                for last, byte in zip(b"\0" + expected, expected, strict=False)
                if byte != 0xF0
            )
        assert bytes(port.keyboard) == expected
        assert moves // 4 < len(mouse.packets()) <= moves

    with_ps2(program)


def test_slow_movements_add_up(rng):
    """None is lost or told twice, however packets and movements fall."""

    async def program(bench: Bench):
        port = I8042(bench)
        await port.probe()
        mouse = Psmouse(port)
        await mouse.connect()
        total = [0, 0]
        for _ in range(300):
            move = Move(rng.randint(-3, 3), rng.randint(-3, 3))
            await bench.move(move)
            total = [total[0] + move.x, total[1] + move.y]
            if rng.random() < 0.3:
                await port.interrupts(rng.randrange(1, 12))
        await port.interrupts()
        packets = mouse.packets()
        assert [sum(x for _, x, _ in packets), sum(y for _, _, y in packets)] == total

    with_ps2(program)


def test_the_driver_notices_a_mouse_port_that_is_not_there():
    """The same driver before a port whose loop bytes come as the keyboard's, as in a controller without a mouse."""

    class Altered(Bench):
        async def command(self, command: int) -> None:
            await super().command(KbcCommand.LOOP_KEYBOARD if command == KbcCommand.LOOP_MOUSE else command)

    async def program(bench: Bench):
        port = I8042(Altered(bench._ctx, bench._stage))
        with pytest.raises(DriverError, match="not the mouse's"):
            await port.probe()

    with_ps2(program)
