"""What every part of the kernel stands on: the machine, the configuration, who owns each frame, and the ASIDs."""

from collections.abc import Iterable

from contracts.configuration import KernelConfig
from contracts.machine import Machine
from isolation_kernel.asids import Asids
from isolation_kernel.frames import Frames

__all__ = ["Foundation"]


class Foundation:
    """Parts of the kernel are given this and no more: they know neither each other nor the kernel."""

    def __init__(self, machine: Machine, config: KernelConfig) -> None:
        self.machine = machine
        self.config = config
        self.protections = config.protections
        self.frames = Frames(config.layout)
        self.asids = Asids(config.asids, shared=not config.protections.asid_per_root)

    def access(self, accesses: Iterable[tuple[int, int | None]]) -> None:
        """Ports, and the bytes that are written there; None: it is read."""
        for port, value in accesses:
            if value is None:
                self.machine.io_read(port)
            else:
                self.machine.io_write(port, value & 0xFF)
