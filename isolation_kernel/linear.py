"""Access to a guest's memory as one of its instructions would have it: through a segment, then by linear address."""

from collections.abc import Iterator

from contracts.architecture import Cr0, Exc, PageFault
from contracts.memory_map import PAGE_SIZE, within_pages
from isolation_kernel.partition import Partition
from virtual_pc.segments import allows

__all__ = ["GuestFault", "probe_write", "read_linear", "segment_linear", "write_linear"]

_USER_CPL = 3


class GuestFault(Exception):
    """The access faults inside the guest."""

    def __init__(self, vector: Exc, error: int | None = None, address: int | None = None) -> None:
        super().__init__(vector, error, address)
        self.vector, self.error, self.address = vector, error, address


def segment_linear(partition: Partition, name: str, offset: int, size: int, write: bool) -> int:
    """The linear address of an operand; GuestFault with #GP or #SS if its segment does not hold it or does not allow the access."""
    vcpu = partition.vcpu
    attributes, limit, protected = vcpu.get(f"{name}_ATTRIB"), vcpu.get(f"{name}_LIMIT"), bool(partition.cr0 & Cr0.PE)
    if not partition.pc.ask(allows, attributes, limit, offset, size, write, protected):
        raise GuestFault(Exc.SS if name == "SS" else Exc.GP, 0)
    return vcpu.get(f"{name}_BASE") + offset & 0xFFFF_FFFF


def _pieces(partition: Partition, linear: int, length: int, write: bool, touch: bool) -> Iterator[tuple[int, int]]:
    access = PageFault.WRITE if write else PageFault(0)
    if partition.vcpu.get("CPL") == _USER_CPL:
        access |= PageFault.USER
    for page, offset, count in within_pages(linear, length):
        at = page * PAGE_SIZE + offset & 0xFFFF_FFFF
        leaf = partition.memory.translate(partition.pc, partition.cr3, at, access, partition.mode, touch)
        if isinstance(leaf, PageFault):
            raise GuestFault(Exc.PF, leaf, at)
        yield leaf.page * PAGE_SIZE + offset, count


def read_linear(partition: Partition, linear: int, length: int, touch: bool = True) -> bytes:
    """Read; what is no RAM of the guest reads as ones. ``touch=False`` leaves accessed bits alone."""
    out = b""
    for at, count in _pieces(partition, linear, length, False, touch):
        out += partition.memory.read(at, count) or b"\xff" * count
    return out


def probe_write(partition: Partition, linear: int, length: int) -> None:
    """GuestFault if a write would fault; marks the pages as it would."""
    list(_pieces(partition, linear, length, True, True))


def write_linear(partition: Partition, linear: int, data: bytes) -> None:
    """Write; what goes to no RAM of the guest is dropped. Both pages are checked before any effect."""
    for at, count in list(_pieces(partition, linear, len(data), True, True)):
        partition.memory.write(at, data[:count])
        data = data[count:]
