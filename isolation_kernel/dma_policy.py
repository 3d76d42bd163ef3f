"""The DMA policy: one map a requester, each admitting the frames of that requester's owner and nothing else.

The maps are kept whole in both formats. While one guest owns every requester they are equal, so the uniform format (which reads map 0)
and the per-requester format say the same, and the change between them opens no gap; it is made before any map differs.
"""

from collections.abc import Iterable

from contracts.memory_map import PAGE_SIZE, Physical
from contracts.policy_map import GUARD, Format, bit_number, map_bytes
from isolation_kernel.frames import Frames, KernelError
from isolation_kernel.machine import Machine

__all__ = ["DmaPolicy"]


class DmaPolicy:
    """The guard's maps and registers."""

    def __init__(self, machine: Machine, frames: Frames, requesters: int, refuse: bool = True) -> None:
        self._machine = machine
        self._length = map_bytes(Format.PER_REQUESTER, len(frames))
        self._refuse = refuse
        if self._length > PAGE_SIZE:
            raise KernelError("a DMA map does not fit in one page")
        self._maps = [frames.allocate() * PAGE_SIZE for _ in range(requesters)]
        self._bits = [bytearray((b"\0" if refuse else b"\xff") * self._length) for _ in range(requesters)]
        self.owners: list[int | None] = [None] * requesters
        self.format = Format.UNIFORM
        for index, at in enumerate(self._maps):
            machine.write_block(at, bytes(self._bits[index]))
            machine.write32(self._register("MAP_BASE", index), at)
            machine.write32(self._register("MAP_LENGTH", index), self._length)
        self.commit()

    @staticmethod
    def _register(name: str, index: int = 0) -> int:
        return Physical.GUARD + GUARD[name].at(index)

    @property
    def requesters(self) -> int:
        """Number of DMA requesters."""
        return len(self._maps)

    def map_address(self, requester: int) -> int:
        """Where the map of a requester lies."""
        return self._maps[requester]

    def commit(self) -> None:
        """Write CONTROL: when the write is done, no access admitted under an older map is in flight."""
        control = GUARD["CONTROL"]
        self._machine.write32(self._register("CONTROL"), control.field("ENABLE").put(1) | control.field("FORMAT").put(self.format))

    def admit(self, requester: int, frames: Iterable[int], allowed: bool) -> None:
        """Change the bits of frames in one requester's map. Closing is done only after ``commit``."""
        words: set[int] = set()
        bits = self._bits[requester]
        for frame in frames:
            bit = bit_number(Format.PER_REQUESTER, frame, write=False)
            if allowed:
                bits[bit >> 3] |= 1 << (bit & 7)
            elif self._refuse:
                bits[bit >> 3] &= ~(1 << (bit & 7))
            words.add(bit >> 5)
        for word in sorted(words):
            self._machine.write32(self._maps[requester] + 4 * word, int.from_bytes(bits[4 * word : 4 * word + 4], "little"))

    def assign(self, requester: int, owner: int | None, frames: Iterable[int]) -> None:
        """Give a requester, at rest, to an owner with these frames (none: it reaches nothing). Committed on return."""
        if self.format is Format.UNIFORM and self.owners[requester] != owner:
            self.format = Format.PER_REQUESTER
            self.commit()
        self.owners[requester] = owner
        old = [frame for frame in range(len(self._bits[requester]) * 8) if self._refuse and self.admitted(requester, frame)]
        self.admit(requester, old, allowed=False)
        self.commit()
        self.admit(requester, frames, allowed=True)
        if len(set(self.owners)) == 1 and self.format is not Format.UNIFORM and len(set(map(bytes, self._bits))) == 1:
            self.format = Format.UNIFORM
        self.commit()

    def admitted(self, requester: int, frame: int) -> bool:
        """Whether the map, as the kernel wrote it, admits a frame."""
        bit = bit_number(Format.PER_REQUESTER, frame, write=False)
        return bool(self._bits[requester][bit >> 3] >> (bit & 7) & 1)

    def of_owner(self, owner: int) -> list[int]:
        """Requesters of one owner."""
        return [index for index, o in enumerate(self.owners) if o == owner]
