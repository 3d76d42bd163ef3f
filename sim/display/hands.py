"""The user's keys and mouse, as words for a model whose top has the devices' streams with flat pins.

Keys have the names that a browser gives them (W3C, UI Events KeyboardEvent code Values): they name places on the keyboard, not letters.
"""

from amaranth.lib import data

from chipset.devices.ps2.port import KeyEvent, MouseEvent
from contracts.ps2 import KeyPrefix
from sim.model.spec import Feed

__all__ = ["KEYS", "KEY_FEED", "MOVE_FEED", "MOVE_MAXIMUM", "MOVE_MINIMUM", "PAUSE", "UnknownKey", "key_words", "move_word"]

# Pins of a top, and where its words have their members.
KEY_FEED = Feed("keys", "keys_valid", "keys_data", "keys_ready")
MOVE_FEED = Feed("moves", "moves_valid", "moves_data", "moves_ready")
_KEY, _MOVE = data.Layout.cast(KeyEvent), data.Layout.cast(MouseEvent)
_RELEASED, _PREFIX, _BUTTONS = _KEY["released"].offset, _KEY["prefix"].offset, _MOVE["left"].offset
_COUNT_WIDTH = _MOVE["x"].width
MOVE_MINIMUM, MOVE_MAXIMUM = -(1 << _COUNT_WIDTH - 1), (1 << _COUNT_WIDTH - 1) - 1

PAUSE = "Pause"  # its release is part of it, and it sends nothing when it is let go

_PLAIN = {
    "Escape": 0x76, "F1": 0x05, "F2": 0x06, "F3": 0x04, "F4": 0x0C, "F5": 0x03, "F6": 0x0B, "F7": 0x83, "F8": 0x0A, "F9": 0x01, "F10": 0x09,
    "F11": 0x78, "F12": 0x07, "ScrollLock": 0x7E,
    "Backquote": 0x0E, "Digit1": 0x16, "Digit2": 0x1E, "Digit3": 0x26, "Digit4": 0x25, "Digit5": 0x2E, "Digit6": 0x36, "Digit7": 0x3D,
    "Digit8": 0x3E, "Digit9": 0x46, "Digit0": 0x45, "Minus": 0x4E, "Equal": 0x55, "Backspace": 0x66,
    "Tab": 0x0D, "KeyQ": 0x15, "KeyW": 0x1D, "KeyE": 0x24, "KeyR": 0x2D, "KeyT": 0x2C, "KeyY": 0x35, "KeyU": 0x3C, "KeyI": 0x43,
    "KeyO": 0x44, "KeyP": 0x4D, "BracketLeft": 0x54, "BracketRight": 0x5B, "Backslash": 0x5D,
    "CapsLock": 0x58, "KeyA": 0x1C, "KeyS": 0x1B, "KeyD": 0x23, "KeyF": 0x2B, "KeyG": 0x34, "KeyH": 0x33, "KeyJ": 0x3B, "KeyK": 0x42,
    "KeyL": 0x4B, "Semicolon": 0x4C, "Quote": 0x52, "Enter": 0x5A,
    "ShiftLeft": 0x12, "IntlBackslash": 0x61, "KeyZ": 0x1A, "KeyX": 0x22, "KeyC": 0x21, "KeyV": 0x2A, "KeyB": 0x32, "KeyN": 0x31,
    "KeyM": 0x3A, "Comma": 0x41, "Period": 0x49, "Slash": 0x4A, "ShiftRight": 0x59,
    "ControlLeft": 0x14, "AltLeft": 0x11, "Space": 0x29,
    "NumLock": 0x77, "NumpadMultiply": 0x7C, "NumpadSubtract": 0x7B, "NumpadAdd": 0x79, "NumpadDecimal": 0x71, "Numpad0": 0x70,
    "Numpad1": 0x69, "Numpad2": 0x72, "Numpad3": 0x7A, "Numpad4": 0x6B, "Numpad5": 0x73, "Numpad6": 0x74, "Numpad7": 0x6C, "Numpad8": 0x75,
    "Numpad9": 0x7D,
}  # fmt: skip
_EXTENDED = {
    "ControlRight": 0x14, "AltRight": 0x11, "MetaLeft": 0x1F, "MetaRight": 0x27, "ContextMenu": 0x2F, "NumpadEnter": 0x5A,
    "NumpadDivide": 0x4A, "Insert": 0x70, "Delete": 0x71, "Home": 0x6C, "End": 0x69, "PageUp": 0x7D, "PageDown": 0x7A, "ArrowUp": 0x75,
    "ArrowDown": 0x72, "ArrowLeft": 0x6B, "ArrowRight": 0x74,
}  # fmt: skip
_PRINT_SCREEN = (0x12, 0x7C)  # both with a prefix; in the other order when it is let go
_PAUSE = ((0x14, KeyPrefix.E1, False), (0x77, KeyPrefix.NONE, False), (0x14, KeyPrefix.E1, True), (0x77, KeyPrefix.NONE, True))

KEYS = frozenset({*_PLAIN, *_EXTENDED, "PrintScreen", PAUSE})


class UnknownKey(ValueError):
    """A key that the keyboard does not have."""


def _word(code: int, prefix: KeyPrefix, released: bool) -> int:
    return code | released << _RELEASED | prefix << _PREFIX


def key_words(name: str, released: bool = False) -> list[int]:
    """What a key going down (again, if it is held), or up, is to the keyboard. UnknownKey if there is no such key."""
    if name in _PLAIN:
        return [_word(_PLAIN[name], KeyPrefix.NONE, released)]
    if name in _EXTENDED:
        return [_word(_EXTENDED[name], KeyPrefix.E0, released)]
    if name == "PrintScreen":
        return [_word(code, KeyPrefix.E0, released) for code in (reversed(_PRINT_SCREEN) if released else _PRINT_SCREEN)]
    if name == PAUSE:
        return [] if released else [_word(*part) for part in _PAUSE]
    raise UnknownKey(f"the keyboard has no key {name!r}")


def move_word(x: int, y: int, buttons: tuple[bool, bool, bool]) -> int:
    """Counts to the right and away from the user, and the buttons left, right and middle. ValueError if it is too far for one event."""
    if not (MOVE_MINIMUM <= x <= MOVE_MAXIMUM and MOVE_MINIMUM <= y <= MOVE_MAXIMUM):
        raise ValueError(f"a movement by {x}, {y} is more than one event")
    mask = (1 << _COUNT_WIDTH) - 1
    return x & mask | (y & mask) << _COUNT_WIDTH | sum(pressed << _BUTTONS + n for n, pressed in enumerate(buttons))
