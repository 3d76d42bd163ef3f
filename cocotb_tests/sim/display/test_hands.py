"""Keys by their names reach software as every PC has them; words are the structures."""

import pytest

from chipset.devices.ps2.port import KeyEvent, KeyPrefixCode, MouseEvent
from cocotb_tests.chipset.devices.ps2.bench import Bench, Key, with_ps2
from contracts.ps2 import CommandByte, KeyPrefix
from sim.display.hands import KEYS, MOVE_MAXIMUM, MOVE_MINIMUM, PAUSE, UnknownKey, key_words, move_word

__all__: list[str] = []

# Set 1, which XT keyboards sent and every PC's software knows: rows of the keyboard, each numbered from its first key on.
ROWS = (
    (0x01, "Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace"),
    (0x0F, "Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter"),
    (0x1D, "ControlLeft KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote"),
    (0x2A, "ShiftLeft Backslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply AltLeft Space CapsLock"),
    (0x3B, "F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock"),
    (0x47, "Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal"),
    (0x56, "IntlBackslash F11 F12"),
)
SET_1 = {name: (code,) for first, row in ROWS for code, name in enumerate(row.split(), first)} | {
    name: (0xE0, *codes)
    for name, codes in {
        "NumpadEnter": (0x1C,), "ControlRight": (0x1D,), "NumpadDivide": (0x35,), "AltRight": (0x38,), "Home": (0x47,), "ArrowUp": (0x48,),
        "PageUp": (0x49,), "ArrowLeft": (0x4B,), "ArrowRight": (0x4D,), "End": (0x4F,), "ArrowDown": (0x50,), "PageDown": (0x51,),
        "Insert": (0x52,), "Delete": (0x53,), "MetaLeft": (0x5B,), "MetaRight": (0x5C,), "ContextMenu": (0x5D,),
        "PrintScreen": (0x2A, 0xE0, 0x37),
    }.items()
}  # fmt: skip


def keys_of(words: list[int]) -> list[Key]:
    events = [KeyEvent.from_bits(word) for word in words]
    return [Key(event.code, bool(event.released), KeyPrefix(event.prefix.value)) for event in events]


def test_every_key_is_in_both_tables():
    assert {*SET_1, PAUSE} == KEYS


@pytest.mark.regress
def test_every_key_as_software_sees_it():
    """Down and up, in set 1 by the controller's translation."""

    async def program(bench: Bench):
        await bench.set_command_byte(CommandByte.TRANSLATE)

        async def typed(name: str, released: bool) -> tuple[int, ...]:
            for key in keys_of(key_words(name, released)):
                assert await bench.key(key)
            got = []
            while not await bench.empty():
                got.append(await bench.read())
            return tuple(got)

        for name, codes in SET_1.items():
            assert await typed(name, False) == codes, name
            let_go = (0xE0, 0xB7, 0xE0, 0xAA) if name == "PrintScreen" else (*codes[:-1], codes[-1] | 0x80)
            assert await typed(name, True) == let_go, name
        assert await typed(PAUSE, False) == (0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5)
        assert await typed(PAUSE, True) == ()

    with_ps2(program)


def test_a_key_that_there_is_not():
    with pytest.raises(UnknownKey, match="no key 'Fn'"):
        key_words("Fn")


def test_words_are_the_structures():
    word = KeyEvent.const({"code": 0x75, "released": 1, "prefix": KeyPrefixCode.E0}).as_bits()
    assert key_words("ArrowUp", released=True) == [word]
    for x, y in ((1, -1), (MOVE_MINIMUM, MOVE_MAXIMUM), (0, 0)):
        expected = MouseEvent.const({"x": x, "y": y, "left": 1, "right": 0, "middle": 1}).as_bits()
        assert move_word(x, y, (True, False, True)) == expected
    for x, y in ((MOVE_MAXIMUM + 1, 0), (0, MOVE_MINIMUM - 1)):
        with pytest.raises(ValueError, match="more than one event"):
            move_word(x, y, (False, False, False))
