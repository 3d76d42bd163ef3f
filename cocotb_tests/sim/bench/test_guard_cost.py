"""What the guard costs in throughput, at a small size: the figures move when they should."""

from dataclasses import replace

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from chipset import memory_fabric
from chipset.dma_policy.guard import Guard
from contracts.policy_map import Format
from sim.bench.guard_cost import STREAMS, Counts, GuardLanes, guard_spec, random_plans, streaming_plans
from sim.bench.guard_top import REQUESTERS
from sim.model import build_model
from sim.model.build import Built

__all__: list[str] = []

WIRES, FEW, FORGETFUL, MANY = 0, 2, 4, 8  # cached words by which the lanes are told apart
LOOKUP = 32  # cycles that the forgetful guard gives an access to go on, once its word has been read
BYTES_EACH = 256 << 10
ACCESSES = BYTES_EACH // 64
LINES = REQUESTERS * ACCESSES * 4


class ForgetfulGuard(wiring.Component):
    """A guard whose cache is of little use: some cycles after each read of the map it is emptied, in the way in which a commit does."""

    def __init__(self, **parameters) -> None:
        self._guard = Guard(**parameters)
        super().__init__(self._guard.signature)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.guard = guard = self._guard
        wiring.connect(m, wiring.flipped(self), guard)
        left, forgets = Signal(range(LOOKUP + 1)), Signal()
        m.d.comb += [guard.hold.eq(self.hold | forgets), guard.flush.eq(self.flush | (forgets & guard.drained))]
        with m.If(guard.walk_answer_valid):
            m.d.sync += left.eq(LOOKUP)
        with m.Elif(left != 0):
            m.d.sync += [left.eq(left - 1), forgets.eq(left == 1)]
        with m.If(forgets & guard.drained):
            m.d.sync += forgets.eq(0)
        return m


def guard_of(*, cached_words: int, **parameters) -> wiring.Component:
    return (ForgetfulGuard if cached_words == FORGETFUL else Guard)(cached_words=cached_words, **parameters)


@pytest.fixture(scope="module")
def built() -> Built:
    """Guards of two sizes and one that forgets, in one model; not to be found by its sources, as a part of it lies here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_fabric, "Guard", guard_of)
        return build_model(replace(guard_spec((WIRES, FEW, FORGETFUL, MANY)), rooms=()))


def ratios(found: dict[int, Counts]) -> dict[int, float]:
    return {words: found[WIRES].cycles / counts.cycles for words, counts in found.items()}


def test_streaming(built: Built) -> None:
    """Without the guard memory takes a beat in every cycle; with it nearly so; a guard that forgets is seen to be slower."""
    with GuardLanes(built, Format.UNIFORM) as lanes:
        for kind, direction in STREAMS.items():
            found = lanes.run(streaming_plans(direction, BYTES_EACH), ACCESSES)
            ratio = ratios(found)
            assert all(counts.answered == LINES and not counts.refused for counts in found.values())
            assert found[WIRES].bytes_per_cycle > 3.999 and not found[WIRES].map_reads
            assert ratio[FEW] > (0.9985 if kind == "reads" else 0.995), (kind, ratio)
            assert ratio[FORGETFUL] < 0.95 and found[FORGETFUL].map_reads > 10 * found[FEW].map_reads, (kind, ratio)


def test_random_accesses(built: Built) -> None:
    """A guard that keeps more words reads its map less often and is faster; one that forgets is slower than one that keeps few."""
    with GuardLanes(built, Format.UNIFORM) as lanes:
        found = lanes.run(random_plans(1 << 20), ACCESSES)
        ratio = ratios(found)
        assert ratio[FORGETFUL] < ratio[FEW] - 0.01 and ratio[FEW] < ratio[MANY] - 0.03 and ratio[MANY] < 1, ratio
        assert found[MANY].map_reads < found[FEW].map_reads < REQUESTERS * ACCESSES
        far = ratios(lanes.run(random_plans(1 << 30), ACCESSES))
        assert far[FEW] < ratio[FEW] and abs(far[FEW] - far[MANY]) < 0.01, (ratio, far)


@pytest.mark.parametrize("fmt", list(Format), ids=lambda fmt: fmt.name.lower())
def test_the_guards_are_on(built: Built, fmt: Format) -> None:
    """With a map of zeros every lane but the one of wires is refused everything."""
    with GuardLanes(built, fmt, word=0) as lanes:
        found = lanes.run(random_plans(1 << 25), 64)
        for words, counts in found.items():
            assert counts.refused == (counts.answered if words else 0) and counts.answered == REQUESTERS * 64 * 4
