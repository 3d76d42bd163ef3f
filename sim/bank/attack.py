"""What an attack of the scenario is, and what a run of it has come to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from sim.bank.boot import Bios
from sim.bank.power_on import NoAnswer, PowerOn
from sim.bank.remote import BankError
from sim.bank.session import Session
from sim.bank.world import PAYEE, World
from sim.kernel_time import KernelTime
from sim.launch.hand_over import LaunchError
from sim.link import MachineEnded

__all__ = ["ATTACKS", "Attack", "By", "Stage", "attack"]


class By(Enum):
    """Whose attack it is."""

    BIOS = "BIOS"
    DMA = "DMA"
    GUEST = "mass-market guest"
    DISK = "disk"
    NETWORK = "network"


@dataclass
class Stage:
    """What an attack has to itself. It fills in ``attempt`` (what it did), ``harm`` (what it got; empty if nothing), ``found`` (what was
    seen in its place) and ``allowed`` (what the honest did all the same)."""

    world: World
    attempt: str = ""
    harm: str = ""
    found: str = ""
    allowed: str = ""
    cycles: int = 0
    kernel_time: KernelTime = KernelTime()
    exits: dict[int, int] = field(default_factory=dict)
    window: bytes = b""  # the machine's view while it was attacked, and the cycles of that
    attacked: list[int] = field(default_factory=list)
    _run: PowerOn | None = None

    @contextmanager
    def power_on(
        self,
        bios: Bios | None = None,
        line: Callable[[PowerOn], str] = lambda run: "",
        new_store: bool = False,
        waves: Path | None = None,
    ) -> Iterator[Session]:
        """A run of the machine; what it took is added up. ``waves``: where it is drawn as a whole (FST)."""
        with PowerOn(self.world, bios, line, new_store, waves) as run:
            self._run = run
            try:
                yield Session(run)
            finally:
                self._run = None
                self.cycles += run.machine.cycle
                self.kernel_time += KernelTime.of(run.system.link)
                run.window.stop()
                if run.attacked:  # guest 1 has told when
                    self.window, self.attacked = run.window.raw, run.attacked
                for code, count in run.kernel.exit_counts.items():
                    self.exits[code] = self.exits.get(code, 0) + count

    @contextmanager
    def decided(self) -> Iterator[None]:
        """Here it is decided whether the attack succeeds: the waves are of this (of its end, if it takes long), if it is not guest 1
        that attacks, and none was drawn before."""
        run = self._run
        if run is None or run.attacked or self.attacked:
            yield
            return
        begun = run.machine.cycle
        run.window.start()
        try:
            yield
        finally:
            if not run.attacked:
                run.window.stop()
                self.window, self.attacked = run.window.raw, [begun, run.machine.cycle]

    def provision(self, waves: Path | None = None) -> None:
        """The first start, in the owner's hands: the letter, who it is, a payment. ``waves``: where it is drawn."""
        with self.power_on(new_store=True, waves=waves) as session:
            session.provide()
            session.ready()
            session.attest(first=True)
            session.pay()
            session.leave()

    def pays(self, session: Session | None = None) -> None:
        """What is allowed: the machine says who it is and pays. ``allowed`` tells; in a run of its own unless one is given."""
        if session is None:
            with self.power_on() as fresh:
                self.pays(fresh)
            return
        try:
            session.ready()
            session.attest()
            self.allowed = session.pay(PAYEE)
        except (BankError, NoAnswer) as error:
            self.found = f"{self.found}; then: {error}".removeprefix("; ")

    @contextmanager
    def refused(self) -> Iterator[None]:
        """What somebody refuses is what was found in the harm's place."""
        try:
            with self.decided():
                yield
        except (BankError, NoAnswer, LaunchError, MachineEnded) as error:
            self.found = str(error)


@dataclass(frozen=True)
class Attack:
    """``control``: what is missing in the control run; ``off_in_both``: what is in both, so that it alone decides."""

    name: str
    by: By
    text: str
    control: str
    off_in_both: tuple[str, ...]
    act: Callable[[Stage], None]


ATTACKS: list[Attack] = []
"""Filled by the modules of ``sim.bank.attacks``."""


def attack(by: By, control: str, off_in_both: tuple[str, ...] = ()) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """The function is an attack; its docstring says what it does."""

    def add(act: Callable[[Stage], None]) -> Callable[[Stage], None]:
        text = " ".join((act.__doc__ or "").split()).rstrip(".")
        ATTACKS.append(Attack(act.__name__, by, text, control, off_in_both, act))
        return act

    return add
