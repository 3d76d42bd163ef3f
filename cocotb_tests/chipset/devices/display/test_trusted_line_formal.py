"""Proof: whatever guests do, each dot of the trusted line is what it would be had they done anything else."""

import pytest

from chipset.devices.display.dots import _Shown
from cocotb_tests.chipset.devices.display.line_harness import LineHarness, Opens
from cocotb_tests.prover import prove, refute

__all__: list[str] = []

PROOF_DEPTH, SEARCH_DEPTH = 2, 40  # a dot of the line's second word is shown in the 25th cycle


@pytest.mark.formal
def test_guests_change_no_dot_of_the_line():
    outcome = prove("trusted-line", LineHarness(), depth=PROOF_DEPTH)
    assert outcome.status == "PASS", outcome


def takes_any_write(d: Opens) -> None:
    """Authority is not asked for."""
    block = d.line.component.block
    write = d.memory.write_ports[0]
    with d.line.module.If(block.valid & block.write):
        d.line.module.d.comb += write.en.eq(block.mask)


def has_a_cursor(d: Opens) -> None:
    """The guests' cursor is shown there as well."""
    with d.dots.module.If(d.dots.component.cursor == 0):
        d.dots.module.d.sync += d.dots["covered"].eq(1)


def blinks(d: Opens) -> None:
    """Attribute bit 7 means what the guests' register says."""
    following = d.dots.shaped("following", _Shown)
    with d.dots.module.If(d.dots.component.blink):
        d.dots.module.d.sync += following.background[-1].eq(0)


def shows_the_screen(d: Opens) -> None:
    """Row 0 comes from screen memory."""
    d.dots.module.d.comb += d.dots["cell"].eq(d.dots.component.cell)


def waits_for_guests(d: Opens) -> None:
    """A look at screen memory holds the raster up."""
    with d.raster.module.If(d.dots.component.start == 1):
        d.raster.module.d.sync += d.raster.component.x.eq(d.raster.component.x)


@pytest.mark.formal
@pytest.mark.parametrize("bug", [takes_any_write, has_a_cursor, blinks, shows_the_screen, waits_for_guests])
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"trusted-line-{bug.__name__}", LineHarness(bug), depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", outcome
