"""Runs test programs on the simulated machine, as the oracles run them."""

from dataclasses import dataclass
from pathlib import Path

from sim.machine import Ending, Machine, MachineConfig, Outcome
from sim.multiboot import read_multiboot

__all__ = ["RtlResult", "run"]

CYCLE_LIMIT = 40_000_000


@dataclass(frozen=True)
class RtlResult:
    """What the machine said and how it ended; ``memory`` as the run left it, if it was asked for."""

    text: str
    ending: Ending
    outcome: Outcome
    memory: bytes = b""

    def read(self, address: int, length: int) -> bytes:
        """Physical memory after the run."""
        return self.memory[address : address + length]


def run(image: Path, *, max_cycles: int = CYCLE_LIMIT, memory: int = 0, config: MachineConfig | None = None) -> RtlResult:
    """Run a multiboot image; ``memory`` bytes from 0 are kept."""
    with Machine(config) as machine:
        machine.load_multiboot(read_multiboot(image, machine.config.memory))
        outcome = machine.run(max_cycles)
        machine.drain()
        text = machine.outputs["com1"].decode("latin-1").replace("\r\n", "\n")
        return RtlResult(text, outcome.ending, outcome, machine.model.dump(0, memory) if memory else b"")
