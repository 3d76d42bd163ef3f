"""The keyboard's commands, and what becomes of keys meanwhile. Untranslated: what the controller makes of codes is its own test's."""

import pytest

from chipset.devices.ps2.keyboard import KEYS_KEPT
from cocotb_tests.chipset.devices.ps2.bench import Bench, Key, with_ps2
from contracts.ps2 import KbcCommand, KeyPrefix

__all__: list[str] = []

A, B = Key(0x1C), Key(0x32)
UP_RELEASED = Key(0x75, released=True, prefix=KeyPrefix.E0)


def with_keyboard(program) -> None:
    """With its clock free and untranslated."""

    async def started(bench: Bench):
        await bench.set_command_byte(0)
        await program(bench)

    with_ps2(started)


async def taken(bench: Bench, count: int) -> bytes:
    return bytes([await bench.get() for _ in range(count)])


def test_commands_and_their_answers():
    async def program(bench: Bench):
        assert await bench.to_keyboard(0xF2, answers=3) == b"\xfa\xab\x83"
        assert await bench.to_keyboard(0xEE) == b"\xee"
        assert await bench.to_keyboard(0xF3, 0x2B) == b"\xfa"
        assert await bench.to_keyboard(0xF0, 0, answers=2) == b"\xfa\x02"
        assert await bench.to_keyboard(0xF0, 2) == b"\xfa"
        for there_is_none in (1, 3):
            assert await bench.to_keyboard(0xF0, there_is_none) == b"\xfe"
        for command in (0xF4, 0xF5, 0xF6):
            assert await bench.to_keyboard(command) == b"\xfa"
        assert await bench.to_keyboard(0xFF, answers=2) == b"\xfa\xaa"
        for unknown in (0x00, 0x12, 0xEC, 0xEF, 0xF1, 0xF7, 0xFD):
            assert await bench.to_keyboard(unknown) == b"\xfe"
        assert await bench.empty()

    with_keyboard(program)


@pytest.mark.parametrize("ends", [0xF5, 0xF6, 0xFF])
def test_leds(ends):
    async def program(bench: Bench):
        for leds in (5, 2, 7):
            await bench.to_keyboard(0xED, leds)
            assert bench.leds == leds
        await bench.to_keyboard(0xED, 0xEE)  # a command in a parameter's place
        await bench.to_keyboard(0x01)
        assert bench.leds == 7
        await bench.to_keyboard(ends, answers=2 if ends == 0xFF else 1)
        assert bench.leds == 0

    with_keyboard(program)


def test_resend():
    async def program(bench: Bench):
        await bench.to_keyboard(0xF2, answers=3)
        for _ in range(2):
            assert await bench.to_keyboard(0xFE) == b"\x83"
        await bench.key(A)
        assert await bench.get() == 0x1C
        assert await bench.to_keyboard(0xFE) == b"\x1c"

    with_keyboard(program)


def test_a_disabled_keyboard_takes_keys_and_forgets_them():
    async def program(bench: Bench):
        await bench.to_keyboard(0xF5)
        for _ in range(3 * KEYS_KEPT):
            assert await bench.key(A), "who supplies keys does not wait for one that is off"
        assert await bench.empty()
        await bench.to_keyboard(0xF4)
        assert await bench.empty()
        await bench.key(B)
        assert await bench.get() == 0x32

    with_keyboard(program)


def test_a_full_keyboard_lets_keys_wait_and_loses_none():
    async def program(bench: Bench):
        await bench.command(KbcCommand.DISABLE_KEYBOARD)
        given = [Key(n) for n in range(1, 3 * KEYS_KEPT)]
        kept = 0
        while await bench.key(given[kept], patience=4):
            kept += 1
        assert kept == KEYS_KEPT + 1, "one is at the door"
        await bench.command(KbcCommand.ENABLE_KEYBOARD)
        got = []
        for key in given[kept:]:
            got.append(await bench.get())
            assert await bench.key(key, patience=10)
        while not await bench.empty():
            got.append(await bench.read())
        assert got == [key.code for key in given]

    with_keyboard(program)


@pytest.mark.parametrize("read", range(4))
@pytest.mark.parametrize("command", [0xEE, 0xF4, 0xFF])
def test_the_bytes_of_a_key_stay_together(read, command):
    """Whatever comes when, no half of a key is left over, which would make another key of the next."""

    async def program(bench: Bench):
        await bench.key(UP_RELEASED)
        await bench.key(A)
        got = await taken(bench, read)
        await bench.cycles(8)
        await bench.write(command)
        while not await bench.empty():
            got += bytes((await bench.read(),))
        answer = {0xEE: b"\xee", 0xF4: b"\xfa", 0xFF: b"\xfa\xaa"}[command]
        in_controller = A.bytes if read == len(UP_RELEASED.bytes) else b""
        waits = A.bytes if command == 0xEE and not in_controller else b""  # the other two clear what waits
        assert got == UP_RELEASED.bytes + in_controller + answer + waits

    with_keyboard(program)


def test_keys_that_wait_are_cleared_by_what_clears():
    async def program(bench: Bench):
        for command in (0xF4, 0xF6, 0xFF):
            await bench.command(KbcCommand.DISABLE_KEYBOARD)
            for _ in range(5):
                await bench.key(A)
            await bench.to_keyboard(command, answers=2 if command == 0xFF else 1)
            assert await bench.empty()
            await bench.key(B)
            assert await bench.get() == 0x32

    with_keyboard(program)


def test_a_command_in_the_place_of_an_answer_that_waits():
    """The older answer is dropped: whoever sends a command does not want it any more."""

    async def program(bench: Bench):
        await bench.command(KbcCommand.SELF_TEST)  # keeps the buffer full
        await bench.write(0xF2)
        await bench.cycles(4)
        await bench.write(0xEE)
        await bench.cycles(4)
        assert await bench.get() == 0x55
        assert await bench.get() == 0xEE
        assert await bench.empty()

    with_keyboard(program)
