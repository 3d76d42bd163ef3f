"""What the kernel and each guest are told at the start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from contracts.architecture import Cr0, Cr4
from contracts.attestation import Statement
from contracts.clocks import CYCLES_PER_PIT_TICK
from contracts.devices import DeviceNumber
from contracts.memory_map import RamLayout
from contracts.policy import Policy
from contracts.protections import Protections
from contracts.rights import Right
from contracts.sealed_storage import Disk

__all__ = [
    "GUEST_CR0", "GUEST_CR4", "NATIVE_CPUID", "CpuidLeaves", "Entry", "GuestConfig", "KernelConfig", "MultibootEntry", "RealModeEntry",
    "Registers", "Right",
]  # fmt: skip

Registers = tuple[int, int, int, int]  # EAX, EBX, ECX, EDX
CpuidLeaves = Mapping[int, Registers]
NATIVE_CPUID: CpuidLeaves = {  # leaf 0 says RingfenceCPU; leaf 1: a 486 with PSE, TSC, MSR, CX8, PGE
    0: (1, 0x676E_6952, 0x5550_4365, 0x636E_6566),
    1: (0x0480, 0, 0, 0x2138),
}
GUEST_CR0 = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | Cr0.PG
GUEST_CR4 = int(Cr4.TSD | Cr4.PSE | Cr4.PGE)


@dataclass(frozen=True)
class RealModeEntry:
    """As after reset, but at CS:IP with a base of its own."""

    selector: int = 0xF000
    base: int = 0xFFFF_0000
    ip: int = 0xFFF0


@dataclass(frozen=True)
class MultibootEntry:
    """Flat 32-bit protected mode, paging off: EAX = 2BADB002h, EBX = the information structure."""

    eip: int
    info: int = 0


Entry = RealModeEntry | MultibootEntry


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
    launch_log: bytes | None = None  # contracts/event_log.py, of what launched the kernel; None: it was not launched
    phrase: bytes = b""  # the owner's secret, shown on the trusted line where none is sealed
    disk: Disk | None = None  # where sealed storage lies
    quoted: Callable[[int, Statement], None] = lambda number, statement: None  # takes what a guest, by its number, has had quoted
