"""The keyboard controller (8042), the keyboard and the mouse behind it, after IBM's PS/2 Hardware Interface Technical Reference.

Port 60h (``Port.KBC_DATA``) carries bytes, port 64h (``Port.KBC_STATUS``) takes commands and shows the status.
"""

from enum import IntEnum, IntFlag

__all__ = [
    "INPUT_PORT", "KEYBOARD_ID", "KEY_PREFIXES", "LONGEST_KEY", "MOUSE_DEFAULT_RATE", "MOUSE_DEFAULT_RESOLUTION", "MOUSE_ID", "NO_MOVEMENT",
    "PORT_PASSED", "RELEASE", "RELEASED", "SCAN_CODE_SET", "SELF_TEST_PASSED", "TRANSLATION", "CommandByte", "KbcCommand", "KbcStatus",
    "KeyPrefix", "KeyboardCommand", "MouseCommand", "OutputPort", "PacketFlag", "Ps2Answer", "translated",
]  # fmt: skip


class KbcStatus(IntFlag):
    """Port 64h, read."""

    OUTPUT_FULL = 1 << 0  # a byte is to be read from port 60h
    INPUT_FULL = 1 << 1  # a byte is still on its way to a device
    SYSTEM = 1 << 2  # as in the command byte
    COMMAND = 1 << 3  # the last byte was written to port 64h
    NOT_LOCKED = 1 << 4  # always: there is no key switch
    MOUSE = 1 << 5  # the byte in port 60h is the mouse's
    TIMEOUT = 1 << 6  # a device has not taken a byte; until the next byte is sent to one


class CommandByte(IntFlag):
    """Read and written by ``READ_COMMAND_BYTE`` and ``WRITE_COMMAND_BYTE``. Bits 3 and 7 are kept for software."""

    KEYBOARD_INTERRUPT = 1 << 0  # IRQ 1 while a byte of the keyboard or the controller is to be read
    MOUSE_INTERRUPT = 1 << 1  # IRQ 12 while one of the mouse is
    SYSTEM = 1 << 2
    KEYBOARD_DISABLED = 1 << 4  # its clock is held: it sends nothing; a byte to it sets it free
    MOUSE_DISABLED = 1 << 5
    TRANSLATE = 1 << 6  # the keyboard's scan codes from set 2 to set 1


class OutputPort(IntFlag):
    """Written by ``WRITE_OUTPUT_PORT``; bits 7:4 only show lines."""

    NOT_RESET = 1 << 0  # written 0: platform reset
    A20 = 1 << 1
    MOUSE_CLOCK = 1 << 2  # bits 3:2 are kept and lead nowhere
    MOUSE_DATA = 1 << 3
    KEYBOARD_FULL = 1 << 4  # a byte of the keyboard or the controller is to be read
    MOUSE_FULL = 1 << 5
    KEYBOARD_CLOCK = 1 << 6
    KEYBOARD_DATA = 1 << 7


class KbcCommand(IntEnum):
    """Port 64h, written. Any other is taken and does nothing."""

    READ_COMMAND_BYTE = 0x20
    WRITE_COMMAND_BYTE = 0x60  # the next byte written to port 60h; so with the others that need one
    DISABLE_MOUSE = 0xA7
    ENABLE_MOUSE = 0xA8
    TEST_MOUSE = 0xA9
    SELF_TEST = 0xAA
    TEST_KEYBOARD = 0xAB
    DISABLE_KEYBOARD = 0xAD
    ENABLE_KEYBOARD = 0xAE
    READ_INPUT_PORT = 0xC0
    READ_OUTPUT_PORT = 0xD0
    WRITE_OUTPUT_PORT = 0xD1
    LOOP_KEYBOARD = 0xD2  # the byte comes back as if the keyboard had sent it, untranslated
    LOOP_MOUSE = 0xD3
    WRITE_MOUSE = 0xD4
    A20_OFF = 0xDD
    A20_ON = 0xDF
    PULSE = 0xF0  # to FFh: bits of the output port are low for a moment whose command bits 3:0 are 0; bit 0 is platform reset


SELF_TEST_PASSED = 0x55
PORT_PASSED = 0x00  # of TEST_MOUSE and TEST_KEYBOARD
INPUT_PORT = 0x80  # not locked, as QEMU has it


class Ps2Answer(IntEnum):
    """Bytes of a device that are no scan code and no packet."""

    ID_FOLLOWS = 0xAB
    PASSED = 0xAA  # the self-test after a reset
    ECHO = 0xEE
    ACK = 0xFA
    RESEND = 0xFE  # what was sent is not known; from the controller: the device has not taken it


class KeyboardCommand(IntEnum):
    """To the keyboard. Any other is answered by RESEND."""

    SET_LEDS = 0xED  # and a byte: 0 scroll lock, 1 num lock, 2 caps lock
    ECHO = 0xEE
    SCAN_CODE_SET = 0xF0  # and a byte: 0 asks for the set, 2 is the one there is
    IDENTIFY = 0xF2
    SET_TYPEMATIC = 0xF3  # and a byte
    ENABLE = 0xF4
    DISABLE = 0xF5  # and defaults
    SET_DEFAULTS = 0xF6
    RESEND = 0xFE
    RESET = 0xFF


class MouseCommand(IntEnum):
    """To the mouse. Any other is answered by RESEND."""

    SCALE_1_TO_1 = 0xE6
    SCALE_2_TO_1 = 0xE7
    SET_RESOLUTION = 0xE8  # and a byte: 2 to the power of it counts a millimetre
    STATUS = 0xE9
    STREAM = 0xEA
    READ = 0xEB
    REMOTE = 0xF0
    IDENTIFY = 0xF2
    SET_RATE = 0xF3  # and a byte: packets a second
    ENABLE = 0xF4
    DISABLE = 0xF5
    SET_DEFAULTS = 0xF6
    RESEND = 0xFE
    RESET = 0xFF


KEYBOARD_ID = (0xAB, 0x83)
MOUSE_ID = 0x00  # a mouse with three buttons and no wheel
MOUSE_DEFAULT_RATE = 100
MOUSE_DEFAULT_RESOLUTION = 2
SCAN_CODE_SET = 2


class PacketFlag(IntFlag):
    """The first byte of the mouse's three; the other two are the movement to the right and away from the user, signed with these bits."""

    LEFT = 1 << 0
    RIGHT = 1 << 1
    MIDDLE = 1 << 2
    ALWAYS = 1 << 3
    X_NEGATIVE = 1 << 4
    Y_NEGATIVE = 1 << 5
    X_OVERFLOW = 1 << 6
    Y_OVERFLOW = 1 << 7


class KeyPrefix(IntEnum):
    """What stands before a key's code."""

    NONE = 0
    E0 = 1
    E1 = 2  # the Pause key's


NO_MOVEMENT = bytes((PacketFlag.ALWAYS, 0, 0))  # a packet: nor is any button down
RELEASE = 0xF0  # before the code of a key that is let go, in set 2
KEY_PREFIXES = bytes((0xE0, 0xE1, RELEASE))  # behind them the key's code is still to come
LONGEST_KEY = 3  # bytes of what the keyboard says of a key
RELEASED = 0x80  # in its code, in set 1

TRANSLATION = bytes.fromhex(
    "ff 43 41 3f 3d 3b 3c 58 64 44 42 40 3e 0f 29 59  65 38 2a 70 1d 10 02 5a 66 71 2c 1f 1e 11 03 5b"
    "67 2e 2d 20 12 05 04 5c 68 39 2f 21 14 13 06 5d  69 31 30 23 22 15 07 5e 6a 72 32 24 16 08 09 5f"
    "6b 33 25 17 18 0b 0a 60 6c 34 35 26 27 19 0c 61  6d 73 28 74 1a 0d 62 6e 3a 36 1c 1b 75 2b 63 76"
    "55 56 77 78 79 7a 0e 7b 7c 4f 7d 4b 47 7e 7f 6f  52 53 50 4c 4d 48 01 45 57 4e 51 4a 37 49 46 54"
    "80 81 82 41 54"
)
"""What the controller makes of the keyboard's bytes 00h to 84h; all others stay as they are."""


def translated(byte: int) -> int:
    """A byte of the keyboard, RELEASE apart, as the controller passes it on where it translates."""
    return TRANSLATION[byte] if byte < len(TRANSLATION) else byte
