"""The mouse's commands and packets."""

import pytest

from cocotb_tests.chipset.devices.ps2.bench import Bench, Move, with_ps2
from contracts.ps2 import KbcCommand, MouseCommand, PacketFlag

__all__: list[str] = []

ENABLED, REMOTE, SCALED = 0x20, 0x40, 0x10  # of STATUS
BOUND = 255


async def packet(bench: Bench) -> tuple[int, int, int]:
    first, x, y = [await bench.get(mouse=True) for _ in range(3)]
    return first, x, y


def test_commands_and_their_answers():
    async def program(bench: Bench):
        assert await bench.to_mouse(MouseCommand.IDENTIFY, answers=2) == b"\xfa\x00"
        assert await bench.to_mouse(MouseCommand.STATUS, answers=4) == b"\xfa\x00\x02\x64"
        for rate in (200, 100, 80, 10):
            assert await bench.to_mouse(MouseCommand.SET_RATE, rate) == b"\xfa"
            assert await bench.to_mouse(MouseCommand.STATUS, answers=4) == bytes((0xFA, 0, 2, rate))
        for resolution in range(4):
            assert await bench.to_mouse(MouseCommand.SET_RESOLUTION, resolution) == b"\xfa"
            assert await bench.to_mouse(MouseCommand.STATUS, answers=4) == bytes((0xFA, 0, resolution, 10))
        assert await bench.to_mouse(MouseCommand.SET_RESOLUTION, 4) == b"\xfe"
        for command, shown in (
            (MouseCommand.SCALE_2_TO_1, SCALED), (MouseCommand.ENABLE, SCALED | ENABLED), (MouseCommand.REMOTE, SCALED | ENABLED | REMOTE),
            (MouseCommand.STREAM, SCALED | ENABLED), (MouseCommand.DISABLE, SCALED), (MouseCommand.SCALE_1_TO_1, 0),
        ):  # fmt: skip
            assert await bench.to_mouse(command) == b"\xfa"
            assert await bench.to_mouse(MouseCommand.STATUS, answers=4) == bytes((0xFA, shown, 3, 10))
        await bench.to_mouse(MouseCommand.ENABLE)
        assert await bench.to_mouse(MouseCommand.RESET, answers=3) == b"\xfa\xaa\x00"
        assert await bench.to_mouse(MouseCommand.STATUS, answers=4) == b"\xfa\x00\x02\x64"
        for unknown in (0x00, 0xE5, 0xEC, 0xF1, 0xFD):
            assert await bench.to_mouse(unknown) == b"\xfe"
        await bench.to_mouse(MouseCommand.SET_RATE)
        assert await bench.to_mouse(MouseCommand.RESET, answers=3) == b"\xfa\xaa\x00", "even in a parameter's place"
        assert await bench.empty()

    with_ps2(program)


def test_packets_show_movement_and_buttons():
    async def program(bench: Bench):
        await bench.to_mouse(MouseCommand.ENABLE)
        for move, first in (
            (Move(1, 2), 0), (Move(-1, 2), PacketFlag.X_NEGATIVE), (Move(255, -256), PacketFlag.Y_NEGATIVE),
            (Move(0, 0, (1, 0, 0)), PacketFlag.LEFT), (Move(0, 0, (0, 1, 1)), PacketFlag.RIGHT | PacketFlag.MIDDLE),
            (Move(-2, -3, (0, 1, 0)), PacketFlag.RIGHT | PacketFlag.X_NEGATIVE | PacketFlag.Y_NEGATIVE), (Move(0, 0, (0, 0, 0)), 0),
        ):  # fmt: skip
            await bench.move(move)
            assert await packet(bench) == (PacketFlag.ALWAYS | first, move.x & 0xFF, move.y & 0xFF)
        await bench.move(Move())
        assert await bench.empty(), "nothing has changed"

    with_ps2(program)


def test_movements_add_up_while_a_packet_waits():
    async def program(bench: Bench):
        await bench.to_mouse(MouseCommand.ENABLE)
        await bench.move(Move(5, 5))
        await bench.cycles(4)
        for _ in range(10):
            await bench.move(Move(-7, 3))
        await bench.move(Move(0, 0, (1, 0, 0)))
        assert await packet(bench) == (8, 5, 5)
        assert await packet(bench) == (8 | PacketFlag.X_NEGATIVE | PacketFlag.LEFT, -70 & 0xFF, 30)
        assert await bench.empty()

    with_ps2(program)


@pytest.mark.parametrize(("step", "bound"), [(100, BOUND), (-100, -BOUND - 1)])
def test_too_far_is_told_and_stays_at_the_bound(step, bound):
    async def program(bench: Bench):
        await bench.to_mouse(MouseCommand.ENABLE)
        await bench.move(Move(1, 1))
        await bench.cycles(4)
        for _ in range(5):
            await bench.move(Move(0, step))
        await packet(bench)
        first, x, y = await packet(bench)
        assert (x, y - (first << 3 & 0x100)) == (0, bound)
        assert first & (PacketFlag.X_OVERFLOW | PacketFlag.Y_OVERFLOW) == PacketFlag.Y_OVERFLOW
        await bench.move(Move(0, 1))
        assert await packet(bench) == (8, 0, 1)

    with_ps2(program)


def test_remote_mode_tells_when_asked():
    async def program(bench: Bench):
        await bench.to_mouse(MouseCommand.REMOTE)
        await bench.move(Move(3, 4))
        await bench.move(Move(3, 4, (1, 0, 0)))
        assert await bench.empty()
        assert await bench.to_mouse(MouseCommand.READ, answers=4) == bytes((0xFA, 9, 6, 8))
        assert await bench.to_mouse(MouseCommand.READ, answers=4) == bytes((0xFA, 9, 0, 0))
        await bench.to_mouse(MouseCommand.STREAM)
        await bench.move(Move(9, 9))
        assert await bench.empty(), "it may not report"

    with_ps2(program)


def test_what_was_counted_before_it_may_report_is_forgotten():
    async def program(bench: Bench):
        await bench.to_mouse(MouseCommand.IDENTIFY, answers=2)
        for _ in range(5):
            await bench.move(Move(50, 50, (1, 0, 0)))
        await bench.to_mouse(MouseCommand.ENABLE)
        assert await bench.empty()
        await bench.move(Move(0, 1, (1, 0, 0)))
        assert await packet(bench) == (9, 0, 1)

    with_ps2(program)


def test_a_command_ends_a_packet():
    async def program(bench: Bench):
        await bench.to_mouse(MouseCommand.ENABLE)
        await bench.move(Move(1, 2))
        assert await bench.get(mouse=True) == 8
        await bench.cycles(4)
        await bench.command(KbcCommand.WRITE_MOUSE)
        await bench.write(MouseCommand.DISABLE)
        await bench.cycles(4)
        assert await bench.get(mouse=True) == 1, "was in the controller already"
        assert await bench.get(mouse=True) == 0xFA
        assert await bench.empty()

    with_ps2(program)


def test_resend():
    async def program(bench: Bench):
        await bench.to_mouse(MouseCommand.STATUS, answers=4)
        for _ in range(2):
            assert await bench.to_mouse(MouseCommand.RESEND) == b"\x64"

    with_ps2(program)
