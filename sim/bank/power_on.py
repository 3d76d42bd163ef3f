"""One run of the machine, from power-on until the power goes: BIOS, launch, both guests, the user at the keyboard, the network."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from contracts.attestation import Statement
from contracts.configuration import KernelConfig
from contracts.display import COLUMNS, ROWS
from contracts.hypercalls import HOST_END
from contracts.memory_map import PAGE_SIZE, Irq, Physical
from contracts.report import Step
from isolation_kernel.kernel import Kernel
from isolation_kernel.partition import Partition, State
from isolation_kernel.sealing import Sealing
from isolation_kernel.tpm import Tpm
from sim.bank.boot import Bios, boot
from sim.bank.missing import any_tag
from sim.bank.world import World
from sim.disk.sector_file import SectorFile
from sim.guests import GuestSystem
from sim.machine import Machine
from sim.sanctuary.waves import Window
from sim.tpm.bridge import TpmBridge
from sim.tpm.swtpm import Swtpm
from verifier.bundle import Bundle

__all__ = ["NoAnswer", "PowerOn"]

_STEPS = 3000  # of the kernel, until somebody must have answered
_CODES = {str(digit): code for digit, code in enumerate((0x0B, *range(0x02, 0x0B)))} | {"\n": 0x1C, "\x1b": 0x01}
_RELEASED = 0x80
_ROW_PIN = 9
_BEGINS, _ENDS = b"market: attacking\n", b"market: attacked\n"
_GUEST_LIMIT = 5_000_000


class NoAnswer(RuntimeError):
    """Somebody does not answer; the message is one line."""


class PowerOn:
    """A context manager. ``network`` may change what is carried; ``line`` is the mass-market guest's command line, made when both guests
    are there."""

    def __init__(
        self, world: World, bios: Bios | None = None, line: Callable[["PowerOn"], str] = lambda run: "", new_store: bool = False
    ) -> None:
        self.world, self._bios, self._line, self._new_store = world, bios or Bios(), line, new_store
        self.console: dict[int, bytes] = {}
        self.bundles: list[tuple[int, Bundle]] = []  # what guests have had quoted
        self.log: list[str] = []
        self.attacked: list[int] = []  # cycles in which the mass-market guest has said that it begins and ends
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def _start(self, stack: ExitStack) -> None:
        world, missing = self.world, self.world.missing
        if not missing.tags:
            stack.enter_context(any_tag())
        tpm = stack.enter_context(Swtpm(world.tpm))
        self.machine = stack.enter_context(Machine(tpm=TpmBridge(tpm)))
        self.machine.set_straps(missing.straps)
        self.window = Window(self.machine.model)
        disk = SectorFile(world.disk)
        stack.callback(disk.close)
        config = KernelConfig(protections=missing.protections, disk=disk, quoted=self._quoted, log=self.log.append)
        self.system = GuestSystem(
            self.machine, config, self._say, guest_limit=_GUEST_LIMIT, late_launch=True, launcher=lambda link: boot(link, self._bios)
        )
        self.kernel: Kernel = self.system.kernel
        if missing.storage is not None or missing.sealing is not Sealing:
            self.kernel.roots._store = missing.storage(missing.sealing(Tpm(self.system.link)), disk)
        if self._new_store:
            self.kernel.create_store()
        self.launched_at = self.machine.cycle
        self.market, self.trusted = self.system.start([world.market, world.trusted])
        world.places = {name: self.trusted.memory.offset * PAGE_SIZE + at for name, at in world.objects.items()}
        self.tell(self.market, f"{world.market.command_line} {self._line(self)}".encode())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def _say(self, number: int, data: bytes) -> None:
        self.console[number] = self.console.get(number, b"") + data
        if data == _BEGINS:
            self.window.start()
        if data in (_BEGINS, _ENDS):
            self.attacked.append(self.machine.cycle)
        if data == _ENDS:
            self.window.stop()

    def _quoted(self, number: int, said: Statement) -> None:
        self.bundles.append((number, Bundle(*said.quoted, said.nonce, said.identity, said.data)))

    # going on

    def until(self, done: Callable[[], bool], what: str) -> None:
        """NoAnswer if it does not come to it."""
        for _ in range(_STEPS):
            if done():
                return
            if self.kernel.step() in (Step.IDLE, Step.OVER):
                break
        if not done():
            raise NoAnswer(f"{what}: it has not come to that; {self.state}")

    @property
    def state(self) -> str:
        """Of both guests, in a line."""
        return "; ".join(f"{p.config.name} {p.end_reason or p.state.value}" for p in (self.market, self.trusted))

    def tell(self, guest: Partition, data: bytes) -> None:
        """A message from the host."""
        if not self.kernel.post_message(guest.number, data):
            raise NoAnswer(f"{guest.config.name} takes no message")

    @property
    def wants_letter(self) -> bool:
        """The trusted guest has no account, and waits for its owner."""
        return self.trusted.state is State.WAITING and self.trusted.waits is not None and self.trusted.waits[1] == HOST_END

    @property
    def ready(self) -> bool:
        """It waits for the bank."""
        return self.trusted.state is State.WAITING and b"customer" in self.console.get(self.trusted.number, b"")

    # the user

    def row(self, number: int) -> str:
        """What the trusted guest shows in a row of its screen."""
        data = self.trusted.memory.read(Physical.SCREEN + 2 * COLUMNS * number, 2 * COLUMNS)
        assert data is not None
        return data[::2].decode("cp437").replace("\0", " ").rstrip()

    @property
    def screen(self) -> list[str]:
        """All of it."""
        return [self.row(number) for number in range(ROWS)]

    @property
    def asks_pin(self) -> bool:
        """The user is asked."""
        return self.trusted.state is State.HALTED and self.row(_ROW_PIN).strip().startswith("PIN")

    def press(self, keys: str) -> None:
        """Down and up, one after the other, as fast as they are taken. The user is slow: whatever else can run has done so before."""
        self.until(lambda: self.market.state is not State.RUNNABLE, "the other guest is done")
        for code in (c for key in keys for c in (_CODES[key], _CODES[key] | _RELEASED)):
            self.until(lambda: self.trusted.pc.pc._keyboard_output is None, "the keyboard's byte is taken")
            self.trusted.pc.pc._keyboard_output = code
            self.trusted.pc.ask(self.trusted.pc.pc.raise_line, Irq.KEYBOARD)

    # the network

    def carry(self, data: bytes) -> None:
        """To the mass-market guest, which has the network."""
        self.tell(self.market, data)

    def arrived(self) -> list[bytes]:
        """What has come from there since the last call."""
        return self.kernel.take_answers(self.market.number)

    def memory_of(self, guest: Partition) -> bytes:
        """All of a guest's memory, as the machine has it."""
        return b"".join(self.machine.model.dump(frame * PAGE_SIZE, PAGE_SIZE) for _, frame in sorted(guest.memory.pages.items()))
