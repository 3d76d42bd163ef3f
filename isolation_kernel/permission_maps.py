"""The I/O and MSR permission maps that VMRUN looks at: all ones, but the ports of a guest's own devices."""

from collections.abc import Iterable

from contracts.memory_map import PAGE_SIZE
from contracts.msr import IOPM_SIZE, MSRPM_SIZE
from isolation_kernel.frames import Frames
from isolation_kernel.machine import Machine

__all__ = ["IoMap", "make_msr_map"]


def _filled(machine: Machine, frames: Frames, size: int, refuse: bool) -> int:
    first = frames.allocate(size // PAGE_SIZE)
    machine.write_block(first * PAGE_SIZE, (b"\xff" if refuse else b"\0") * size)
    return first


def make_msr_map(machine: Machine, frames: Frames, refuse: bool = True) -> int:
    """One MSR map for all guests: every access exits. Returns its physical address."""
    return _filled(machine, frames, MSRPM_SIZE, refuse) * PAGE_SIZE


class IoMap:
    """One guest's I/O map: a bit a port, 1 = exit."""

    def __init__(self, machine: Machine, frames: Frames, refuse: bool = True) -> None:
        self._machine = machine
        self._frames = frames
        self._first = _filled(machine, frames, IOPM_SIZE, refuse)

    @property
    def address(self) -> int:
        """Physical address."""
        return self._first * PAGE_SIZE

    def permit(self, ports: Iterable[int], allowed: bool) -> None:
        """Let the guest reach ports directly, or no more."""
        for port in ports:
            at = self.address + port // 32 * 4
            bit = 1 << port % 32
            word = self._machine.read32(at)
            self._machine.write32(at, word & ~bit if allowed else word | bit)

    def release(self) -> None:
        """The guest ends."""
        self._frames.release(self._first, IOPM_SIZE // PAGE_SIZE)
