"""The 8042 that each guest sees, with a keyboard and a mouse behind it: ``chipset/devices/ps2`` in values. A20 stays on, whoever asks."""

from contracts.memory_map import Irq, Port
from contracts.ps2 import (
    INPUT_PORT,
    PORT_PASSED,
    RELEASE,
    RELEASED,
    SELF_TEST_PASSED,
    CommandByte,
    KbcCommand,
    KbcStatus,
    OutputPort,
    translated,
)
from virtual_pc.keyboard import VirtualKeyboard, VirtualMouse
from virtual_pc.pic import PicPair

__all__ = ["VirtualPs2"]

_TAKE_A_BYTE = frozenset((
    KbcCommand.WRITE_COMMAND_BYTE, KbcCommand.WRITE_OUTPUT_PORT, KbcCommand.LOOP_KEYBOARD, KbcCommand.LOOP_MOUSE, KbcCommand.WRITE_MOUSE,
))  # fmt: skip
_PULSES_RESET, _PULSE_MASK = int(KbcCommand.PULSE), 0xF1
_DISABLES = {
    KbcCommand.DISABLE_MOUSE: CommandByte.MOUSE_DISABLED, KbcCommand.DISABLE_KEYBOARD: CommandByte.KEYBOARD_DISABLED,
}  # fmt: skip
_ENABLES = {KbcCommand.ENABLE_MOUSE: CommandByte.MOUSE_DISABLED, KbcCommand.ENABLE_KEYBOARD: CommandByte.KEYBOARD_DISABLED}
_SET, _MOUSE_LINES = OutputPort.NOT_RESET | OutputPort.A20, OutputPort.MOUSE_CLOCK | OutputPort.MOUSE_DATA
_HIGH = OutputPort.KEYBOARD_CLOCK | OutputPort.KEYBOARD_DATA
_FIXED = {
    KbcCommand.SELF_TEST: SELF_TEST_PASSED, KbcCommand.TEST_MOUSE: PORT_PASSED, KbcCommand.TEST_KEYBOARD: PORT_PASSED,
    KbcCommand.READ_INPUT_PORT: INPUT_PORT,
}  # fmt: skip


class VirtualPs2:
    """``pic`` has its two lines. One byte waits at port 60h at a time, an answer of the controller before those of the devices."""

    def __init__(self, pic: PicPair) -> None:
        self._pic = pic
        self.keyboard, self.mouse = VirtualKeyboard(), VirtualMouse()
        self._command_byte = int(CommandByte.SYSTEM | CommandByte.KEYBOARD_DISABLED | CommandByte.MOUSE_DISABLED)
        self._output_lines = 0
        self._parameter = 0  # the command whose byte is written to port 60h next
        self._after_command = False
        self._answer: tuple[int, bool] | None = None  # a byte, and whether it is the mouse's
        self._buffer = (0, False)
        self._full = False
        self._released = False  # the next code is that of a key let go
        self._mouse_turn = False
        self._lines = {Irq.KEYBOARD: False, Irq.MOUSE: False}

    # the kernel's side

    def key(self, codes: bytes) -> None:
        """A key's bytes, in scan code set 2."""
        self.keyboard.feed(codes)
        self._settle()

    def move(self, packet: bytes) -> None:
        """The mouse's three."""
        self.mouse.feed(packet)
        self._settle()

    def listens(self) -> bool:
        """Whether the guest has asked for an interrupt by keyboard or mouse."""
        return bool(self._command_byte & (CommandByte.KEYBOARD_INTERRUPT | CommandByte.MOUSE_INTERRUPT))

    # the guest's side

    def read(self, port: int) -> int:
        """A byte from port 60h or 64h."""
        if port == Port.KBC_DATA:
            self._full = False
            value = self._buffer[0]
            self._settle_lines()
            self._settle()
            return value
        on = {
            KbcStatus.OUTPUT_FULL: self._full, KbcStatus.SYSTEM: self._command_byte & CommandByte.SYSTEM,
            KbcStatus.COMMAND: self._after_command, KbcStatus.NOT_LOCKED: True, KbcStatus.MOUSE: self._full and self._buffer[1],
        }  # fmt: skip
        return sum(bit for bit, is_set in on.items() if is_set)

    def write(self, port: int, value: int) -> bool:
        """A byte to port 60h or 64h; whether it asks for a reset."""
        parameter, self._parameter = self._parameter, 0
        self._after_command = port == Port.KBC_STATUS
        reset = self._command(value) if self._after_command else self._data(parameter, value)
        self._settle()
        return reset

    def _command(self, value: int) -> bool:
        if value in _TAKE_A_BYTE:
            self._parameter = value
        elif value in _FIXED:
            self._answer = _FIXED[KbcCommand(value)], False
        elif value == KbcCommand.READ_COMMAND_BYTE:
            self._answer = self._command_byte, False
        elif value == KbcCommand.READ_OUTPUT_PORT:
            full = (OutputPort.MOUSE_FULL if self._buffer[1] else OutputPort.KEYBOARD_FULL) if self._full else 0
            self._answer = int(_SET | _HIGH) | self._output_lines | full, False
        elif value in _DISABLES:
            self._command_byte |= _DISABLES[KbcCommand(value)]
        elif value in _ENABLES:
            self._command_byte &= ~int(_ENABLES[KbcCommand(value)])
        return value & _PULSE_MASK == _PULSES_RESET

    def _data(self, parameter: int, value: int) -> bool:
        if parameter == KbcCommand.WRITE_COMMAND_BYTE:
            self._command_byte = value
        elif parameter == KbcCommand.WRITE_OUTPUT_PORT:
            self._output_lines = value & int(_MOUSE_LINES)
            return not value & OutputPort.NOT_RESET
        elif parameter in (KbcCommand.LOOP_KEYBOARD, KbcCommand.LOOP_MOUSE):
            self._answer = value, parameter == KbcCommand.LOOP_MOUSE
        elif parameter == KbcCommand.WRITE_MOUSE:
            self._command_byte &= ~int(CommandByte.MOUSE_DISABLED)
            self.mouse.command(value)
        else:
            self._command_byte &= ~int(CommandByte.KEYBOARD_DISABLED)
            self.keyboard.command(value)
        return False

    # on its way to the guest

    def _settle(self) -> None:
        """The next byte comes to port 60h, if that is empty; lines rise and fall."""
        if not self._full and self._answer is not None:
            self._buffer, self._answer, self._full = self._answer, None, True
        while not self._full and (byte := self._from_devices()) is not None:
            value, mouse = byte
            if mouse or not self._command_byte & CommandByte.TRANSLATE:
                self._buffer, self._full = byte, True
            elif value == RELEASE:
                self._released = True
            else:
                self._buffer, self._full = (translated(value) | RELEASED * self._released, False), True
                self._released = False
        self._settle_lines()

    def _from_devices(self) -> tuple[int, bool] | None:
        """They take turns."""
        for mouse in (self._mouse_turn, not self._mouse_turn):
            held = CommandByte.MOUSE_DISABLED if mouse else CommandByte.KEYBOARD_DISABLED
            byte = None if self._command_byte & held else (self.mouse if mouse else self.keyboard).next()
            if byte is not None:
                self._mouse_turn = not mouse
                return byte, mouse
        return None

    def _settle_lines(self) -> None:
        for irq, mouse, bit in (
            (Irq.KEYBOARD, False, CommandByte.KEYBOARD_INTERRUPT), (Irq.MOUSE, True, CommandByte.MOUSE_INTERRUPT),
        ):  # fmt: skip
            level = self._full and self._buffer[1] is mouse and bool(self._command_byte & bit)
            if level and not self._lines[irq]:
                self._pic.raise_line(irq)
            elif self._lines[irq] and not level:
                self._pic.lower_line(irq)
            self._lines[irq] = level
