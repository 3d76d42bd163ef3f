"""A fixed circuit whose simulation speed is measured beside the machine's, so that a figure can be compared across computers.

It never changes: 64 shift registers of 32 bits, each adding its neighbour and a constant, all of them summed.
"""

import time
from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from sim.model import Model, ModelSpec, build_model

__all__ = ["REFERENCE", "ReferenceBank", "ReferenceSpeed", "reference_sums"]

_CELLS = 64
_MASK = 0xFFFF_FFFF
_SEED_STEP = 0x9E37_79B9  # the golden ratio, as in many hash functions
_SHIFTS = (13, 17, 5)  # Marsaglia's xorshift32
_CYCLES = 200_000


def _seed(cell: int) -> int:
    return (cell + 1) * _SEED_STEP & _MASK


class ReferenceBank(wiring.Component):
    """64 xorshift registers; to each the next one and its own seed are added before each step.

    Members: total Out(32), the sum of all registers modulo 2³², a cycle late
    """

    def __init__(self) -> None:
        super().__init__({"total": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cells = [Signal(32, init=_seed(n), name=f"cell{n}") for n in range(_CELLS)]
        for n, cell in enumerate(cells):
            word = Signal(32, name=f"mixed{n}")
            m.d.comb += word.eq(cell + cells[(n + 1) % _CELLS] + _seed(n))
            for step, shift in enumerate(_SHIFTS):
                shifted = Signal(32, name=f"step{n}_{step}")
                m.d.comb += shifted.eq(word ^ (word >> shift if step == 1 else word << shift))
                word = shifted
            m.d.sync += cell.eq(word)
        m.d.sync += self.total.eq(sum(cells))
        return m


def reference_sums(cycles: int) -> int:
    """``total`` after so many cycles (at least 1), worked out in Python."""
    cells = [_seed(n) for n in range(_CELLS)]
    total = 0
    for _ in range(cycles):
        total = sum(cells) & _MASK
        mixed = [(cells[n] + cells[(n + 1) % _CELLS] + _seed(n)) & _MASK for n in range(_CELLS)]
        for step, shift in enumerate(_SHIFTS):
            mixed = [word ^ (word >> shift if step == 1 else word << shift & _MASK) for word in mixed]
        cells = mixed
    return total


REFERENCE = ModelSpec("sim.bench.reference:ReferenceBank", rooms=("sim/bench/reference.py",))


@dataclass
class ReferenceSpeed:
    """Cycles and processor seconds that the reference has run for, in as many pieces as one likes."""

    cycles: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._model = Model(build_model(REFERENCE))

    def measure(self, cycles: int = _CYCLES) -> None:
        """Run it for some more cycles."""
        start = time.process_time()
        self._model.run(cycles, stops=())
        self.seconds += time.process_time() - start
        self.cycles += cycles

    @property
    def cycles_per_second(self) -> float:
        """Cycles in a second of the simulating processor's time."""
        return self.cycles / self.seconds if self.seconds else 0.0

    def close(self) -> None:
        """Give the model back."""
        self._model.close()
