"""Behind Wishbone every access, allowed or refused, is done with in a stated number of cycles: proved; and each seeded bug is found."""

import pytest

from cocotb_tests.chipset.export.wishbone_answers import Inside, WishboneAnswers
from cocotb_tests.prover import prove, refute
from contracts.policy_map import Format

__all__: list[str] = []

PROOF_DEPTH = 1
SEARCH_DEPTH = 20
BOUND = 49  # cycles, for a memory that answers within four


def trusted_write_keeps_its_turn(inside: Inside) -> None:
    """It comes before reads of the map even where nobody writes."""
    inside.order.module.d.sync += inside.order["turn"].eq(1)


def every_trusted_write_makes_it_forget(inside: Inside) -> None:
    """Whatever has been found out: so who writes without a pause keeps an access waiting for ever."""
    inside.order.module.d.comb += inside.order.component.forget.eq(inside.order.component.write_goes)


BUGS = (trusted_write_keeps_its_turn, every_trusted_write_makes_it_forget)


@pytest.mark.formal
@pytest.mark.parametrize("fmt", Format, ids=lambda fmt: fmt.name.lower())
def test_every_access_is_done_with_in_time(fmt):
    harness = WishboneAnswers(fmt)
    assert harness.bound == BOUND
    outcome = prove(f"wishbone-answers-{fmt.name.lower()}", harness, depth=PROOF_DEPTH)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"wishbone-answers-{bug.__name__}", WishboneAnswers(Format.UNIFORM, bug=bug), depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", "no run breaks the promise"
