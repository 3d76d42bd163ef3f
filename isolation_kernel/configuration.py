"""What the kernel and each guest are told at the start."""

from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.clocks import CYCLES_PER_PIT_TICK
from contracts.devices import DeviceNumber
from contracts.memory_map import RamLayout
from contracts.protections import Protections
from contracts.rights import Right
from isolation_kernel.policy import Policy
from virtual_pc.cpuid import NATIVE_CPUID, CpuidLeaves
from virtual_pc.first_state import Entry, MultibootEntry, RealModeEntry

__all__ = ["CpuidLeaves", "Entry", "GuestConfig", "KernelConfig", "MultibootEntry", "RealModeEntry", "Right"]


@dataclass(frozen=True)
class GuestConfig:
    """One guest: ``segments`` are guest-physical addresses and bytes; ``memory`` is a multiple of 4096."""

    name: str
    memory: int
    segments: tuple[tuple[int, bytes], ...]
    entry: Entry
    one_to_one: bool = False
    devices: frozenset[DeviceNumber] = frozenset()
    rights: frozenset[Right] = frozenset({Right.MESSAGES})
    clock: bool = True  # RDTSC reads the time; otherwise it counts its own calls
    restart_on_reset: bool = False
    manifest: bytes = b""  # what its maker says of it: a part of its name, and nothing else to the kernel


@dataclass(frozen=True)
class KernelConfig:
    """Sizes and times; a cycle is one of the time stamp counter."""

    layout: RamLayout = field(default_factory=RamLayout)
    asids: int = 16
    roots_per_guest: int = 4
    tables_per_guest: int = 128  # shadow tables and directories
    slice_cycles: int = 200_000
    timer_cycles: int = 50_000  # between two physical timer interrupts
    cycles_per_pit_tick: int = CYCLES_PER_PIT_TICK
    native_cpuid: CpuidLeaves = field(default_factory=lambda: NATIVE_CPUID)
    protections: Protections = field(default_factory=Protections)
    policy: Policy = field(default_factory=Policy)
    log: Callable[[str], None] = lambda record: None  # takes the records of the audit log
