"""The AXI4 wrapper lets nothing past the checker, and tells it everything: proved for runs of any length; and each seeded bug is found."""

import pytest

from chipset.export.settings import GuardSettings, OnRefusal
from cocotb_tests.chipset.export.axi_bugs import BUGS
from cocotb_tests.chipset.export.axi_harness import GROUPS, AxiHarness
from cocotb_tests.prover import prove, refute

__all__: list[str] = []

PROOF_DEPTH = 1
SEARCH_DEPTH = 12

BUILDS = {
    "1": GuardSettings(requesters=1, depth=2),
    "1-ones": GuardSettings(requesters=1, depth=2, on_refusal=OnRefusal.ONES, stall_limit=0),
    "4": GuardSettings(requesters=4, depth=2),
    "16": GuardSettings(requesters=16, depth=2),
}
SMALL = GuardSettings(requesters=1, depth=2, id_width=1, stall_limit=1)  # in which a bug is soon seen


@pytest.mark.formal
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("build", BUILDS)
def test_nothing_goes_past_the_checker_or_untold(build, group):
    outcome = prove(f"axi-{build}-{group}", AxiHarness(BUILDS[build], focus=group), depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"axi-{bug.__name__}", AxiHarness(SMALL, bug=bug, focus=BUGS[bug]), depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", "no run breaks the promise"
