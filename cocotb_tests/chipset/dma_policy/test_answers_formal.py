"""Every DMA request, allowed or refused, comes to memory within a stated number of cycles: proved; and each seeded bug is found."""

import pytest

from cocotb_tests.chipset.dma_policy.answer_harness import AnswerHarness
from cocotb_tests.opened import Opened
from cocotb_tests.prover import prove, refute
from contracts.policy_map import Format

__all__: list[str] = []

PROOF_DEPTH = 2
SEARCH_DEPTH, SEARCH_FIRST = 24, 12
# Cycles, for a memory that takes a beat in one of four cycles and answers within eight.
BOUNDS = {
    (Format.UNIFORM, 1): 203,
    (Format.UNIFORM, 4): 1194,
    (Format.UNIFORM, 16): 12339,
    (Format.PER_REQUESTER, 1): 203,
    (Format.PER_REQUESTER, 4): 1224,
    (Format.PER_REQUESTER, 16): 12849,
    (Format.PER_REQUESTER_AND_ACCESS, 1): 203,
    (Format.PER_REQUESTER_AND_ACCESS, 4): 1224,
    (Format.PER_REQUESTER_AND_ACCESS, 16): 12849,
}


def pointer_stands_still(_merge: Opened, checker: Opened) -> None:
    """The walker's turn goes to nobody else."""
    checker.module.d.sync += checker["turn"].eq(checker["turn"])


def declined_come_first_again(_merge: Opened, checker: Opened) -> None:
    """Nobody lets others go first."""
    checker.module.d.comb += checker.component.stalled.eq(0)


def merge_goes_by_number(merge: Opened, _checker: Opened) -> None:
    """Where several ask, the last master is served."""
    merge.module.d.sync += merge["last"].eq(2)


BUGS = (pointer_stands_still, declined_come_first_again, merge_goes_by_number)


@pytest.mark.formal
@pytest.mark.parametrize(("fmt", "requesters"), BOUNDS, ids=lambda part: part.name.lower() if isinstance(part, Format) else str(part))
def test_every_request_comes_to_memory(fmt, requesters):
    harness = AnswerHarness(requesters=requesters, fmt=fmt)
    assert harness.bound == BOUNDS[fmt, requesters]
    outcome = prove(f"answers-{fmt.name.lower()}-{requesters}", harness, depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"answers-{bug.__name__}", AnswerHarness(requesters=4, bug=bug), depth=SEARCH_DEPTH, first=SEARCH_FIRST)
    assert outcome.status == "FAIL", "no run breaks the promise"
