"""Page tables in a test's memory, at random, and the reference that translates through them."""

import random

from cocotb_tests.rtl.bus_memory import BusMemory
from cocotb_tests.rtl.mmu.reference import PCD, PS, RW, US, A, D, G, P, Page, PageFault, Paging, walk

__all__ = ["FRAMES", "Tables"]

FRAMES = (0x00010, 0x00011, 0x00012, 0x00413, 0x80014)  # page frames that tables map; the last is uncacheable
_PAGES = (0x00400, 0x00401, 0x00402, 0x007FF, 0x00800)  # linear pages under test: neighbours, and the end of a directory entry's reach
_LARGE = 0x00400  # the directory entry that is sometimes a 4 MiB page: frames 400h to 7FFh


class Tables:
    """Two directories (an address space each) that share no table; ``shadow`` is memory as the reference leaves it."""

    directories = (0x1000, 0x5000)
    pages = _PAGES

    def __init__(self, memory: BusMemory, rng: random.Random) -> None:
        self._memory = memory
        self._rng = rng
        self.paging = [Paging(cr3=base, wp=1, pse=1, pge=1) for base in self.directories]
        for space in range(2):
            for page in self.pages:
                self.edit_directory(space, page)
                self.edit_table(space, page)

    def _entry_address(self, space: int, page: int) -> int:
        return self.directories[space] + (1 + (page >> 10)) * 0x1000 + (page & 0x3FF) * 4

    def edit_directory(self, space: int, page: int) -> None:
        """A new directory entry above ``page``."""
        rng = self._rng
        bits = P | RW | US if rng.random() < 0.85 else rng.randrange(8)
        entry = bits | rng.choice((0, A)) | self.directories[space] + (1 + (page >> 10)) * 0x1000
        if page >> 10 == _LARGE >> 10 and rng.random() < 0.2:
            entry = bits | PS | rng.choice((0, A, A | D)) | rng.choice((0, G)) | _LARGE << 12
        self._memory.write(self.directories[space] + (page >> 10) * 4, entry)

    def edit_table(self, space: int, page: int) -> None:
        """A new table entry for ``page``."""
        rng = self._rng
        bits = P | RW | US if rng.random() < 0.75 else rng.randrange(8)
        extra = rng.choice((0, A, A | D)) | rng.choice((0, G)) | rng.choice((0, 0, PCD))
        self._memory.write(self._entry_address(space, page), bits | extra | rng.choice(FRAMES) << 12)

    def translate(self, memory: dict[int, int], space: int, linear: int, *, user: int, store: int, clean: int = 0) -> Page:
        """The reference, acting on ``memory``; raises PageFault."""

        def read(address):
            return sum(memory.get(address + n, 0) << 8 * n for n in range(4))

        def write(address, value):
            memory.update({address + n: value >> 8 * n & 0xFF for n in range(4)})

        return walk(read, write, self.paging[space], linear, user=user, store=store, clean=clean)

    def translate_access(self, memory: dict[int, int], space: int, linear: int, size: int, *, user: int, store: int, clean: int = 0):
        """Physical addresses of the bytes, or (fault, its address); accessed and dirty bits go into ``memory``."""
        first = linear & ~0xFFF
        frames = {}
        for page in sorted({first, linear + size - 1 & ~0xFFF}):
            try:
                frames[page] = self.translate(memory, space, page, user=user, store=store, clean=clean).frame
            except PageFault as fault:
                return fault, linear if page == first else page
        return [frames[linear + n & ~0xFFF] << 12 | linear + n & 0xFFF for n in range(size)], 0
