"""A kernel on the model machine with a user at keyboard and screen."""

from collections.abc import Callable, Iterable
from contextlib import suppress

from cocotb_tests.attacks.path.attack import Conditions, Seeded
from cocotb_tests.isolation_kernel.world import CODE, SECOND_MEMORY, World
from contracts.configuration import GuestConfig, MultibootEntry
from contracts.display import SCREEN_BYTES, SCREEN_WINDOW, TRUSTED_LINE
from contracts.memory_map import PAGE_SIZE, Irq, Physical, Port
from contracts.ps2 import CommandByte, KbcCommand, KbcStatus
from contracts.vmcb import General1, InterruptControl
from isolation_kernel.frames import Owner
from isolation_kernel.guest_memory import SCREEN_PAGES
from isolation_kernel.model.machine import Stuck
from isolation_kernel.model.memory import Straps
from isolation_kernel.model.script import GuestException, Halt, In, Operation, Out, Script, SetIf, Spin, Write
from isolation_kernel.partition import Partition

__all__ = [
    "ALL", "ARMED", "CHOOSE", "F12", "FORGED", "KEY", "PHRASE", "SCREEN_WINDOW_PAGES", "SECRET", "Bench", "busy", "logger", "release",
    "shows", "sleeper", "take_8042",
]  # fmt: skip

ALL = Conditions()
PHRASE = b"pelican under glass"
F12 = b"\x07"
KEY = bytes.fromhex("1c 32 21 23 24 2b 34 33 43 3b 42 4b 3a 31 44 4d 15 2d 1b 2c 3c 2a 1d 22 35 1a")  # A to Z
CHOOSE = {1: b"\x16", 2: b"\x1e", 3: b"\x26"}
ARMED = 20  # rounds after which all guests have begun
SECRET = 0x0753_0741  # what one guest shows
FORGED = 0x4F58_4F58  # what another would show in its place
SCREEN_WINDOW_PAGES = range(Physical.SCREEN, Physical.SCREEN + SCREEN_WINDOW, PAGE_SIZE)
_OPERATIONS = 3_000  # without an exit, after which a guest goes on for ever
_VECTORS = 0x40  # of the sleeper's interrupts


def release(code: int) -> bytes:
    """What the keyboard says when a key is let go."""
    return bytes((0xF0, code))


class Bench(World):
    """``words`` is what the display shows; ``line`` the text of the trusted line."""

    def __init__(self, conditions: Conditions = ALL, straps: Straps | None = None, **settings: object) -> None:
        self._seeded = conditions.seeded
        straps = straps or Straps(display_apart=Seeded.DMA_TO_DISPLAY not in self._seeded)
        super().__init__(
            conditions.protections, straps, timer_cycles=4_000, slice_cycles=4_000, phrase=PHRASE, **settings  # type: ignore[arg-type]
        )  # fmt: skip
        self.checked = self.checked and not self._seeded
        self.machine.access_cycles = 0  # how long the kernel's work takes is not what is looked at
        self.machine.operation_limit = _OPERATIONS

    def guest(self, script: Callable[[], Script], one_to_one: bool = False, **more: object) -> Partition:  # type: ignore[override]
        """Load a guest, and make what is seeded wrong with it."""
        partition = super().guest(script, one_to_one, **more)  # type: ignore[arg-type]
        if Seeded.IF_HOLDS_OFF in self._seeded:
            partition.vcpu.put("INT_CONTROL", partition.vcpu.get("INT_CONTROL") & ~int(InterruptControl.V_INTR_MASKING))
        if Seeded.HLT_STOPS_ALL in self._seeded:
            partition.vcpu.put("INTERCEPT_GENERAL1", partition.vcpu.get("INTERCEPT_GENERAL1") & ~(1 << General1.HLT))
        if Seeded.ONE_8042 in self._seeded:
            partition.pc.pc.ps2 = self.kernel.partitions[1].pc.pc.ps2
        if Seeded.SCREEN_IS_RAM in self._seeded and partition.number == 1:
            for page in SCREEN_PAGES:
                self.kernel.frames.change(page, Owner.ABSENT, partition.number)
                partition.memory.pages[page] = page
        return partition

    def named(self, name: str, script: Callable[[], Script]) -> Partition:
        """A guest of that name."""
        partition = self.kernel.load_guest(GuestConfig(name, SECOND_MEMORY, (), MultibootEntry(CODE)))
        self.machine.attach(partition.vcpu.block, script)
        return partition

    def type(self, *events: bytes, rounds: int = 12) -> None:
        """Keys, one after the other, and time for the kernel to hear of each."""
        for codes in events:
            self.machine.ps2.key(codes)
            self.run(rounds)

    def choose(self, number: int) -> None:
        """As the user does it."""
        self.type(F12, release(F12[0]), CHOOSE[number], release(CHOOSE[number][0]))

    def stuck(self, rounds: int) -> bool:
        """Run on; whether a guest has the processor for good."""
        with suppress(Stuck):
            self.run(rounds)
            return False
        return True

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


def take_8259s(lines: Irq) -> Script:
    """The guest's own, with one line of the first open."""
    for port, value in ((Port.PIC_MASTER, 0x11), (0x21, _VECTORS), (0x21, 4), (0x21, 1), (0x21, 0xFF & ~(1 << lines))):
        yield Out(port, value)


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


def shows(*words: tuple[int, int], then: Iterable[Operation] = ()) -> Callable[[], Script]:
    """Writes words (linear address, value), does what comes then, and works on."""

    def script() -> Script:
        for at, word in words:
            yield Write(at, word)
        for operation in then:
            _ = yield operation
        yield from busy()

    return script


def busy() -> Script:
    """Works, and asks for nothing."""
    while True:
        yield Spin(500)


def sleeper() -> Script:
    """Waits for its keyboard's interrupt, as an operating system at its prompt does: nothing else wants the processor."""
    yield from take_8042(CommandByte.KEYBOARD_INTERRUPT)
    yield from take_8259s(Irq.KEYBOARD)
    while True:
        yield SetIf(True)
        yield Halt()


assert Physical.SCREEN % SCREEN_BYTES == 0
