"""How the time of a kernel that runs in Python is counted, and how much of a run it is: for every report (design decision 12)."""

from dataclasses import dataclass

from contracts.host_link import KERNEL_CYCLES_PER_EXIT
from sim.link import LinkMachine

__all__ = ["HOW_IT_IS_COUNTED", "KernelTime"]

HOW_IT_IS_COUNTED = (
    f"the kernel runs in Python and costs no simulated time: {KERNEL_CYCLES_PER_EXIT} cycles are declared for each command that it gives "
    "the stub; its transactions on the host link cost what they cost"
)


@dataclass(frozen=True)
class KernelTime:
    """Of ``cycles`` simulated, those that stand for the kernel's instructions and those of its transactions on the host link."""

    cycles: int = 0
    kernel_cycles: int = 0
    link_cycles: int = 0

    @classmethod
    def of(cls, link: LinkMachine) -> "KernelTime":
        """From power-on to now."""
        return cls(link.machine.cycle, link.kernel_cycles, link.link_cycles)

    def __add__(self, other: "KernelTime") -> "KernelTime":
        return KernelTime(
            self.cycles + other.cycles, self.kernel_cycles + other.kernel_cycles, self.link_cycles + other.link_cycles
        )  # fmt: skip

    def __sub__(self, other: "KernelTime") -> "KernelTime":
        return KernelTime(
            self.cycles - other.cycles, self.kernel_cycles - other.kernel_cycles, self.link_cycles - other.link_cycles
        )  # fmt: skip

    def report(self) -> dict[str, object]:
        """For a report, with the declared constant and how it is charged."""
        return {
            "cycles": self.cycles,
            "kernel_cycles": self.kernel_cycles,
            "link_cycles": self.link_cycles,
            "kernel_cycles_per_command": KERNEL_CYCLES_PER_EXIT,
            "how_it_is_counted": HOW_IT_IS_COUNTED,
        }
