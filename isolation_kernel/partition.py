"""A partition: one guest and all that is its own."""

from collections import deque
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from enum import Enum

from contracts.architecture import Eflags
from contracts.configuration import GuestConfig
from contracts.devices import DeviceNumber
from contracts.display import SCREEN_BYTES
from contracts.hypercalls import Hypercall
from contracts.identity import identity
from contracts.memory_map import PAGE_SIZE
from contracts.msr import IOPM_SIZE
from isolation_kernel.channels import Channel
from isolation_kernel.fence import Fence
from isolation_kernel.foundation import Foundation
from isolation_kernel.guest_memory import GuestMemory
from isolation_kernel.permission_maps import PermissionMap
from isolation_kernel.shadow import Shadow
from isolation_kernel.vcpu import Vcpu
from virtual_pc.paging import PagingMode
from virtual_pc.ports import VirtualPc

__all__ = ["MAX_OFFERED", "OWN_PAGES", "Partition", "State"]

MAX_OFFERED = 16  # pages given to a guest that it has not accepted
OWN_PAGES = 4  # in a row: the vCPU block, and the frames of its screen
_MAX_CONSOLE = 1 << 16  # bytes kept; older ones go


class State(Enum):
    """What a partition is doing."""

    RUNNABLE = "runnable"
    HALTED = "waits for an interrupt"
    WAITING = "waits for another guest, or the host"
    ENDED = "ended"


@dataclass
class Partition:
    """``cr0``, ``cr3``, ``cr4`` are what the guest believes; the VMCB holds what the processor runs with."""

    base: Foundation
    number: int
    config: GuestConfig
    pages: InitVar[dict[int, int]]  # frames of its memory that it starts with, by guest page number
    offset: InitVar[int]
    listener: Callable[[int, bytes], None] | None = None  # hears what the guest prints
    devices: set[DeviceNumber] = field(default_factory=set)
    state: State = State.RUNNABLE
    cr0: int = 0
    cr3: int = 0
    cr4: int = 0
    inbox: deque[bytes] = field(default_factory=deque)
    answers: deque[bytes] = field(default_factory=deque)
    offered: list[int] = field(default_factory=list)  # frames in transit to this guest
    channels: dict[int, Channel] = field(default_factory=dict)  # by the number of the other end
    waits: tuple[Hypercall, int] | None = None  # WAITING: for which call, and for whom
    news: dict[int, None] = field(default_factory=dict)  # guests and the host, of which WAIT has not told yet, in order
    console: bytearray = field(default_factory=bytearray)
    exit_status: int | None = None
    end_reason: str = ""
    cycles: int = 0  # of the processor, the kernel's work for it included
    exits: int = 0

    def __post_init__(self, pages: dict[int, int], offset: int) -> None:
        self.identity = identity(self.config)
        machine, on = self.base.machine, self.base.protections
        self.memory = GuestMemory(self.base, self.number, offset, pages)
        block = self.base.frames.allocate(OWN_PAGES)
        self.vcpu, self.memory.screen = Vcpu(machine, block * PAGE_SIZE), (block + OWN_PAGES - 2, block + OWN_PAGES - 1)
        self.clean_screen()
        self.pc = Fence(VirtualPc(self.base.config.cycles_per_pit_tick))
        self.shadow = Shadow(self.base, self.memory, self.pc)
        self.io_map = PermissionMap(self.base, IOPM_SIZE, on.io_permission)

    @property
    def alive(self) -> bool:
        """Whether it may ever run again."""
        return self.state is not State.ENDED

    @property
    def mode(self) -> PagingMode:
        """The guest's paging, by its own CR0 and CR4."""
        return PagingMode.of(self.cr0, self.cr4)

    def clean_screen(self) -> None:
        """Nothing that it showed is left in its frames."""
        if self.base.protections.screen_clean:
            self.base.machine.clear(self.memory.screen[0] * PAGE_SIZE, SCREEN_BYTES)

    def say(self, data: bytes) -> None:
        """The guest prints."""
        self.console += data
        del self.console[:-_MAX_CONSOLE]
        if self.listener is not None and data:
            self.listener(self.number, data)

    def interruptible(self) -> bool:
        """Whether a halted guest would take an interrupt."""
        return bool(self.vcpu.get("RFLAGS") & Eflags.IF)
