"""What a run is before its attack: both guests above the kernel, with some protections off; guest 2 has its key, guest 1 waits for orders.

Runs that agree in their ``Start`` are the same up to here, cycle by cycle; what they differ in is told to guest 1 only.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import cast

from chipset.boards.straps import Strap
from contracts.configuration import Right
from contracts.devices import DeviceNumber
from contracts.host_link import KERNEL_CYCLES_PER_EXIT
from contracts.memory_map import PAGE_SIZE
from contracts.protections import Protections
from contracts.report import Step
from firmware.build import guest
from firmware.guests.attack import Attack, Needs
from isolation_kernel.partition import Partition, State
from sim.guests import GuestProgram, GuestSystem
from sim.kernel_time import KernelTime
from sim.link import LinkMachine
from sim.machine import Machine
from sim.sanctuary.evidence import GuestSeen
from sim.sanctuary.watch import Watch
from sim.sanctuary.world import ATTACKER, GUEST_MEMORY, KERNEL_CONFIG, TRUSTED, Correspondent, Targets, trusted

__all__ = ["Start", "Started", "switches"]

_GUEST_LIMIT = 1_500_000  # cycles without an exit
_ANSWER_STEPS = 400
_READY_STEPS = 400
_KEY = bytes(range(0x10, 0x30))
_RIGHTS = {Needs.GIVE_PAGE: Right.GIVE_PAGE, Needs.GIVE_DEVICE: Right.GIVE_DEVICE}  # of guest 1

_DEVICES = {Needs.DMA: DeviceNumber.DMA0, Needs.SECOND_DMA: DeviceNumber.DMA1}  # of guest 1


def switches(off: Collection[str]) -> tuple[Protections, Strap]:
    """What is off, sorted into the kernel's protections and the machine's straps."""
    straps = Strap(0)
    for name in off:
        if name in Strap.__members__:
            straps |= Strap[name]
    return Protections.without(*(name for name in off if name not in Strap.__members__)), straps


@dataclass(frozen=True)
class Start:
    """All that a run's beginning depends on: what is off, what the guests may do, and what guest 1 owns."""

    off: frozenset[str]
    rights1: frozenset[Right]
    rights2: frozenset[Right]
    devices: frozenset[DeviceNumber]

    @classmethod
    def of(cls, attack: Attack, off: Collection[str]) -> "Start":
        """The start of a run of ``attack`` with ``off`` switched off."""
        rights1 = {_RIGHTS[need] for need in attack.needs if need in _RIGHTS}
        rights2 = {Right.GIVE_PAGE} if Needs.PAGE_FROM_GUEST2 in attack.needs else set()
        devices = {device for need, device in _DEVICES.items() if need in attack.needs}
        return cls(frozenset(off), frozenset({Right.MESSAGES, *rights1}), frozenset({Right.MESSAGES, *rights2}), frozenset(devices))


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
        (self.guest2,) = self.system.start([trusted(start.rights2)])
        self.mail = Correspondent(self.system, self.guest2)
        self.mail.post(b"KEY:" + _KEY)
        self.until_answered()
        self.targets = Targets(self.system, self.guest2)
        (self.guest1,) = self.system.start([self._attacker()])
        self.targets.guest1 = self.guest1
        self._until_ready()
        self.time = KernelTime.of(self.system.link)  # that the start has taken

    def _watched(self, link: object) -> Watch:
        self.watch = Watch(cast(LinkMachine, link))
        return self.watch

    def _attacker(self) -> GuestProgram:
        program = GuestProgram.load(
            guest(ATTACKER), GUEST_MEMORY, "guest 1", one_to_one=True, devices=self.start.devices, rights=self.start.rights1
        )
        return replace(program, command_line="orders=1")

    def guests(self) -> tuple[GuestSeen, ...]:
        """Who runs here."""
        return tuple(_seen(p, image) for p, image in ((self.guest1, ATTACKER), (self.guest2, TRUSTED)))

    def _until_ready(self) -> None:
        for _ in range(_READY_STEPS):
            if self.guest1.state is State.WAITING:
                return
            self.step()
        raise RuntimeError("guest 1 does not ask for its orders")

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


def _seen(partition: Partition, image: str) -> GuestSeen:
    config = partition.config
    devices = tuple(device.name for device in sorted(config.devices))
    return GuestSeen(config.name, image, config.memory, partition.memory.offset * PAGE_SIZE, devices)
