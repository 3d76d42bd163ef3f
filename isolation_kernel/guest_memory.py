"""A guest's physical memory: which machine frame, device page or nothing lies behind each of its page numbers."""

from collections.abc import Callable
from enum import Enum

from contracts.architecture import PageFault
from contracts.display import SCREEN_WINDOW
from contracts.memory_map import PAGE_SIZE, Physical, within_pages
from isolation_kernel.fence import Fence
from isolation_kernel.foundation import Foundation
from virtual_pc.paging import Leaf, PagingMode, walk

__all__ = ["NOWHERE", "SCREEN_PAGES", "GuestMemory", "Kind"]

_SPACE, _WORD = 1 << 32, 0xFFFF_FFFF
_STEPS = 4  # of a walk: two entries, each read and marked
_KERNEL_PAGES = frozenset(p // PAGE_SIZE for p in (Physical.GUARD, Physical.HOST_LINK, Physical.TRUSTED_LINE))
NOWHERE = Physical.NOWHERE // PAGE_SIZE  # the page that a guest reaches where it has nothing
SCREEN_PAGES = range(Physical.SCREEN // PAGE_SIZE, (Physical.SCREEN + SCREEN_WINDOW) // PAGE_SIZE)


class Kind(Enum):
    """What a guest-physical page is."""

    RAM = "RAM"
    SHARED = "a page of a channel, or of a screen that is not in front: RAM for instructions, and nothing to the kernel or to a device"
    DEVICE = "a page of a device that the guest owns, or of the display while it is in front"
    ABSENT = "nothing: reads as ones, writes are dropped"


class GuestMemory:
    """The map of one guest. ``offset`` is what its driver adds to a guest-physical page number to get the machine's."""

    def __init__(self, base: Foundation, owner: int, offset: int, pages: dict[int, int]) -> None:
        self._base = base
        self.owner = owner
        self.offset = offset
        self.pages = pages
        self.device_pages: set[int] = set()
        self.shared: dict[int, int] = {}  # frames of channels, by guest page number
        self.screen, self.front = (NOWHERE, NOWHERE), False  # frames that it sees over and over in SCREEN_PAGES, or in front the display
        self.before_write: Callable[[int], None] = lambda frame: None  # the kernel is about to write to this frame

    def frame_of(self, page: int, check: bool = True) -> int | None:
        """The machine frame behind a guest page of RAM, or None. Without ``check`` (control runs only): whatever lies there."""
        frame = self.pages.get(page)
        if frame is not None and self._base.frames.owner(frame) == self.owner:
            return frame
        foreign = (page + self.offset) % (_SPACE // PAGE_SIZE)
        return None if check or foreign >= len(self._base.frames) else foreign

    def target(self, page: int) -> tuple[Kind, int]:
        """What a shadow entry for a guest page may reach. What is absent lies where the machine itself has nothing."""
        frame = self.frame_of(page, self._base.protections.frame_owner_check)
        if frame is not None:
            return Kind.RAM, frame
        if page in SCREEN_PAGES and not self.front and self._base.protections.screen_apart:
            return Kind.SHARED, self.screen[page % len(self.screen)]
        if page in self.shared:
            return Kind.SHARED, self.shared[page]
        if page in self.device_pages or page in SCREEN_PAGES or page in _KERNEL_PAGES and not self._base.protections.kernel_mmio_refused:
            return Kind.DEVICE, page
        return Kind.ABSENT, NOWHERE

    def occupied(self, page: int) -> bool:
        """Whether something is there already."""
        return page in self.pages or page in self.device_pages or page in self.shared or page in SCREEN_PAGES

    def _pieces(self, address: int, length: int, check: bool) -> list[tuple[int, int]] | None:
        """Machine address and length of each piece within a page; None if any byte is not the guest's."""
        if address < 0 or length < 0 or address + length > _SPACE:
            return None
        found: list[tuple[int, int]] = []
        for page, offset, count in within_pages(address, length):
            frame = self.frame_of(page, check)
            if frame is None:
                return None
            found.append((frame * PAGE_SIZE + offset, count))
        return found

    def holds(self, address: int, length: int, check: bool = True) -> bool:
        """Whether all these bytes are RAM of the guest."""
        return self._pieces(address, length, check) is not None

    def read(self, address: int, length: int, check: bool = True) -> bytes | None:
        """Bytes of guest-physical memory, or None if any of them is not RAM of the guest."""
        pieces = self._pieces(address, length, check)
        return None if pieces is None else b"".join(self._base.machine.read_block(at, count) for at, count in pieces)

    def write(self, address: int, data: bytes, check: bool = True) -> bool:
        """Write bytes of guest-physical memory; False, and nothing is written, if any of them is not RAM of the guest."""
        pieces = self._pieces(address, len(data), check)
        for at, count in pieces or ():
            self.before_write(at // PAGE_SIZE)
            self._base.machine.write_block(at, data[:count])
            data = data[count:]
        return pieces is not None

    # guest page tables: words of guest-physical memory, read once and never trusted

    def table_frame(self, address: int) -> int | None:
        """The frame that holds a word of a guest page table."""
        return self.frame_of(address // PAGE_SIZE, self._base.protections.table_owner_check)

    def translate(self, pc: Fence, cr3: int, linear: int, access: PageFault, mode: PagingMode, touch: bool = True) -> Leaf | PageFault:
        """Walk the guest's page tables for ``linear``, as in ``virtual_pc.paging``: entries are read and marked here, and in memory of the
        guest alone; what they mean to it, the room without authority says. Whatever page it comes to, ``target`` decides what lies there.
        A word where the guest has no RAM is as good as an entry that is not present."""
        walking = walk(cr3, linear, access, mode, touch)
        answer = pc.ask(walking.__next__)
        for _ in range(_STEPS):
            if not isinstance(answer, tuple):
                break
            address, word, read = *answer, None
            frame = self.table_frame(address)
            if frame is not None and word is None:
                read = self._base.machine.read32(frame * PAGE_SIZE + address % PAGE_SIZE & ~3)
            elif frame is not None and word is not None:
                self._base.machine.write32(frame * PAGE_SIZE + address % PAGE_SIZE & ~3, word & _WORD)
            answer = pc.ask(walking.send, read)
        return answer if isinstance(answer, Leaf | PageFault) else access & (PageFault.WRITE | PageFault.USER)
