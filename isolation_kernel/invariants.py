"""What always holds while the kernel waits for the next exit. Each has a name, is written once, and reads what the machine really has."""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from contracts.architecture import Pte
from contracts.devices import DEVICES
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.msr import IOPM_SIZE, MSRPM_SIZE
from contracts.pci import BASE_ADDRESSES, Command, ConfigOffset, Function
from contracts.policy_map import GUARD
from isolation_kernel.frames import Owner
from isolation_kernel.guest_memory import NOWHERE, SCREEN_PAGES, Kind
from isolation_kernel.kernel import Kernel
from isolation_kernel.partition import Partition

__all__ = ["INVARIANTS", "Violation", "check", "in_use"]

_ENTRIES = 1024
_REMEMBERED = 256  # tables and maps whose contents were looked at: from exit to exit most of them stay what they are
_INVERTED = bytes(range(255, -1, -1))
_LEFT_TO_THE_PROCESSOR = int(Pte.A | Pte.D)
_P = int(Pte.P)  # a number: much is done with it


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, and where."""

    invariant: str
    detail: str


def _words(kernel: Kernel, frame: int) -> Mapping[int, int]:
    """The words of a frame that are not 0."""
    return _words_of(kernel.machine.read_block(frame * PAGE_SIZE, PAGE_SIZE))


@lru_cache(_REMEMBERED)
def _words_of(page: bytes) -> Mapping[int, int]:
    return {n: word for n, word in enumerate(struct.unpack(f"<{_ENTRIES}I", page)) if word}


@lru_cache(_REMEMBERED)
def _ones(data: bytes) -> tuple[int, ...]:
    """Numbers of the bits that are set."""
    return tuple(8 * byte + n for byte, value in enumerate(data) if value for n in range(8) if value >> n & 1)


def _config(kernel: Kernel, function: Function, offset: int) -> int:
    """A dword of configuration space, as the hardware has it."""
    kernel.machine.io_write32(Port.PCI_ADDRESS, function.select(offset))
    return sum(kernel.machine.io_read(Port.PCI_DATA + lane) << 8 * lane for lane in range(4))


def _alive(kernel: Kernel) -> list[Partition]:
    return [p for p in kernel.partitions.values() if p.alive]


def _shadow_entries(kernel: Kernel, partition: Partition) -> Iterator[tuple[int, int]]:
    """Linear page number and word of each present entry in the tables that the processor walks."""
    for root in partition.shadow.roots:
        for index, directory in _words(kernel, root.directory).items():
            if directory & _P:
                for slot, word in _words(kernel, directory // PAGE_SIZE).items():
                    if word & _P:
                        yield index * _ENTRIES + slot, word


def in_use(kernel: Kernel, frame: int) -> bool:
    """Whether a kernel frame is allocated (and not the stub's)."""
    return kernel.frames.owner(frame) == Owner.KERNEL and frame not in kernel.frames.pool


def one_owner(kernel: Kernel) -> Iterator[str]:
    """No frame lies in the memory of two guests, and each frame in a guest's map is that guest's."""
    seen: dict[int, int] = {}
    for partition in _alive(kernel):
        for frame in set(partition.memory.pages.values()):
            if frame in seen:
                yield f"frame {frame:#x} lies in partitions {seen[frame]} and {partition.number}"
            seen[frame] = partition.number
            if kernel.frames.owner(frame) != partition.number:
                yield f"frame {frame:#x} in partition {partition.number} belongs to {kernel.frames.owner(frame)}"


def shared_within_channel(kernel: Kernel) -> Iterator[str]:
    """The page of an open channel between two living guests is the channel's, lies in one channel, and in the memory of its ends alone."""
    pages: dict[int, set[int]] = {}
    for partition in _alive(kernel):
        for number, channel in partition.channels.items():
            if set(channel.queues) != {partition.number, number} or partition not in (channel.one, channel.other):
                yield f"partition {partition.number} has a channel of others to {number}"
            if channel.open and not (channel.one.alive and channel.other.alive):
                yield f"partition {partition.number} has an open channel to {number}, which has ended"
            if channel.page is not None and channel.open:
                ends = pages.setdefault(channel.page.frame, set(channel.queues))
                if ends != set(channel.queues):
                    yield f"frame {channel.page.frame:#x} lies in two channels"
    if sorted(pages) != kernel.frames.owned_by(Owner.SHARED):
        yield f"frames {kernel.frames.owned_by(Owner.SHARED)} are shared, and channels have {sorted(pages)}"
    for partition in _alive(kernel):
        for frame in partition.memory.shared.values():
            if partition.number not in pages.get(frame, ()):
                yield f"partition {partition.number} has frame {frame:#x} of a channel that it has not"


def shadow_reaches_own(kernel: Kernel) -> Iterator[str]:
    """Every shadow entry reaches a frame that its guest owns or shares, a page of a device that it owns, its screen (in front:
    the display), or nothing."""
    for partition in _alive(kernel):
        screen = SCREEN_PAGES if partition is kernel.view.front and partition.memory.front else partition.memory.screen
        pages = {DEVICES[d].page for d in partition.devices} | {NOWHERE, *partition.memory.shared.values(), *screen}
        for page, word in _shadow_entries(kernel, partition):
            target = word // PAGE_SIZE
            if kernel.frames.owner(target) != partition.number and target not in pages:
                yield f"partition {partition.number}: linear page {page:#x} reaches page {target:#x} of {kernel.frames.owner(target)}"


def shadow_is_recorded(kernel: Kernel) -> Iterator[str]:
    """The tables in memory hold the entries that the kernel knows of, and no others."""
    for partition in _alive(kernel):
        for root in partition.shadow.roots:
            directories = _words(kernel, root.directory)
            known = {page: entry.word & ~_LEFT_TO_THE_PROCESSOR for page, entry in root.entries.items()}
            found: dict[int, int] = {}
            for index in directories.keys() | root.tables.keys():
                directory = directories.get(index, 0)
                if (directory // PAGE_SIZE if directory & _P else None) != root.tables.get(index):
                    yield f"partition {partition.number}: directory entry {index} is {directory:#x}"
                elif directory & _P:
                    words = _words(kernel, directory // PAGE_SIZE)
                    found |= {index * _ENTRIES + slot: word & ~_LEFT_TO_THE_PROCESSOR for slot, word in words.items()}
            for page in {p for p in known.keys() | found.keys() if known.get(p) != found.get(p)}:
                yield f"partition {partition.number}: linear page {page:#x} is {found.get(page, 0):#x}, not {known.get(page, 0):#x}"


def tables_are_watched(kernel: Kernel) -> Iterator[str]:
    """A guest page table that some entry was computed from is mapped writable nowhere, unless it is due to be read again."""
    for partition in _alive(kernel):
        writable = {e.frame for r in partition.shadow.roots for e in r.entries.values() if e.word & Pte.RW and e.kind is Kind.RAM}
        for root in partition.shadow.roots:
            for table in root.uses.keys() & writable - root.loose:
                yield f"partition {partition.number}: page table {table:#x} is writable and trusted"


def trusted_tables_are_the_guests(kernel: Kernel) -> Iterator[str]:
    """A shadow entry was computed from what the guest's tables hold now, unless they are due to be read again: A and D may have been set
    since. (What DMA may write is read again at every load.)"""
    words: dict[int, bytes] = {}
    for partition in (p for p in _alive(kernel) if not p.shadow.dma):
        for root in partition.shadow.roots:
            for page, entry in root.entries.items():
                for where, value in entry.leaf.sources:
                    frame = partition.memory.table_frame(where)
                    if frame is None or frame in root.loose:
                        continue
                    if frame not in words:
                        words[frame] = kernel.machine.read_block(frame * PAGE_SIZE, PAGE_SIZE)
                    now = int.from_bytes(words[frame][where % PAGE_SIZE :][:4], "little")
                    if (now ^ value) & ~(now & _LEFT_TO_THE_PROCESSOR):
                        yield f"partition {partition.number}: linear page {page:#x} comes from {value:#x} at {where:#x}, now {now:#x}"


def kernel_owns_its_own(kernel: Kernel) -> Iterator[str]:
    """Shadow tables, VMCBs, permission maps and DMA maps lie in frames of the kernel that are in use, and none serves twice."""
    used: list[tuple[str, int]] = [("MSR map", kernel.msr_map // PAGE_SIZE + n) for n in range(MSRPM_SIZE // PAGE_SIZE)]
    used += [(f"DMA map {n}", kernel.policy.maps[n] // PAGE_SIZE) for n in range(len(kernel.policy.maps))]
    for partition in _alive(kernel):
        name = f"of partition {partition.number}"
        used += [(f"vCPU block {name}", partition.vcpu.block // PAGE_SIZE + n) for n in range(2)]
        used += [(f"screen {name}", frame) for frame in partition.memory.screen]
        used += [(f"I/O map {name}", partition.io_map.address // PAGE_SIZE + n) for n in range(IOPM_SIZE // PAGE_SIZE)]
        used += [(f"shadow {name}", f) for root in partition.shadow.roots for f in (root.directory, *root.tables.values())]
    for what, frame in used:
        if not in_use(kernel, frame):
            yield f"{what} lies in frame {frame:#x}, which is not the kernel's"
    frames = [frame for _, frame in used]
    for frame in {f for f in frames if frames.count(f) > 1}:
        yield f"frame {frame:#x} serves twice"


def dma_within_owner(kernel: Kernel) -> Iterator[str]:
    """The DMA maps in memory admit only frames of the requester's owner; the guard is on and reads those maps."""
    control = kernel.machine.read32(Physical.GUARD + GUARD["CONTROL"].offset)
    if not GUARD["CONTROL"].field("ENABLE").get(control):
        yield "the guard is off"
    uniform = not GUARD["CONTROL"].field("FORMAT").get(control)
    if uniform and len(set(kernel.policy.owners)) > 1:
        yield "one map for requesters of two owners"
    for requester, owner in enumerate(kernel.policy.owners):
        base = kernel.machine.read32(Physical.GUARD + GUARD["MAP_BASE"].at(requester))
        length = kernel.machine.read32(Physical.GUARD + GUARD["MAP_LENGTH"].at(requester))
        bits = kernel.machine.read_block(base, length)
        for frame in _ones(bits):
            if owner is None or kernel.frames.owner(frame) != owner:
                yield f"requester {requester} of {owner} may reach frame {frame:#x} of {kernel.frames.owner(frame)}"


def ports_within_owner(kernel: Kernel) -> Iterator[str]:
    """The I/O maps in memory grant only ports of owned devices, and the MSR map nothing."""
    for partition in _alive(kernel):
        own = {port for d in partition.devices for port in DEVICES[d].ports}
        bits = kernel.machine.read_block(partition.vcpu.get("IOPM_BASE_PA"), IOPM_SIZE)
        for port in _ones(bits.translate(_INVERTED)):
            if port not in own:
                yield f"partition {partition.number} may reach port {port:#x}"
        if kernel.machine.read_block(partition.vcpu.get("MSRPM_BASE_PA"), MSRPM_SIZE) != b"\xff" * MSRPM_SIZE:
            yield f"partition {partition.number} may reach an MSR"


def asids_apart(kernel: Kernel) -> Iterator[str]:
    """No ASID serves two shadow roots, and each VMCB holds its guest's current root and that root's ASID."""
    seen: dict[int, int] = {0: 0}
    for partition in _alive(kernel):
        for root in partition.shadow.roots:
            if root.asid in seen:
                yield f"ASID {root.asid} serves partitions {seen[root.asid]} and {partition.number}"
            seen[root.asid] = partition.number
        current, vcpu = partition.shadow.current, partition.vcpu
        if (vcpu.get("ASID"), vcpu.get("CR3") // PAGE_SIZE) != (current.asid, current.directory):
            yield f"partition {partition.number} runs with ASID {vcpu.get('ASID')} and CR3 {vcpu.get('CR3'):#x}"


def devices_have_one_owner(kernel: Kernel) -> Iterator[str]:
    """Devices, their pages and their DMA agree on who owns them."""
    for number, device in DEVICES.items():
        owner = kernel.mover.device_owners[number]
        holders = [p for p in _alive(kernel) if number in p.devices or device.page in p.memory.device_pages]
        if holders != ([] if owner is None else [owner]):
            yield f"{number.name} is held by {[p.number for p in holders]}"
        if device.requester is not None and kernel.policy.owners[device.requester] != (None if owner is None else owner.number):
            yield f"DMA of {number.name} is {kernel.policy.owners[device.requester]}'s"


def unowned_devices_rest(kernel: Kernel) -> Iterator[str]:
    """The guard holds the devices that nobody owns, unless that protection is off; their PCI functions do not master the bus."""
    held = kernel.machine.read32(Physical.GUARD + GUARD["DEVICE_RESET"].offset)
    for number, device in DEVICES.items():
        free = kernel.mover.device_owners[number] is None
        if free and kernel.config.protections.device_reset and device.requester is not None and not held >> device.requester & 1:
            yield f"{number.name} is nobody's and not held"
        if free and device.function is not None and _config(kernel, device.function, ConfigOffset.COMMAND) & Command.BUS_MASTER:
            yield f"{number.name} is nobody's and may master the bus"


def functions_stay_placed(kernel: Kernel) -> Iterator[str]:
    """The ports of PCI functions that are in use lie where the kernel has put them."""
    for number, device in DEVICES.items():
        for offset in BASE_ADDRESSES:
            if device.function is not None and offset in device.settings and kernel.mover.device_owners[number] is not None:
                found = _config(kernel, device.function, offset) & device.function.words[offset].writable
                if found != device.settings[offset]:
                    yield f"{number.name} has its ports at {found:#x}"


def free_is_clean(kernel: Kernel) -> Iterator[str]:
    """A page that was given away and not yet accepted holds nothing of its old owner."""
    for frame in kernel.frames.owned_by(Owner.IN_TRANSIT):
        if _words(kernel, frame):
            yield f"frame {frame:#x} in transit is not clean"


def one_in_front(kernel: Kernel) -> Iterator[str]:
    """A living guest is in front if any lives, it alone is the display's, and the trusted line says which it is."""
    front, alive = kernel.view.front, _alive(kernel)
    if front not in alive if alive else front is not None and not kernel.over:  # then all stands, until the machine's reset
        yield "who is in front has ended, or nobody is"
    for partition in alive:
        if partition.memory.front and partition is not front:
            yield f"partition {partition.number} has the display and is not in front"


INVARIANTS: tuple[Callable[[Kernel], Iterator[str]], ...] = (
    one_owner, shared_within_channel, shadow_reaches_own, shadow_is_recorded, tables_are_watched, trusted_tables_are_the_guests,
    kernel_owns_its_own, one_in_front,
    dma_within_owner, ports_within_owner, asids_apart, devices_have_one_owner, unowned_devices_rest, functions_stay_placed, free_is_clean,
)  # fmt: skip


def check(kernel: Kernel) -> list[Violation]:
    """All invariants; an empty list if they hold."""
    return [Violation(rule.__name__, detail) for rule in INVARIANTS for detail in rule(kernel)]
