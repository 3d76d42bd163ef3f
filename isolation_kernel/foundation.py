"""What every part of the kernel stands on: the machine, the configuration, who owns each frame, and the ASIDs."""

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
