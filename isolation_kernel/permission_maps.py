"""The I/O and MSR permission maps that VMRUN looks at: all ones, but the ports of a guest's own devices."""

from collections.abc import Iterable

from contracts.memory_map import PAGE_SIZE
from isolation_kernel.foundation import Foundation

__all__ = ["PermissionMap"]


class PermissionMap:
    """A map of ``size`` bytes at physical ``address``: a bit a port, or two an MSR; 1 = exit."""

    def __init__(self, base: Foundation, size: int, refuse: bool = True) -> None:
        self._base = base
        self._size = size
        self.address = base.frames.allocate(size // PAGE_SIZE) * PAGE_SIZE
        base.machine.write_block(self.address, (b"\xff" if refuse else b"\0") * size)

    def permit(self, ports: Iterable[int], allowed: bool) -> None:
        """Let the guest reach ports directly, or no more."""
        for port in ports:
            at = self.address + port // 32 * 4
            bit = 1 << port % 32
            word = self._base.machine.read32(at)
            self._base.machine.write32(at, word & ~bit if allowed else word | bit)

    def release(self) -> None:
        """The guest ends."""
        self._base.frames.release(self.address // PAGE_SIZE, self._size // PAGE_SIZE)
