"""The scenario's cast: guest 2 that keeps secrets and answers, and where the attacks aim."""

import hashlib
import hmac
from dataclasses import dataclass, field

from contracts.architecture import Pte
from contracts.configuration import KernelConfig, Right
from contracts.devices import DeviceNumber
from contracts.dma_engine import DMA_ENGINE
from contracts.hypercalls import MAX_MESSAGE
from contracts.memory_map import PAGE_SIZE, Physical
from contracts.policy_map import GUARD
from contracts.vmcb import FIELDS
from firmware.build import guest
from firmware.guests.attacks import Target
from firmware.guests.layout import DEFAULT_KEY, SECRET, Trusted
from isolation_kernel.partition import Partition
from sim.guests import GuestProgram, GuestSystem
from sim.sanctuary.evidence import Answer

__all__ = [
    "ATTACKER",
    "COPIED_BYTES",
    "TRUSTED",
    "GUEST_MEMORY",
    "KERNEL_CONFIG",
    "Correspondent",
    "Targets",
    "engine_registers",
    "expected",
    "guard_registers",
    "trusted",
]

GUEST_MEMORY = 2 << 20
ATTACKER, TRUSTED = "attacker", "trusted"  # images of guest 1 and guest 2
KERNEL_CONFIG = KernelConfig(slice_cycles=20_000, timer_cycles=40_000)  # short slices: guest 2 answers while guest 1 is at it
_UNUSED_ENTRY = 0x3F0  # of a shadow directory
_UNUSED_THUNK = 0x1000 + 8 * 0xFF  # the stub's entry for vector 255
_TAG = 4
_LARGE_PAGE = 4 << 20
COPIED_BYTES = 32  # that attacks bring in as loot


def trusted(rights: frozenset[Right] = frozenset({Right.MESSAGES})) -> GuestProgram:
    """Guest 2: no clock, no devices."""
    return GuestProgram.load(guest(TRUSTED), GUEST_MEMORY, "guest 2", rights=rights, clock=False)


@dataclass
class Targets:
    """Machine addresses of what attacks aim at. A page of ring −1's own holds the secret, and another a page directory that maps the first
    4 MiB one to one."""

    system: GuestSystem
    guest2: Partition
    guest1: Partition | None = None  # once there is one
    kernel_page: int = 0
    kernel_directory: int = 0

    def __post_init__(self) -> None:
        frames, link = self.system.kernel.frames, self.system.link
        self.kernel_page, self.kernel_directory = (frames.allocate() * PAGE_SIZE for _ in range(2))
        link.write_block(self.kernel_page, SECRET)
        link.clear(self.kernel_directory, PAGE_SIZE)
        link.write32(self.kernel_directory, int(Pte.P | Pte.RW | Pte.PS))

    def of_guest2(self, address: int) -> int:
        """Where guest 2's physical address lies."""
        frame = self.guest2.memory.pages[address // PAGE_SIZE]
        return frame * PAGE_SIZE + address % PAGE_SIZE

    def address(self, target: Target) -> int:
        """The target's address, or number for a device."""
        layout, kernel = self.system.config.layout, self.system.kernel
        page = self.of_guest2(Trusted.PAGE)
        guest1, root2 = self.guest1, self.guest2.shadow.current
        return {
            Target.NONE: 0,
            Target.GUEST2: page,
            Target.DIRECTORY: self.of_guest2(Trusted.DIRECTORY),
            Target.TABLE: self.of_guest2(Trusted.TABLE),
            Target.KERNEL: self.kernel_page,
            Target.KERNEL_DIRECTORY: self.kernel_directory,
            Target.SHADOW: root2.directory * PAGE_SIZE + 4 * _UNUSED_ENTRY,
            Target.SHADOW_DIRECTORY: root2.directory * PAGE_SIZE,
            Target.SHADOW_TABLE: root2.tables.get(Trusted.PAGE // _LARGE_PAGE, 0) * PAGE_SIZE,
            Target.OWN_SHADOW: guest1.shadow.current.directory * PAGE_SIZE if guest1 is not None else 0,
            Target.VMCB: self.guest2.vcpu.block + FIELDS["G_PAT"].offset,
            Target.MAP: kernel.policy.maps[0] + page // PAGE_SIZE // 32 * 4,
            Target.MAP_EDGE: kernel.policy.maps[0] + GUEST_MEMORY // PAGE_SIZE // 8 - COPIED_BYTES // 2,
            Target.STUB: layout.kernel_base + _UNUSED_THUNK,
            Target.TOP: layout.size - PAGE_SIZE,
            Target.DEVICE: int(DeviceNumber.DMA1),
        }[target]


def guard_registers(system: GuestSystem) -> tuple[int, ...]:
    """CONTROL and the map registers, over the link."""
    words = [system.link.read32(Physical.GUARD + GUARD["CONTROL"].offset)]
    for n in range(len(system.kernel.policy.maps)):
        words += [system.link.read32(Physical.GUARD + GUARD[name].at(n)) for name in ("MAP_BASE", "MAP_LENGTH")]
    return tuple(words)


def engine_registers(system: GuestSystem) -> tuple[int, ...]:
    """CONTROL, STATUS and DESCRIPTOR of DMA engine 0, over the link."""
    return tuple(system.link.read32(Physical.DMA_ENGINES + DMA_ENGINE[name].offset) for name in ("CONTROL", "STATUS", "DESCRIPTOR"))


@dataclass
class Correspondent:
    """Writes to guest 2 and notes what it answers."""

    system: GuestSystem
    guest2: Partition
    key: bytes = DEFAULT_KEY
    letters: list[Answer] = field(default_factory=list)

    def post(self, message: bytes) -> None:
        """Send a message; a new key takes effect in its own answer."""
        assert len(message) <= MAX_MESSAGE
        if message.startswith(b"KEY:"):
            self.key = message[_TAG:]
        if self.system.kernel.post_message(self.guest2.number, message):
            self.letters.append(Answer(self.key, message, self.system.machine.cycle))

    @property
    def waiting(self) -> bool:
        """Whether an answer is due."""
        return any(letter.answered is None for letter in self.letters)

    def collect(self) -> None:
        """Take what guest 2 has sent."""
        for answer in self.system.kernel.take_answers(self.guest2.number):
            for n, letter in enumerate(self.letters):
                if letter.answered is None:
                    self.letters[n] = Answer(letter.key, letter.message, letter.posted, self.system.machine.cycle, answer)
                    break


def expected(letter: Answer) -> bytes:
    """What Python's own hmac says."""
    return hmac.new(letter.key, letter.message, hashlib.sha256).digest()
