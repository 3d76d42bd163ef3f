"""Who owns each frame of RAM. One list, one owner a frame: the invariant that everything else rests on."""

from collections.abc import Iterable
from enum import IntEnum

from contracts.memory_map import PAGE_SIZE, Physical, RamLayout

__all__ = ["HOLE", "Frames", "KernelError", "Owner"]

HOLE = range(Physical.VGA_HOLE // PAGE_SIZE, Physical.EXTENDED_RAM // PAGE_SIZE)


class KernelError(Exception):
    """The kernel was asked for what it cannot do, or is wrong itself. Never raised by anything that a guest does."""


class Owner(IntEnum):
    """Owners that are no partition; partitions are numbered from 1."""

    SHARED = -4  # a channel's: reached by its two ends
    ABSENT = -3  # no RAM there
    FREE = -2
    KERNEL = -1
    IN_TRANSIT = 0  # given away, cleaned, not yet accepted


class Frames:
    """Ownership of frames; ``pool`` has the kernel's own frames that nobody uses."""

    def __init__(self, layout: RamLayout) -> None:
        kernel = layout.kernel_base // PAGE_SIZE
        owners = (Owner.KERNEL if n >= kernel else Owner.ABSENT if n in HOLE else Owner.FREE for n in range(layout.pages))
        self._owners: list[int] = list(owners)
        self.pool = set(range(layout.pool_base // PAGE_SIZE, layout.pages))

    def __len__(self) -> int:
        return len(self._owners)

    def owner(self, frame: int) -> int:
        """The owner of a page number; ABSENT for what is no RAM."""
        return self._owners[frame] if 0 <= frame < len(self._owners) else Owner.ABSENT

    def owned_by(self, owner: int) -> list[int]:
        """Frames of one owner, in order."""
        return [n for n, o in enumerate(self._owners) if o == owner]

    def change(self, frame: int, old: int, new: int) -> None:
        """Pass a frame on; KernelError unless ``old`` owns it."""
        if self.owner(frame) != old:
            raise KernelError(f"frame {frame:#x} belongs to {self.owner(frame)}, not to {old}")
        self._owners[frame] = int(new)

    def take(self, frames: Iterable[int], owner: int) -> None:
        """Give free frames to an owner: all or none."""
        wanted = list(frames)
        if taken := [frame for frame in wanted if self.owner(frame) != Owner.FREE]:
            raise KernelError(f"frame {taken[0]:#x} is not free")
        for frame in wanted:
            self._owners[frame] = owner

    def take_run(self, count: int, owner: int) -> int:
        """``count`` free frames in a row, as high as possible (a guest that is mapped one to one needs the low ones); returns the first."""
        run = 0
        for frame in reversed(range(len(self._owners))):
            run = run + 1 if self._owners[frame] == Owner.FREE else 0
            if run == count:
                self.take(range(frame, frame + count), owner)
                return frame
        raise KernelError(f"no {count} free frames in a row")

    def allocate(self, count: int = 1) -> int:
        """Kernel frames in a row, from the pool; returns the first."""
        for first in sorted(self.pool):
            run = range(first, first + count)
            if self.pool.issuperset(run):
                self.pool.difference_update(run)
                return first
        raise KernelError("the kernel's memory is used up")

    def release(self, first: int, count: int = 1) -> None:
        """Return kernel frames to the pool."""
        self.pool.update(range(first, first + count))
