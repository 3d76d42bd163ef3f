"""One run of the machine, from power-on until the power goes: BIOS, launch, both guests, the user at the keyboard, the network."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from contracts.attestation import Statement
from contracts.configuration import KernelConfig
from contracts.display import COLUMNS, ROWS
from contracts.hypercalls import HOST_END
from contracts.memory_map import PAGE_SIZE, Physical
from contracts.report import Step
from firmware.guests.bank_header import LOOT_SIZE
from isolation_kernel.kernel import Kernel
from isolation_kernel.partition import Partition, State
from isolation_kernel.sealing import Sealing
from isolation_kernel.storage import SealedStorage
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

__all__ = ["PHRASE", "NoAnswer", "PowerOn"]

_STEPS = 3000  # of the kernel, until somebody must have answered
_KEYS = {str(digit): f"Digit{digit}" for digit in range(10)} | {"\n": "Enter", "\x1b": "Escape"}
_ATTENTION = "F12"
_ASKS = b"bank: PIN\n"
_TICK = 60_000  # cycles, in which the kernel's timer ticks once
_WORD = 4
PHRASE = b"tea at the lighthouse"
"""The owner's, which the trusted line shows."""
_BEGINS, _ENDS = b"market: attacking\n", b"market: attacked\n"
_GUEST_LIMIT = 5_000_000


class NoAnswer(RuntimeError):
    """Somebody does not answer; the message is one line."""


class PowerOn:
    """A context manager. ``line`` is the mass-market guest's command line, made when both guests are there; ``waves`` is where the run is
    drawn as a whole (FST), from power-on to the end."""

    def __init__(
        self,
        world: World,
        bios: Bios | None = None,
        line: Callable[["PowerOn"], str] = lambda run: "",
        new_store: bool = False,
        waves: Path | None = None,
    ) -> None:
        self.world, self._bios, self._line, self._new_store, self._waves = world, bios or Bios(), line, new_store, waves
        self.console: dict[int, bytes] = {}
        self.bundles: list[tuple[int, Bundle]] = []  # what guests have had quoted
        self.log: list[str] = []
        self.hasty = False
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
        self.machine = stack.enter_context(Machine(tpm=TpmBridge(tpm), trace="none" if self._waves is None else "fst"))
        if self._waves is not None:
            self.machine.trace_start(self._waves)
            stack.callback(self.machine.trace_stop)
        self.machine.set_straps(missing.straps)
        self.window = Window(self.machine.model)
        disk = SectorFile(world.disk)
        stack.callback(disk.close)
        config = KernelConfig(protections=missing.protections, disk=disk, quoted=self._quoted, log=self.log.append)
        self.system = GuestSystem(
            self.machine, config, self._say, guest_limit=_GUEST_LIMIT, late_launch=True, launcher=lambda link: boot(link, self._bios)
        )
        self.kernel: Kernel = self.system.kernel
        if missing.storage is not SealedStorage or missing.sealing is not Sealing:
            self.kernel.roots._store = missing.storage(missing.sealing(Tpm(self.system.link)), disk)
        if self._new_store:
            self.kernel.roots.store.create()
            self.kernel.roots.keep_phrase(PHRASE)
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
        """What the trusted guest shows in a row of its screen: on the display if it is in front, else in the kernel's frames."""
        at, size = 2 * COLUMNS * number, 2 * COLUMNS
        if self.trusted.memory.front:
            words = (self.system.link.read32(Physical.SCREEN + at + n) for n in range(0, size, _WORD))
            data = b"".join(word.to_bytes(_WORD, "little") for word in words)
        else:
            data = self.machine.model.dump(self.trusted.memory.screen[0] * PAGE_SIZE + at, size)
        return data[::2].decode("cp437").replace("\0", " ").rstrip()

    @property
    def screen(self) -> list[str]:
        """All of it."""
        return [self.row(number) for number in range(ROWS)]

    @property
    def asks_pin(self) -> bool:
        """The user is asked."""
        return self.trusted.state is State.HALTED and self.console.get(self.trusted.number, b"").endswith(_ASKS)

    def choose(self, guest: Partition) -> None:
        """The user brings a guest to the front: the attention key, and its number. Somebody must be awake, or nothing is heard."""
        self._strike(_ATTENTION)
        self.until(lambda: self.kernel.view.hands.attention or not self.world.missing.protections.attention_key, "the kernel listens")
        self._strike(f"Digit{guest.number}")
        self.until(lambda: self.kernel.view.front is guest, "the guest is in front")

    def press(self, keys: str) -> None:
        """Into the trusted guest, which is brought to the front. The user is slow: unless ``hasty`` all that can run has done so before."""
        if not self.hasty:
            self.until(lambda: self.market.state is not State.RUNNABLE, "the other guest is done")
        if self.kernel.view.front is not self.trusted:
            self.choose(self.trusted)
        for key in keys:
            self._strike(_KEYS[key])

    def _strike(self, key: str) -> None:
        """Down and up, and the time that it takes the kernel to hear it."""
        self.machine.press(key)
        self.machine.release(key)
        heard = self.machine.cycle + _TICK
        self.until(lambda: self.machine.cycle >= heard or not self._awake, "time passes")

    @property
    def _awake(self) -> bool:
        return any(p.state in (State.RUNNABLE, State.HALTED) for p in (self.market, self.trusted))

    # the network

    def carry(self, data: bytes) -> None:
        """To the mass-market guest, which has the network."""
        self.tell(self.market, data)

    def arrived(self) -> list[bytes]:
        """What has come from there since the last call."""
        return self.kernel.take_answers(self.market.number)

    @property
    def loot(self) -> bytes:
        """What the mass-market guest has brought in, in its memory."""
        return self.machine.model.dump(self.market.memory.offset * PAGE_SIZE + self.world.market_objects["loot"], LOOT_SIZE)

    def memory_of(self, guest: Partition) -> bytes:
        """All of a guest's memory, as the machine has it."""
        return b"".join(self.machine.model.dump(frame * PAGE_SIZE, PAGE_SIZE) for _, frame in sorted(guest.memory.pages.items()))
