"""The DMA check admits nothing that the map refuses: proved for runs of any length; and each seeded bug is found."""

import pytest

from chipset.dma_policy.decision import ALL_FORMATS
from cocotb_tests.chipset.dma_policy.guard_bugs import BUGS
from cocotb_tests.chipset.dma_policy.guard_harness import GROUPS, GuardHarness
from cocotb_tests.prover import prove, refute
from contracts.policy_map import Format

__all__: list[str] = []

PROOF_DEPTH = 2
SEARCH_DEPTH = 34
SEARCH_FROM = 30  # by then the walker may have served two accesses, with all rows of their words

# Requesters, cached words, formats: each format by itself, and the machine's build but for the number of requesters.
BUILDS = {f"{fmt.name.lower()}-{requesters}": (requesters, 1, frozenset({fmt})) for fmt in Format for requesters in (1, 4, 16)} | {
    "all-2": (2, 2, ALL_FORMATS),
}


@pytest.mark.formal
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("build", BUILDS)
def test_nothing_is_admitted_that_the_map_refuses(build, group):
    requesters, words, formats = BUILDS[build]
    harness = GuardHarness(requesters=requesters, cached_words=words, formats=formats, focus=group)
    outcome = prove(f"guard-{build}-{group}", harness, depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("build", BUILDS)
def test_nor_behind_a_bus_that_keeps_less_order(build, group):
    requesters, words, formats = BUILDS[build]
    harness = GuardHarness(requesters=requesters, cached_words=words, formats=formats, behind_bus=True, focus=group)
    outcome = prove(f"guard-bus-{build}-{group}", harness, depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("build", BUILDS)
def test_a_guard_that_is_closed_at_reset_admits_nothing_before_it_is_told(build, group):
    # Only the exported guard can be closed at reset, so it stands behind a bus.
    requesters, words, formats = BUILDS[build]
    harness = GuardHarness(requesters=requesters, cached_words=words, formats=formats, closed_at_reset=True, behind_bus=True, focus=group)
    outcome = prove(f"guard-closed-at-reset-{build}-{group}", harness, depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    harness = GuardHarness(requesters=1, cached_words=1, formats={Format.UNIFORM}, closed_at_reset=True, bug=bug)
    outcome = refute(f"guard-{bug.__name__}", harness, depth=SEARCH_DEPTH, first=SEARCH_FROM)
    assert outcome.status == "FAIL", "no run breaks the promise"
