"""The DMA masters' way to the guard keeps its promises, whatever the masters do: proved for runs of any length."""

import pytest

from cocotb_tests.chipset.interconnect.merge_harness import MergeHarness
from cocotb_tests.opened import Opened
from cocotb_tests.prover import prove, refute

__all__: list[str] = []

PROOF_DEPTH = 1
SEARCH_DEPTH = 6


def requester_is_the_masters_word(merge: Opened, ports: list[Opened]) -> None:
    """A master says itself who it is."""
    port = ports[0]
    with port.module.If(port.component.master.req_valid):
        port.module.d.sync += port.component.out.payload.requester.eq(port.component.master.req.requester)


def later_beats_go_where_the_master_says(merge: Opened, ports: list[Opened]) -> None:
    """Each beat of a burst has its own address."""
    port = ports[0]
    with port.module.If(port.component.master.req_valid & port.component.master.req_ready):
        port.module.d.sync += port.component.out.payload.address.eq(port.component.master.req.address)


def bursts_are_mixed(merge: Opened, ports: list[Opened]) -> None:
    """Another master's turn may come between two beats."""
    merge.module.d.sync += merge["held"].eq(0)


BUGS = (requester_is_the_masters_word, later_beats_go_where_the_master_says, bursts_are_mixed)


@pytest.mark.formal
@pytest.mark.parametrize("masters", [1, 4, 16])
def test_what_the_guard_takes_for_granted(masters):
    outcome = prove(f"merge-{masters}", MergeHarness(masters=masters), depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"merge-{bug.__name__}", MergeHarness(masters=2, bug=bug), depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", "no run breaks the promise"
