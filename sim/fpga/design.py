"""What is built for a board: a circuit in its variants, and which of its parts they measure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["GUARD_DEMO", "MACHINE", "WHOLE", "Design", "Part", "board_machine", "demo_in_simulation"]

WHOLE = "whole"


@dataclass(frozen=True)
class Part:
    """A part is what the variant ``without`` lacks; ``words`` name it for the reader."""

    without: str
    words: str


@dataclass(frozen=True)
class Design:
    """``variants`` make the circuit with its pads, by name: ``WHOLE`` first, then with a part left out. ``parts`` by their names in
    ``summary.json``. ``words`` name the whole."""

    words: str
    variants: Mapping[str, Callable[[], Any]]
    parts: Mapping[str, Part] = field(default_factory=dict)


def board_machine(*, extension: bool = True, guard: bool = True, bit_cycles: int | None = None, memory_bytes: int | None = None) -> Any:
    """The machine as the board has it, perhaps without ring −1 or without the DMA guard; other sizes and rates are for simulations."""
    from chipset.boards.ulx3s import BAUD, CLOCK, MEMORY_BYTES, BoardMachine
    from cpu_ext.extension import Svm
    from firmware.build import reset_rom
    from rtl.core import Core
    from rtl.params import CoreParams

    params = CoreParams.ulx3s()
    core = Core(params, Svm(params)) if extension else Core(params)
    cycles = round(CLOCK.hz / BAUD) if bit_cycles is None else bit_cycles
    return BoardMachine(core, reset_rom(), bit_cycles=cycles, memory_bytes=memory_bytes or MEMORY_BYTES, guard=guard)


def _ulx3s(*, extension: bool = True, guard: bool = True) -> Any:
    from chipset.boards.ulx3s import Ulx3s

    return Ulx3s(board_machine(extension=extension, guard=guard))


MACHINE = Design(
    words="machine",
    variants={
        WHOLE: _ulx3s,
        "without_ring_minus_1": lambda: _ulx3s(extension=False),
        "without_dma_guard": lambda: _ulx3s(guard=False),
    },
    parts={
        "ring_minus_1": Part("without_ring_minus_1", "ring -1 extension"),
        "dma_guard": Part("without_dma_guard", "DMA guard"),
    },
)


def demo_in_simulation(*, bit_cycles: int, accesses: int, guarded: bool = True) -> Any:
    """The guard's demonstration with block RAM for a board's own, a faster serial line and shorter rounds."""
    from chipset.boards.guard_demo.demo import GuardDemo
    from chipset.boards.guard_demo.layout import MAIN_BYTES
    from chipset.memory_controller.ram import WORD_BYTES, BlockRam

    memories = [BlockRam(MAIN_BYTES // WORD_BYTES) for _ in range(2)]
    return GuardDemo(memories, bit_cycles=bit_cycles, accesses=accesses, guarded=guarded)


def _icebreaker(*, guarded: bool = True) -> Any:
    from chipset.boards.icebreaker import Icebreaker

    return Icebreaker(guarded=guarded)


GUARD_DEMO = Design(
    words="demonstration",
    variants={WHOLE: _icebreaker, "without_dma_guard": lambda: _icebreaker(guarded=False)},
    parts={"dma_guard": Part("without_dma_guard", "DMA guard")},
)
