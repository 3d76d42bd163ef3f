"""The DMA check admits nothing that the map refuses: proved for runs of any length; and each seeded bug is found."""

import pytest

from cocotb_tests.chipset.dma_policy.guard_bugs import BUGS
from cocotb_tests.chipset.dma_policy.guard_harness import GuardHarness
from cocotb_tests.prover import prove, refute

CACHED_WORDS = 4  # as the machine is built
PROOF_DEPTH = 3
SEARCH_DEPTH = 16


@pytest.mark.formal
def test_nothing_is_admitted_that_the_map_refuses():
    outcome = prove("guard", GuardHarness(cached_words=CACHED_WORDS), depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"guard-{bug.__name__}", GuardHarness(cached_words=1, bug=bug), depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", "no run breaks the promise"
