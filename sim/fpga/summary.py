"""What a synthesis came to, as words and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sim.fpga.board import Board
from sim.fpga.design import WHOLE
from sim.fpga.toolchain import Area

__all__ = ["summarize"]

_UNITS = {
    "luts": "LUT4", "flip_flops": "flip-flops", "block_rams": "block RAMs", "large_rams": "single-port RAMs", "multipliers": "multipliers",
}  # fmt: skip
_OF_A_PART = ("luts", "flip_flops", "block_rams")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def summarize(board: Board, areas: Mapping[str, Area]) -> tuple[dict[str, Any], str]:
    """For ``summary.json``, and for the terminal; ``areas`` by variant. What the chip has none of is not told."""
    capacity = asdict(board.capacity)
    numbers = {variant: {name: count for name, count in asdict(area).items() if capacity[name]} for variant, area in areas.items()}
    whole = numbers[WHOLE]
    taken = [f"{whole[name]} {unit} ({_percent(whole[name], capacity[name])})" for name, unit in _UNITS.items() if name in whole]
    lines = [f"{board.name}: {', '.join(taken)} of the chip"]
    result: dict[str, Any] = {"board": board.name, **numbers}
    for key, part in board.design.parts.items():
        if part.without not in numbers:
            continue
        less = {name: whole[name] - numbers[part.without][name] for name in _OF_A_PART}
        lines.append(
            f"  {part.words}: {less['luts']} LUT4 ({_percent(less['luts'], whole['luts'])} of the {board.design.words}), "
            f"{less['flip_flops']} flip-flops, {less['block_rams']} block RAMs"
        )
        result[key] = {"luts": less["luts"], "share_of_luts": less["luts"] / whole["luts"], **{n: less[n] for n in _OF_A_PART[1:]}}
    return result, "\n".join(lines)
