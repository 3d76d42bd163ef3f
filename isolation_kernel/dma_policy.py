"""The DMA policy: one map a requester, each admitting the frames of that requester's owner and nothing else.

The maps are kept whole in both formats. While one guest owns every requester they are equal, so the uniform format (which reads map 0)
and the per-requester format say the same, and the change between them opens no gap; it is made before any map differs.
"""

from collections.abc import Iterable, Iterator

from contracts.memory_map import PAGE_SIZE, Physical
from contracts.policy_map import GUARD, Format, bit_number, map_bytes
from contracts.report import Refusal
from isolation_kernel.foundation import Foundation
from isolation_kernel.frames import KernelError

__all__ = ["DmaPolicy"]

_WORD = 32  # bits
_POLLS = 1000  # within which a device comes to rest, or never
_LOOKS = 4  # at the log in a row


class DmaPolicy:
    """The guard's maps and registers. By requester: ``maps`` (addresses), ``admitted`` (page numbers), ``owners``."""

    def __init__(self, base: Foundation, requesters: int) -> None:
        self._machine = base.machine
        self._refuse = base.protections.dma_policy
        length = map_bytes(Format.PER_REQUESTER, len(base.frames))
        if length > PAGE_SIZE:
            raise KernelError("a DMA map does not fit in one page")
        self.maps = [base.frames.allocate() * PAGE_SIZE for _ in range(requesters)]
        self.admitted: list[set[int]] = [set() if self._refuse else set(range(len(base.frames))) for _ in range(requesters)]
        self.owners: list[int | None] = [None] * requesters
        self.format = Format.UNIFORM
        self._held = 0
        for index, at in enumerate(self.maps):
            self._machine.write_block(at, (b"\0" if self._refuse else b"\xff") * length)
            self._write("MAP_BASE", at, index)
            self._write("MAP_LENGTH", length, index)
        self.commit()

    def _write(self, name: str, value: int, index: int = 0) -> None:
        self._machine.write32(Physical.GUARD + GUARD[name].at(index), value)

    def _read(self, name: str) -> int:
        return self._machine.read32(Physical.GUARD + GUARD[name].offset)

    def commit(self) -> None:
        """Write CONTROL: when the write is done, no access admitted under an older map is in flight."""
        control = GUARD["CONTROL"]
        self._write("CONTROL", control.field("ENABLE").put(1) | control.field("FORMAT").put(self.format))

    def change(self, owner: int, frame: int, admitted: bool) -> None:
        """A frame comes to an owner, or goes: committed on return for all its requesters."""
        for requester in self.of_owner(owner):
            self._admit(requester, [frame], admitted)
        self.commit()

    def _admit(self, requester: int, frames: Iterable[int], allowed: bool) -> None:
        """Change the bits of frames in one requester's map. Closing is done only after ``commit``."""
        changed, admitted = set(frames), self.admitted[requester]
        if allowed:
            admitted |= changed
        elif self._refuse:
            admitted -= changed
        for word in sorted({bit_number(Format.PER_REQUESTER, frame, write=False) // _WORD for frame in changed}):
            bits = sum(1 << n for n in range(_WORD) if _WORD * word + n in admitted)
            self._machine.write32(self.maps[requester] + 4 * word, bits)

    def assign(self, requester: int, owner: int | None, frames: Iterable[int]) -> None:
        """Give a requester, at rest, to an owner with these frames (none: it reaches nothing). Committed on return."""
        if self.format is Format.UNIFORM and self.owners[requester] != owner:
            self.format = Format.PER_REQUESTER
            self.commit()
        self.owners[requester] = owner
        self._admit(requester, list(self.admitted[requester]) if self._refuse else [], allowed=False)
        self.commit()
        self._admit(requester, frames, allowed=True)
        if all((o, a) == (owner, self.admitted[requester]) for o, a in zip(self.owners, self.admitted, strict=True)):
            self.format = Format.UNIFORM
        self.commit()

    def hold(self, requester: int, held: bool) -> None:
        """Whether a requester's device shall start nothing and, as soon as it is at rest, forget everything."""
        self._held = self._held & ~(1 << requester) | held << requester
        self._write("DEVICE_RESET", self._held)

    def rests(self, requester: int) -> bool:
        """Whether a device that is held has come to rest; False if that takes too long."""
        return any(self._read("DEVICE_IDLE") >> requester & 1 for _ in range(_POLLS))

    def of_owner(self, owner: int) -> list[int]:
        """Requesters of one owner."""
        return [index for index, o in enumerate(self.owners) if o == owner]

    def refusals(self) -> Iterator[Refusal]:
        """What the guard has logged since the last call. Its line falls only once STATUS has been seen clear: what is refused as the log is
        cleared is logged next, without another edge. Who keeps refusals coming is looked at again with the kernel's next timer tick."""
        for _ in range(_LOOKS):
            status = self._read("STATUS")
            if not GUARD["STATUS"].field("DENIED").get(status):
                return
            address, info = self._read("LOG_ADDRESS"), self._read("LOG_INFO")
            self._write("STATUS", status)
            yield Refusal.decode(address, info)
