"""The keyboard and the mouse that each guest sees: what the kernel hands them they tell, and they answer the guest's commands."""

from contracts.ps2 import (
    KEYBOARD_ID,
    MOUSE_DEFAULT_RATE,
    MOUSE_DEFAULT_RESOLUTION,
    MOUSE_ID,
    SCAN_CODE_SET,
    KeyboardCommand,
    MouseCommand,
    PacketFlag,
    Ps2Answer,
)  # fmt: skip

__all__ = ["EVENTS_KEPT", "VirtualKeyboard", "VirtualMouse"]

EVENTS_KEPT = 16  # keys, or the mouse's packets; more are lost, as with a real keyboard
_COMMAND_BIT = 0x80  # a byte with this bit is a command, even where the keyboard expects a parameter
_RESOLUTIONS = 4
_SCALED, _ENABLED, _REMOTE = 1 << 4, 1 << 5, 1 << 6  # of the mouse's status, beside its buttons


class _Device:
    """The bytes of an event stay together: an answer goes before or behind them. A new answer takes the place of what is left of an old."""

    def __init__(self) -> None:
        self.enabled = False
        self._events: list[bytes] = []
        self._begun: bytes = b""
        self._answer: bytes = b""
        self._last = 0
        self._parameter = 0  # the command whose parameter comes next

    def feed(self, event: bytes) -> None:
        """Something happens at the device."""
        if self.enabled and len(self._events) < EVENTS_KEPT:
            self._events.append(bytes(event))

    def next(self) -> int | None:
        """The next byte for the controller."""
        if not self._begun and not self._answer and self._events:
            self._begun = self._events.pop(0)
        if self._begun:
            self._last, self._begun = self._begun[0], self._begun[1:]
        elif self._answer:
            self._last, self._answer = self._answer[0], self._answer[1:]
        else:
            return None
        return self._last

    def _say(self, *answer: int) -> None:
        self._answer = bytes(answer)


class VirtualKeyboard(_Device):
    """Speaks scan code set 2. Lights and the rate of repetition are taken and mean nothing: the real keyboard is the kernel's."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True

    def command(self, byte: int) -> None:
        """A byte from the guest."""
        parameter, self._parameter = self._parameter, 0
        if parameter and not byte & _COMMAND_BIT:
            if parameter == KeyboardCommand.SCAN_CODE_SET and byte != SCAN_CODE_SET:
                self._say(*((Ps2Answer.RESEND,) if byte else (Ps2Answer.ACK, SCAN_CODE_SET)))
            else:
                self._say(Ps2Answer.ACK)
        elif byte in (KeyboardCommand.SET_LEDS, KeyboardCommand.SCAN_CODE_SET, KeyboardCommand.SET_TYPEMATIC):
            self._parameter = byte
            self._say(Ps2Answer.ACK)
        elif byte in (KeyboardCommand.ENABLE, KeyboardCommand.DISABLE, KeyboardCommand.SET_DEFAULTS, KeyboardCommand.RESET):
            self.enabled = byte != KeyboardCommand.DISABLE
            self._events.clear()
            self._say(Ps2Answer.ACK, *((Ps2Answer.PASSED,) if byte == KeyboardCommand.RESET else ()))
        elif byte == KeyboardCommand.ECHO:
            self._say(Ps2Answer.ECHO)
        elif byte == KeyboardCommand.IDENTIFY:
            self._say(Ps2Answer.ACK, *KEYBOARD_ID)
        elif byte == KeyboardCommand.RESEND:
            self._say(self._last)
        else:
            self._say(Ps2Answer.RESEND)


class VirtualMouse(_Device):
    """Three buttons. Resolution, rate and scaling are kept and shown, and change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._defaults()
        self._buttons = 0

    def _defaults(self) -> None:
        self.enabled = self._remote = self._scaled = False
        self._resolution, self._rate = MOUSE_DEFAULT_RESOLUTION, MOUSE_DEFAULT_RATE

    def feed(self, event: bytes) -> None:
        self._buttons = event[0] & (PacketFlag.LEFT | PacketFlag.RIGHT | PacketFlag.MIDDLE)
        if self._remote:
            self._events = [bytes(event)]  # READ asks for the newest
        else:
            super().feed(event)

    def next(self) -> int | None:
        if self._remote and not self._begun and not self._answer:
            return None
        return super().next()

    def _packet(self) -> bytes:
        return self._events.pop(0) if self._events else bytes((PacketFlag.ALWAYS | self._buttons, 0, 0))

    def command(self, byte: int) -> None:
        """A byte from the guest."""
        parameter, self._parameter = self._parameter, 0
        if parameter == MouseCommand.SET_RATE and byte != MouseCommand.RESET:
            self._rate = byte
            self._say(Ps2Answer.ACK)
        elif parameter == MouseCommand.SET_RESOLUTION and byte != MouseCommand.RESET:
            self._resolution = byte if byte < _RESOLUTIONS else self._resolution
            self._say(Ps2Answer.ACK if byte < _RESOLUTIONS else Ps2Answer.RESEND)
        elif byte in (MouseCommand.SET_RATE, MouseCommand.SET_RESOLUTION):
            self._parameter = byte
            self._say(Ps2Answer.ACK)
        elif byte in (MouseCommand.SCALE_1_TO_1, MouseCommand.SCALE_2_TO_1):
            self._scaled = byte == MouseCommand.SCALE_2_TO_1
            self._say(Ps2Answer.ACK)
        elif byte == MouseCommand.STATUS:
            left, right, middle = (self._buttons & bit for bit in (PacketFlag.LEFT, PacketFlag.RIGHT, PacketFlag.MIDDLE))
            modes = _SCALED * self._scaled | _ENABLED * self.enabled | _REMOTE * self._remote
            self._say(Ps2Answer.ACK, modes | left << 2 | middle >> 1 | right >> 1, self._resolution, self._rate)
        elif byte == MouseCommand.READ:
            self._say(Ps2Answer.ACK, *self._packet())
        elif byte == MouseCommand.IDENTIFY:
            self._say(Ps2Answer.ACK, MOUSE_ID)
        elif byte == MouseCommand.RESEND:
            self._say(self._last)
        else:
            self._mode(byte)

    def _mode(self, byte: int) -> None:
        """A command that forgets what the mouse has counted."""
        if byte in (MouseCommand.SET_DEFAULTS, MouseCommand.RESET):
            self._defaults()
        elif byte in (MouseCommand.ENABLE, MouseCommand.DISABLE):
            self.enabled = byte == MouseCommand.ENABLE
        elif byte in (MouseCommand.STREAM, MouseCommand.REMOTE):
            self._remote = byte == MouseCommand.REMOTE
        else:
            self._say(Ps2Answer.RESEND)
            return
        self._events.clear()
        self._say(Ps2Answer.ACK, *((Ps2Answer.PASSED, MOUSE_ID) if byte == MouseCommand.RESET else ()))
