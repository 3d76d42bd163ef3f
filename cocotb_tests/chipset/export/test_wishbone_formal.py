"""The Wishbone wrapper lets nothing past the checker, and tells it everything: proved for runs of any length; seeded bugs are found."""

import pytest

from chipset.export.settings import GuardSettings, OnRefusal
from cocotb_tests.chipset.export.wishbone_bugs import BUGS
from cocotb_tests.chipset.export.wishbone_harness import GROUPS, WishboneHarness
from cocotb_tests.prover import prove, refute

__all__: list[str] = []

PROOF_DEPTH = 1
SEARCH_DEPTH = 10

BUILDS = {
    "1": GuardSettings(requesters=1),
    "1-ones": GuardSettings(requesters=1, on_refusal=OnRefusal.ONES),
    "4": GuardSettings(requesters=4),
    "16": GuardSettings(requesters=16),
}


@pytest.mark.formal
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("build", BUILDS)
def test_nothing_goes_past_the_checker_or_untold(build, group):
    outcome = prove(f"wishbone-{build}-{group}", WishboneHarness(BUILDS[build], focus=group), depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"wishbone-{bug.__name__}", WishboneHarness(BUILDS["1"], bug=bug, focus=BUGS[bug]), depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", "no run breaks the promise"
