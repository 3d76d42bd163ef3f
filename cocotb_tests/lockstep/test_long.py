"""More of the same for the long regression: every family, several times over, each time with other cases."""

from pathlib import Path

import pytest

from cocotb_tests.lockstep import test_rtl as short
from sim.programs.case import Mode

__all__: list[str] = []

PARTS = 8

pytestmark = pytest.mark.regress


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("family", "mode"), short.RUNS, ids=lambda v: v.value if isinstance(v, Mode) else v)
def test_family(family: str, mode: Mode, part: int, seed: int, tmp_path: Path) -> None:
    short.test_family(family, mode, seed, tmp_path)


@pytest.mark.parametrize("part", range(PARTS))
def test_all_families_with_paging(part: int, seed: int, tmp_path: Path) -> None:
    short.test_all_families_with_paging(seed, tmp_path)


@pytest.mark.parametrize("part", range(PARTS))
def test_several_instructions_in_a_row(part: int, seed: int, tmp_path: Path) -> None:
    short.test_several_instructions_in_a_row(seed, tmp_path)
