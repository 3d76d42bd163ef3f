"""A kernel on the model machine with a user at keyboard and screen."""

from collections.abc import Callable

from cocotb_tests.isolation_kernel.world import CODE, SECOND_MEMORY, World
from contracts.configuration import GuestConfig, MultibootEntry
from contracts.display import SCREEN_BYTES, TRUSTED_LINE
from contracts.memory_map import Physical, Port
from contracts.protections import Protections
from contracts.ps2 import CommandByte, KbcCommand, KbcStatus
from isolation_kernel.model.memory import Straps
from isolation_kernel.model.script import GuestException, In, Out, Script, Spin

__all__ = ["CHOOSE", "F12", "KEY", "PHRASE", "Bench", "busy", "logger", "release", "take_8042"]

PHRASE = b"pelican under glass"
F12 = b"\x07"
KEY = bytes.fromhex("1c 32 21 23 24 2b 34 33 43 3b 42 4b 3a 31 44 4d 15 2d 1b 2c 3c 2a 1d 22 35 1a")  # A to Z
CHOOSE = {1: b"\x16", 2: b"\x1e", 3: b"\x26"}


def release(code: int) -> bytes:
    """What the keyboard says when a key is let go."""
    return bytes((0xF0, code))


class Bench(World):
    """``words`` is what the display shows; ``line`` the text of the trusted line."""

    def __init__(self, protections: Protections | None = None, straps: Straps | None = None, **settings: object) -> None:
        super().__init__(protections, straps, timer_cycles=4_000, slice_cycles=4_000, phrase=PHRASE, **settings)  # type: ignore[arg-type]
        self.machine.access_cycles = 0  # how long the kernel's work takes is not what is looked at

    def named(self, name: str, script: Callable[[], Script]) -> None:
        """A guest of that name."""
        partition = self.kernel.load_guest(GuestConfig(name, SECOND_MEMORY, (), MultibootEntry(CODE)))
        self.machine.attach(partition.vcpu.block, script)

    def type(self, *events: bytes, rounds: int = 12) -> None:
        """Keys, one after the other, and time for the kernel to hear of each."""
        for codes in events:
            self.machine.ps2.key(codes)
            self.run(rounds)

    def choose(self, number: int) -> None:
        """As the user does it."""
        self.type(F12, release(F12[0]), CHOOSE[number], release(CHOOSE[number][0]))

    @property
    def words(self) -> list[int]:
        """Of screen memory in the display."""
        screen = self.machine.memory.screen
        return [int.from_bytes(screen[n : n + 4], "little") for n in range(0, SCREEN_BYTES, 4)]

    @property
    def line(self) -> str:
        """The trusted line."""
        assert TRUSTED_LINE.by_byte
        return self.machine.memory.line[::2].decode("latin-1")

    @property
    def front(self) -> int:
        """The number of the guest in front, as the user reads it."""
        return int(self.line[:2])


def take_8042(command_byte: CommandByte = CommandByte(0)) -> Script:
    """As an operating system begins: the controller's command byte, and keyboard and mouse let speak."""
    yield Out(Port.KBC_STATUS, KbcCommand.WRITE_COMMAND_BYTE)
    yield Out(Port.KBC_DATA, command_byte)


def logger(heard: list[int]) -> Callable[[], Script]:
    """Reads whatever the keyboard controller has, for ever."""

    def script() -> Script:
        yield from take_8042()
        while True:
            try:
                if (yield In(Port.KBC_STATUS)) & KbcStatus.OUTPUT_FULL:
                    heard.append((yield In(Port.KBC_DATA)))
                yield Spin(200)
            except GuestException:
                continue

    return script


def busy() -> Script:
    """Works, and asks for nothing."""
    while True:
        yield Spin(500)


assert Physical.SCREEN % SCREEN_BYTES == 0
