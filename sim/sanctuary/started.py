"""What a run is before its attack: guest 2 above the kernel, with some protections off, its key taken.

Runs that agree in their ``Start`` are the same up to here, cycle by cycle; what they differ in is told to guest 1 only.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import cast

from chipset.boards.straps import Strap
from contracts.host_link import KERNEL_CYCLES_PER_EXIT
from firmware.guests.attack import Attack, Needs
from isolation_kernel.configuration import Right
from isolation_kernel.kernel import Step
from isolation_kernel.protections import Protections
from sim.guests import GuestSystem
from sim.link import LinkMachine
from sim.machine import Machine
from sim.sanctuary.watch import Watch
from sim.sanctuary.world import KERNEL_CONFIG, Correspondent, Targets, trusted

__all__ = ["Start", "Started", "switches"]

_GUEST_LIMIT = 1_500_000  # cycles without an exit
_ANSWER_STEPS = 400
_KEY = bytes(range(0x10, 0x30))


def switches(off: Collection[str]) -> tuple[Protections, Strap]:
    """What is off, sorted into the kernel's protections and the machine's straps."""
    straps = Strap(0)
    for name in off:
        if name in Strap.__members__:
            straps |= Strap[name]
    return Protections.without(*(name for name in off if name not in Strap.__members__)), straps


@dataclass(frozen=True)
class Start:
    """All that a run's beginning depends on: what is off, and what guest 2 may do."""

    off: frozenset[str]
    rights: frozenset[Right]

    @classmethod
    def of(cls, attack: Attack, off: Collection[str]) -> "Start":
        """The start of a run of ``attack`` with ``off`` switched off."""
        rights = {Right.MESSAGES} | ({Right.GIVE_PAGE} if Needs.PAGE_FROM_GUEST2 in attack.needs else set())
        return cls(frozenset(off), frozenset(rights))


class Started:
    """A machine that has gone so far; it is for one run. ``console`` may be set: it is called when a guest prints."""

    def __init__(self, start: Start, machine: Machine) -> None:
        protections, straps = switches(start.off)
        machine.set_straps(straps)
        self.start = start
        self.machine = machine
        self.console: Callable[[int, bytes], None] = lambda partition, data: None
        self.system = GuestSystem(
            machine,
            replace(KERNEL_CONFIG, protections=protections),
            lambda partition, data: self.console(partition, data),
            KERNEL_CYCLES_PER_EXIT,
            guest_limit=_GUEST_LIMIT,
            record=self._watched,
        )
        (self.guest2,) = self.system.start([trusted(start.rights)])
        self.mail = Correspondent(self.system, self.guest2)
        self.mail.post(b"KEY:" + _KEY)
        self.until_answered()
        self.targets = Targets(self.system, self.guest2)
        self.cycle = machine.cycle  # of the end of the start

    def _watched(self, link: object) -> Watch:
        self.watch = Watch(cast(LinkMachine, link))
        return self.watch

    def step(self) -> bool:
        """One step of the kernel; False when nothing more happens."""
        outcome = self.system.kernel.step()
        self.mail.collect()
        return outcome not in (Step.IDLE, Step.OVER)

    def until_answered(self) -> None:
        """Go on until guest 2 has answered all that it was asked, or nothing more is to be expected."""
        for _ in range(_ANSWER_STEPS):
            if not self.mail.waiting or not self.guest2.alive or not self.step():
                return
