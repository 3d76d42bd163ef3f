"""Who owns each page of memory and what DMA may touch: gathered from a running system, small enough to be kept with the evidence."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from contracts.memory_map import PAGE_SIZE
from contracts.policy_map import Format, map_bytes
from isolation_kernel.frames import Owner
from isolation_kernel.invariants import in_use
from isolation_kernel.kernel import Kernel

__all__ = ["Mark", "MemoryPicture", "Run", "picture_of", "runs_of"]

_SPECIAL: dict[int, str] = {
    Owner.ABSENT: "no RAM",
    Owner.FREE: "free",
    Owner.IN_TRANSIT: "in transit",
    Owner.SHARED: "shared by two guests",
}


@dataclass(frozen=True)
class Run:
    """Pages in a row that have something in common."""

    first: int
    count: int
    what: str


@dataclass(frozen=True)
class Mark:
    """A refused access. ``by`` is the guard or the kernel."""

    address: int
    by: str
    write: bool | None  # None: not told
    attack: str


@dataclass(frozen=True)
class MemoryPicture:
    """Pages by owner, each page once, in order; and for each DMA requester the pages that it may touch."""

    pages: int
    owners: tuple[Run, ...]
    dma: tuple[tuple[Run, ...], ...] = ()
    marks: tuple[Mark, ...] = field(default=())

    def owner(self, page: int) -> str:
        """Who owns a page; "no RAM" beyond the end."""
        return next((r.what for r in self.owners if r.first <= page < r.first + r.count), "no RAM")


def runs_of(what: Sequence[str]) -> Iterator[Run]:
    """Equal neighbours joined; empty strings are left out."""
    first = 0
    for n in range(1, len(what) + 1):
        if n == len(what) or what[n] != what[first]:
            if what[first]:
                yield Run(first, n - first, what[first])
            first = n


def _kernel_parts(kernel: Kernel, names: list[str]) -> None:
    """What the kernel's own pages are for."""
    layout = kernel.config.layout
    for page in range(layout.kernel_base // PAGE_SIZE, layout.pages):
        names[page] = "kernel: in use" if in_use(kernel, page) else "kernel: pool"
    for page in range(layout.kernel_base // PAGE_SIZE, layout.pool_base // PAGE_SIZE):
        names[page] = "kernel: stub"
    for requester in range(len(kernel.policy.maps)):
        names[kernel.policy.maps[requester] // PAGE_SIZE] = "kernel: DMA map"
    for partition in kernel.partitions.values():
        if not partition.alive:  # its pages are free again, or another's
            continue
        names[partition.vcpu.block // PAGE_SIZE] = "kernel: VMCB"
        for root in partition.shadow.roots:
            for page in (root.directory, *root.tables.values()):
                names[page] = "kernel: shadow tables"


def picture_of(kernel: Kernel, read: Callable[[int, int], bytes] | None = None) -> MemoryPicture:
    """The picture of a kernel's machine as it is now. ``read(address, bytes)`` reads its RAM: what DMA may touch is what the maps there
    say."""
    read = kernel.machine.read_block if read is None else read
    guests = {p.number: p.config.name for p in kernel.partitions.values()}
    names = [_SPECIAL.get(o) or guests.get(o, f"partition {o}") for o in map(kernel.frames.owner, range(len(kernel.frames)))]
    _kernel_parts(kernel, names)
    dma = []
    for requester in range(len(kernel.policy.maps)):
        owner = kernel.policy.owners[requester]
        what = f"DMA{requester} ({guests.get(owner, 'nobody') if owner is not None else 'nobody'})"
        policy_map = read(kernel.policy.maps[requester], map_bytes(Format.PER_REQUESTER, len(names)))
        admitted = f"{int.from_bytes(policy_map, 'little'):0{len(names)}b}"[::-1]  # a character a page
        dma.append(tuple(runs_of([what if bit == "1" else "" for bit in admitted[: len(names)]])))
    return MemoryPicture(len(names), tuple(runs_of(names)), tuple(dma))
