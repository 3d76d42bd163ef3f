"""Guests above the isolation kernel on the simulated machine: stub and kernel started, each guest loaded from its multiboot file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from contracts.boot import MULTIBOOT_INFO, boot_block, multiboot_info
from contracts.configuration import GuestConfig, KernelConfig, MultibootEntry, Right
from contracts.devices import DeviceNumber
from contracts.event_log import encode
from contracts.host_link import KERNEL_CYCLES_PER_EXIT
from contracts.machine import Machine as KernelMachine
from contracts.memory_map import RamLayout
from contracts.protections import Protections
from firmware.build import stub
from isolation_kernel.kernel import Kernel
from isolation_kernel.partition import Partition
from rtl.arch.identity import DEBUG_EXTENSIONS, FEATURES, SIGNATURE, VENDOR
from sim.launch.hand_over import HandOver
from sim.launch.start import launch
from sim.link import LinkMachine
from sim.machine import Machine
from sim.multiboot import MultibootImage, read_multiboot

__all__ = ["GuestProgram", "GuestSystem", "share_memory"]

_VENDOR = [int.from_bytes(VENDOR.encode()[n : n + 4], "little") for n in (0, 8, 4)]  # EBX, ECX, EDX
NATIVE_CPUID = {0: (1, _VENDOR[0], _VENDOR[1], _VENDOR[2]), 1: (SIGNATURE, 0, 0, FEATURES & ~DEBUG_EXTENSIONS)}
_SHARE = 1 << 20  # guests' memories are multiples of this
_STUB_STARTS = 200_000  # cycles within which the stub must wait at its mailbox


@dataclass(frozen=True)
class GuestProgram:
    """A guest: a multiboot file, its memory in bytes, its command line and what it may do."""

    name: str
    image: MultibootImage
    memory: int
    command_line: str = ""
    one_to_one: bool = False
    devices: frozenset[DeviceNumber] = frozenset()
    rights: frozenset[Right] = frozenset({Right.MESSAGES})
    clock: bool = True

    @classmethod
    def load(cls, path: Path, memory: int, name: str = "", **options: object) -> "GuestProgram":
        """Read the file; ImageError if it cannot run in ``memory`` bytes."""
        return cls(name or path.stem, read_multiboot(path, memory), memory, **options)  # type: ignore[arg-type]

    def configuration(self) -> GuestConfig:
        """What the kernel is told. The multiboot information lies where every loader of ours puts it."""
        segments = [(s.address, s.data.ljust(s.size, b"\0")) for s in self.image.segments]
        segments.append((MULTIBOOT_INFO, multiboot_info(self.memory, self.command_line)))
        return GuestConfig(
            name=self.name, memory=self.memory, segments=tuple(segments), entry=MultibootEntry(self.image.entry, MULTIBOOT_INFO),
            one_to_one=self.one_to_one, devices=self.devices, rights=self.rights, clock=self.clock,
        )  # fmt: skip


def share_memory(count: int, layout: RamLayout) -> int:
    """Bytes for each of ``count`` guests: equal parts of what the kernel leaves."""
    return layout.kernel_base // count // _SHARE * _SHARE


@dataclass
class GuestSystem:
    """The kernel, its machine and the guests. ``console(partition number, bytes)`` is called when a guest prints.

    ``record`` may wrap the link (``isolation_kernel.model.recorder``); ``guest_limit`` ends a run in which a guest has not exited for so
    many cycles (MachineEnded). ``late_launch``: the stub is started by SKINIT and the secure loader, not put into memory; ``launcher`` does
    so, from the reset vector on, and what it has left is ``launched``. LaunchError.
    """

    machine: Machine
    config: KernelConfig = field(default_factory=KernelConfig)
    console: Callable[[int, bytes], None] | None = None
    cycles_per_exit: int = KERNEL_CYCLES_PER_EXIT
    guest_limit: int | None = None
    record: Callable[[KernelMachine], KernelMachine] | None = None
    late_launch: bool = False
    launcher: Callable[[LinkMachine], HandOver] = launch
    launched: HandOver | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        layout = replace(self.config.layout, size=self.machine.config.memory)
        self.config = replace(self.config, layout=layout, native_cpuid=NATIVE_CPUID)
        self.link = LinkMachine(self.machine, self.cycles_per_exit, self.guest_limit)
        if self.late_launch:
            self.launched = self.launcher(self.link)
            self.config = replace(self.config, launch_log=encode(self.launched.events))
        else:
            base = layout.kernel_base
            self.machine.model.load(base, stub())
            self.machine.load_boot_block(boot_block(base, ebx=base))
            self.link.wait(_STUB_STARTS)
        machine: KernelMachine = self.link if self.record is None else self.record(self.link)
        self.kernel = Kernel(machine, self.config, self.console)

    @property
    def protections(self) -> Protections:
        """What the kernel protects by in this run."""
        return self.config.protections

    def start(self, guests: Sequence[GuestProgram]) -> list[Partition]:
        """Load guests in order; the first that is mapped one to one must come before the others."""
        return [self.kernel.load_guest(guest.configuration()) for guest in guests]
