"""What a synthesis came to, as words and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict

from sim.fpga.board import Board
from sim.fpga.flow import Area

__all__ = ["summarize"]

_PARTS = {"ring_minus_1": ("without_ring_minus_1", "ring -1 extension"), "dma_guard": ("without_dma_guard", "DMA guard")}


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def summarize(board: Board, areas: Mapping[str, Area]) -> tuple[dict[str, object], str]:
    """For ``summary.json``, and for the terminal."""
    whole = areas["whole"]
    lines = [
        f"{board.name}: {whole.luts} LUT4 ({_percent(whole.luts, board.luts)} of the chip), {whole.flip_flops} flip-flops, "
        f"{whole.block_rams} block RAMs ({_percent(whole.block_rams, board.block_rams)}), {whole.multipliers} multipliers"
    ]
    result: dict[str, object] = {"board": board.name, **{name: asdict(area) for name, area in areas.items()}}
    for key, (variant, words) in _PARTS.items():
        if variant not in areas:
            continue
        without = areas[variant]
        luts, ffs, rams = whole.luts - without.luts, whole.flip_flops - without.flip_flops, whole.block_rams - without.block_rams
        lines.append(f"  {words}: {luts} LUT4 ({_percent(luts, whole.luts)} of the machine), {ffs} flip-flops, {rams} block RAMs")
        result[key] = {"luts": luts, "share_of_luts": luts / whole.luts, "flip_flops": ffs, "block_rams": rams}
    return result, "\n".join(lines)
