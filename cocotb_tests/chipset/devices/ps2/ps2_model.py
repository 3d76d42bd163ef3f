"""Controller, keyboard and mouse as a model in plain Python, one access at a time, compared when everything has come to rest."""

from collections import deque
from dataclasses import dataclass, field

from cocotb_tests.chipset.devices.ps2.bench import Key, Move
from contracts.ps2 import RELEASE, CommandByte, KbcStatus, translated

__all__ = ["KeyboardModel", "MouseModel", "Ps2Model"]

_KEYS = 16
_LOW, _HIGH = -256, 255


@dataclass
class KeyboardModel:
    """Replies and keys; ``told`` bytes of the first key have left."""

    enabled: bool = True
    leds: int = 0
    parameter: int = 0  # the command that waits for one
    reply: deque[int] = field(default_factory=deque)
    current: Key | None = None
    told: int = 0
    queue: deque[Key] = field(default_factory=deque)
    last: int = 0

    def press(self, key: Key) -> bool:
        if not self.enabled:
            return True
        if len(self.queue) == _KEYS:
            return False
        self.queue.append(key)
        self.load()
        return True

    def load(self) -> None:
        if self.current is None and self.queue:
            self.current, self.told = self.queue.popleft(), 0

    def give(self) -> int | None:
        """The byte that is offered, taken."""
        if self.reply and not self.told:
            self.last = self.reply.popleft()
        elif self.current is not None:
            self.last = self.current.bytes[self.told]
            self.told += 1
            if self.told == len(self.current.bytes):
                self.current, self.told = None, 0
                self.load()
        else:
            return None
        return self.last

    def clear(self) -> None:
        self.queue.clear()
        if not self.told:
            self.current = None

    def take(self, byte: int) -> None:
        command, self.parameter = self.parameter, 0
        if command and byte < 0x80:
            answer = [0xFA]
            if command == 0xED:
                self.leds = byte & 7
            elif command == 0xF0:
                answer = {0: [0xFA, 2], 2: [0xFA]}.get(byte, [0xFE])
        else:
            answer = {0xEE: [0xEE], 0xF2: [0xFA, 0xAB, 0x83], 0xFE: [self.last], 0xFF: [0xFA, 0xAA]}.get(byte, [0xFA])
            if byte in (0xED, 0xF0, 0xF3):
                self.parameter = byte
            elif byte in (0xF4, 0xF5, 0xF6, 0xFF):
                self.enabled = byte != 0xF5
                self.leds = self.leds if byte == 0xF4 else 0
                self.clear()
            elif byte not in (0xEE, 0xF2, 0xFE):
                answer = [0xFE]
        self.reply = deque(answer)


@dataclass
class MouseModel:
    """Replies and packets in one queue, counters, settings."""

    enabled: bool = False
    remote: bool = False
    scaled: bool = False
    resolution: int = 2
    rate: int = 100
    parameter: int = 0
    buttons: tuple[int, int, int] = (0, 0, 0)
    count: list[int] = field(default_factory=lambda: [0, 0])
    overflow: list[bool] = field(default_factory=lambda: [False, False])
    changed: bool = False
    reply: deque[int] = field(default_factory=deque)
    last: int = 0

    def move(self, move: Move) -> None:
        if self.enabled or self.remote:
            self.changed |= bool(move.x or move.y) or move.buttons != self.buttons
            for n, step in enumerate((move.x, move.y)):
                total = self.count[n] + step
                self.count[n] = max(_LOW, min(_HIGH, total))
                self.overflow[n] |= total != self.count[n]
        self.buttons = move.buttons
        self.report()

    def forget(self) -> None:
        self.count, self.overflow, self.changed = [0, 0], [False, False], False

    def packet(self) -> list[int]:
        (left, right, middle), (x, y) = self.buttons, self.count
        first = left | right << 1 | middle << 2 | 8 | (x < 0) << 4 | (y < 0) << 5 | self.overflow[0] << 6 | self.overflow[1] << 7
        self.forget()
        return [first, x & 0xFF, y & 0xFF]

    def report(self) -> None:
        if self.enabled and not self.remote and self.changed and not self.reply:
            self.reply.extend(self.packet())

    def give(self) -> int | None:
        if not self.reply:
            return None
        self.last = self.reply.popleft()
        self.report()
        return self.last

    def take(self, byte: int) -> None:
        command, self.parameter = self.parameter, 0
        answer = [0xFA]
        if command and byte != 0xFF:
            if command == 0xF3:
                self.rate = byte
            elif byte < 4:
                self.resolution = byte
            else:
                answer = [0xFE]
        else:
            answer += self._command(byte)
            if answer == [0xFA, -1]:
                answer = [0xFE]
            elif byte == 0xFE:
                answer = [self.last]
        self.reply = deque(answer)
        self.report()

    def _command(self, byte: int) -> list[int]:
        left, right, middle = self.buttons
        match byte:
            case 0xE6 | 0xE7:
                self.scaled = byte == 0xE7
            case 0xE8 | 0xF3:
                self.parameter = byte
            case 0xE9:
                state = right | middle << 1 | left << 2 | self.scaled << 4 | self.enabled << 5 | self.remote << 6
                return [state, self.resolution, self.rate]
            case 0xEB:
                return self.packet()
            case 0xF2:
                return [0]
            case 0xFE:
                return []
            case 0xEA | 0xF0:
                self.remote = byte == 0xF0
                self.forget()
            case 0xF4 | 0xF5:
                self.enabled = byte == 0xF4
                self.forget()
            case 0xF6 | 0xFF:
                self.enabled = self.remote = self.scaled = False
                self.resolution, self.rate = 2, 100
                self.forget()
                return [0xAA, 0] if byte == 0xFF else []
            case _:
                return [-1]
        return []


@dataclass
class Ps2Model:
    """The ports."""

    keyboard: KeyboardModel = field(default_factory=KeyboardModel)
    mouse: MouseModel = field(default_factory=MouseModel)
    buffer: int = 0
    full: bool = False
    is_mouse: bool = False
    waiting: tuple[int, bool] | None = None
    command_byte: int = CommandByte.SYSTEM | CommandByte.KEYBOARD_DISABLED | CommandByte.MOUSE_DISABLED
    output: int = 0xC3
    parameter: int = 0
    after_command: bool = False
    mouse_turn: bool = False
    released: bool = False
    resets: int = 0

    @property
    def status(self) -> int:
        state = KbcStatus.NOT_LOCKED | (self.command_byte & CommandByte.SYSTEM)
        state |= KbcStatus.OUTPUT_FULL if self.full else 0
        state |= KbcStatus.COMMAND if self.after_command else 0
        return int(state | (KbcStatus.MOUSE if self.full and self.is_mouse else 0))

    @property
    def irqs(self) -> tuple[int, int]:
        keyboard = self.full and not self.is_mouse and self.command_byte & CommandByte.KEYBOARD_INTERRUPT
        return bool(keyboard), bool(self.full and self.is_mouse and self.command_byte & CommandByte.MOUSE_INTERRUPT)

    def settle(self) -> None:
        """Bytes come until one waits to be read or nobody has any."""
        while not self.full:
            if self.waiting is not None:
                self.fill(*self.waiting)
                self.waiting = None
                return
            sides: dict[bool, KeyboardModel | MouseModel] = {True: self.mouse, False: self.keyboard}
            held = {True: CommandByte.MOUSE_DISABLED, False: CommandByte.KEYBOARD_DISABLED}
            for side in (self.mouse_turn, not self.mouse_turn):
                byte = None if self.command_byte & held[side] else sides[side].give()
                if byte is not None:
                    break
            else:
                return
            self.mouse_turn = not side
            if side or not self.command_byte & CommandByte.TRANSLATE:
                self.released &= side
                self.fill(byte, side)
            elif byte == RELEASE:
                self.released = True
            else:
                self.fill(translated(byte) | (0x80 if self.released else 0), False)
                self.released = False

    def fill(self, byte: int, is_mouse: bool) -> None:
        self.buffer, self.is_mouse, self.full = byte, is_mouse, True

    def answer(self, byte: int, is_mouse: bool = False) -> None:
        if self.full:
            self.waiting = byte, is_mouse
        else:
            self.fill(byte, is_mouse)

    def read(self) -> int:
        self.full = False
        byte = self.buffer
        self.settle()
        return byte

    def write(self, byte: int) -> None:
        parameter, self.parameter, self.after_command = self.parameter, 0, False
        match parameter:
            case 0x60:
                self.command_byte = byte
            case 0xD1:
                self.output = self.output & 0xF0 | byte & 0xE | 1
                self.resets += not byte & 1
            case 0xD2 | 0xD3:
                self.answer(byte, parameter == 0xD3)
            case 0xD4:
                self.command_byte &= ~int(CommandByte.MOUSE_DISABLED)
                self.mouse.take(byte)
            case _:
                self.command_byte &= ~int(CommandByte.KEYBOARD_DISABLED)
                self.keyboard.take(byte)
        self.settle()

    def command(self, command: int) -> None:
        self.parameter, self.after_command = 0, True
        shown = (0x20 if self.is_mouse else 0x10) if self.full else 0
        answers = {0x20: self.command_byte, 0xA9: 0, 0xAA: 0x55, 0xAB: 0, 0xC0: 0x80, 0xD0: self.output & 0xCF | shown}
        bits = {0xA7: CommandByte.MOUSE_DISABLED, 0xAD: CommandByte.KEYBOARD_DISABLED}
        if command in (0x60, 0xD1, 0xD2, 0xD3, 0xD4):
            self.parameter = command
        elif command in answers:
            self.answer(answers[command])
        elif command in bits:
            self.command_byte |= bits[command]
        elif command - 1 in bits:
            self.command_byte &= ~int(bits[command - 1])
        elif command in (0xDD, 0xDF):
            self.output = self.output & ~2 | (2 if command == 0xDF else 0)
        elif command >= 0xF0:
            self.resets += not command & 1
        self.settle()
