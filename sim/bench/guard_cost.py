"""What the DMA guard costs in throughput: the same traffic with it and with wires in its place, side by side in one run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chipset.memory_controller.ram import WORD_BYTES
from chipset.traffic.generator import ACCESS_BYTES, Direction, Plan
from contracts.bus import BURST_WORDS
from contracts.policy_map import Format
from sim.bench.guard_top import AREA, LANE_COUNTS, REQUESTERS
from sim.bench.programs import BenchError
from sim.model import Model, ModelSpec, build_model
from sim.model.build import Built
from sim.ram import SIM_RAM

__all__ = [
    "GUARD_STEPS", "LANES_RANDOM", "LANES_STREAMING", "STREAMS", "Counts", "GuardCost", "GuardLanes", "GuardLoad", "guard_spec",
    "measure_guard", "random_plans", "streaming_plans",
]  # fmt: skip

_ROOMS = ("contracts", "chipset", "sim/bench/guard_top.py", "sim/ram")
_SLICE_CYCLES = 1_000_000
_SETUP_LIMIT = 2_000_000  # cycles that writing the maps may take
_LINE_BYTES = BURST_WORDS * WORD_BYTES
_SLOWEST = 64  # cycles a beat, beyond which the lanes count as hung
_ALL_OPEN = 0xFFFF_FFFF
_MEBIBYTE = 1 << 20

GUARD_STEPS = ("DMA guard, streaming", "DMA guard, random accesses")
LANES_STREAMING = (0, 2)  # map words kept for each requester, as in the whole machine; 0: no guard
STREAMS = {"reads": Direction.READ, "writes": Direction.WRITE, "copies": Direction.COPY}
LANES_RANDOM = (0, 1, 2, 4, 8, 16)


def guard_spec(lanes: Sequence[int]) -> ModelSpec:
    """The model with these lanes."""
    return ModelSpec(
        "sim.bench.guard_top:GuardBench", {"cached_words": tuple(lanes)}, rooms=_ROOMS, verilog=(SIM_RAM,), stops=("ready", "done")
    )


@dataclass(frozen=True)
class GuardLoad:
    """How much is measured: bytes of all streams together, random accesses of each requester, and bytes (powers of two) of their range."""

    streaming_bytes: int = 64 * _MEBIBYTE
    random_accesses: int = 4096
    random_ranges: tuple[int, ...] = tuple(_MEBIBYTE << n for n in range(11))


@dataclass(frozen=True)
class Counts:
    """What happened in a lane. ``answered`` and ``refused`` in lines of 16 bytes; ``map_reads`` of the guard."""

    cycles: int
    answered: int
    refused: int
    map_reads: int

    @property
    def bytes_per_cycle(self) -> float:
        """Throughput; memory takes and gives 4 at most."""
        return _LINE_BYTES * self.answered / self.cycles


def streaming_plans(direction: Direction, bytes_each: int) -> list[dict[str, Any]]:
    """Each requester goes through areas of its own, from where it reads and to where it writes."""
    size = 1 << (bytes_each - 1).bit_length()
    return [
        {"source": AREA + n * size, "target": AREA + AREA // 2 + n * size, "bits": size.bit_length() - 1, "direction": direction}
        for n in range(REQUESTERS)
    ]


def random_plans(span: int) -> list[dict[str, Any]]:
    """All requesters read and write anywhere in the same ``span`` bytes."""
    plan = {"source": AREA, "target": AREA, "bits": span.bit_length() - 1, "random": 1, "direction": Direction.EITHER}
    return [plan] * REQUESTERS


class GuardLanes:
    """A model of lanes, its maps written and in force. ``tell`` is called now and then with the cycles that have passed in all."""

    def __init__(self, built: Built, fmt: Format, *, word: int = _ALL_OPEN, tell: Callable[[int], None] = lambda cycle: None) -> None:
        lanes = built.spec.arguments["cached_words"]
        assert isinstance(lanes, tuple)
        self._lanes: tuple[int, ...] = lanes
        self._model = Model(built)
        self._tell = tell
        self._model.set("map_format", fmt)
        self._model.set("word", word)
        self._until("ready", _SETUP_LIMIT)

    def run(self, plans: Sequence[Mapping[str, Any]], accesses: int) -> dict[int, Counts]:
        """Each requester makes so many accesses by its plan; returned by the lane's cached words. BenchError if one hangs."""
        model = self._model
        for n, plan in enumerate(plans):
            model.set(f"plans__{n}", Plan.const(plan).as_bits())
        model.set("accesses", accesses)
        model.set("start", 1)
        model.run(1, stops=())
        model.set("start", 0)
        self._until("done", _SLOWEST * len(plans) * accesses * ACCESS_BYTES // WORD_BYTES)
        found = {}
        for n, words in enumerate(self._lanes):
            counts = LANE_COUNTS.from_bits(model.get(f"counts__{n}"))
            found[words] = Counts(counts.cycles, counts.answered, counts.refused, counts.map_reads)
            if found[words].answered != len(plans) * accesses * ACCESS_BYTES // _LINE_BYTES:
                raise BenchError(f"guard with {words} cached words: {found[words].answered} lines were answered")
        return found

    def _until(self, stop: str, limit: int) -> None:
        done = 0
        while done < limit:
            result = self._model.run(min(_SLICE_CYCLES, limit - done), stops=(stop,))
            done += result.cycles
            self._tell(self._model.cycle)
            if result.stops:
                return
        raise BenchError(f"the guard's lanes are not {stop} after {limit} cycles")

    def close(self) -> None:
        """Give the model back."""
        self._model.close()

    def __enter__(self) -> "GuardLanes":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class GuardCost:
    """Throughput with the guard over that without, formats by their names in lower case.

    ``streaming``: four requesters at once, by format and by what each does (``STREAMS``). ``random``: accesses of 64 bytes, reads and
    writes, by format, by the number of cached words, then for each range of ``range_mib``.
    """

    streaming: dict[str, dict[str, float]]
    range_mib: list[int]
    random: dict[str, dict[str, list[float]]]

    @property
    def streaming_ratio(self) -> float:
        """The least of all."""
        return min(ratio for by_kind in self.streaming.values() for ratio in by_kind.values())


def _streaming(fmt: Format, load: GuardLoad, tell: Callable[[int], None]) -> dict[str, float]:
    each = load.streaming_bytes // REQUESTERS
    ratios = {}
    with GuardLanes(build_model(guard_spec(LANES_STREAMING)), fmt, tell=tell) as lanes:
        for kind, direction in STREAMS.items():
            found = _open(lanes.run(streaming_plans(direction, each), each // ACCESS_BYTES))
            ratios[kind] = found[0].cycles / found[max(LANES_STREAMING)].cycles
    return ratios


def _random(fmt: Format, load: GuardLoad, tell: Callable[[int], None]) -> dict[str, list[float]]:
    ratios: dict[str, list[float]] = {str(words): [] for words in LANES_RANDOM if words}
    with GuardLanes(build_model(guard_spec(LANES_RANDOM)), fmt, tell=tell) as lanes:
        for span in load.random_ranges:
            found = _open(lanes.run(random_plans(span), load.random_accesses))
            for words, line in ratios.items():
                line.append(found[0].cycles / found[int(words)].cycles)
    return ratios


def measure_guard(load: GuardLoad, tell: Callable[[str, int], None]) -> GuardCost:
    """Measure; ``tell`` hears which of ``GUARD_STEPS`` it is, and at which cycle of its model."""
    return GuardCost(
        {fmt.name.lower(): _streaming(fmt, load, partial(tell, GUARD_STEPS[0])) for fmt in Format},
        [span // _MEBIBYTE for span in load.random_ranges],
        {fmt.name.lower(): _random(fmt, load, partial(tell, GUARD_STEPS[1])) for fmt in Format},
    )


def _open(found: dict[int, Counts]) -> dict[int, Counts]:
    """What was measured counts only if nothing was refused, and each guard looked into its map."""
    for words, counts in found.items():
        if counts.refused or bool(words) != bool(counts.map_reads):
            raise BenchError(f"guard with {words} cached words: {counts.refused} lines refused, {counts.map_reads} reads of the map")
    return found
