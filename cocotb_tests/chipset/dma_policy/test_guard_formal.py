"""The DMA check admits nothing that the map refuses: proved for runs of any length; and each seeded bug is found."""

import pytest

from chipset.dma_policy.decision import ALL_FORMATS
from cocotb_tests.chipset.dma_policy.guard_bugs import BUGS
from cocotb_tests.chipset.dma_policy.guard_harness import GuardHarness
from cocotb_tests.prover import prove, refute
from contracts.policy_map import Format

__all__: list[str] = []

CACHED_WORDS = 2  # as the machine is built
PROOF_DEPTH = 1
SEARCH_DEPTH = 22

BUILDS = {
    "uniform": (frozenset({Format.UNIFORM}), 1),
    "per_requester": (frozenset({Format.PER_REQUESTER}), CACHED_WORDS),
    "per_requester_and_access": (frozenset({Format.PER_REQUESTER_AND_ACCESS}), CACHED_WORDS),
    "all": (ALL_FORMATS, CACHED_WORDS),
}


@pytest.mark.formal
@pytest.mark.parametrize("requesters", [1, 4, 16])
@pytest.mark.parametrize("build", BUILDS)
def test_nothing_is_admitted_that_the_map_refuses(build, requesters):
    formats, words = BUILDS[build]
    harness = GuardHarness(requesters=requesters, cached_words=words, formats=formats)
    outcome = prove(f"guard-{build}-{requesters}", harness, depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
def test_a_guard_that_is_closed_at_reset_admits_nothing_before_it_is_told():
    harness = GuardHarness(requesters=4, cached_words=1, formats={Format.UNIFORM}, closed_at_reset=True)
    outcome = prove("guard-closed-at-reset", harness, depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"guard-{bug.__name__}", GuardHarness(requesters=1, cached_words=1, bug=bug), depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", "no run breaks the promise"
