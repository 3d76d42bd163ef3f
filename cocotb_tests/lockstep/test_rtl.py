"""The processor in lockstep with unicorn: random instructions of every family, in protected and real mode, with and without paging."""

from pathlib import Path

import pytest

from sim.machine import Ending
from sim.oracles import qemu, rtl
from sim.oracles.compare import compare, load_regressions
from sim.oracles.unicorn_oracle import expected_results
from sim.programs.case import LAYOUTS, Case, Mode
from sim.programs.families import FORMS, families
from sim.programs.generate import generate
from sim.programs.lockstep_image import build_image
from sim.programs.streams import generate_streams

LEAST = 2000  # cases of a family, both modes together
COUNTS = {Mode.PROTECTED_32: 1300, Mode.REAL_16: 700}
MEMORY = 8 << 20
STREAMS = 500
SHOWN = 5
REGRESSIONS = Path(__file__).parent / "regressions.json"
REAL_ONLY = {family for family in families() if all(f.real_only for f in FORMS if f.family == family)}
RUNS = [(family, mode) for family in families() for mode in COUNTS if family not in REAL_ONLY or mode is Mode.REAL_16]


def _hold(cases: list[Case], folder: Path, *, paging: bool = False) -> None:
    image = build_image(cases, paging, low_loader=True)
    path = folder / "image.elf"
    path.write_bytes(image.elf)
    done = rtl.run(path, memory=MEMORY)
    failures = compare(image, expected_results(image), done.read)
    text = "\n".join(str(f) for f in failures[:SHOWN])
    assert done.ending is Ending.EXIT, f"{done.outcome}\n{text}"
    assert not failures, f"{len(failures)} of {len(cases)} cases\n{text}"


def sizes(family: str, mode: Mode) -> list[int]:
    """Cases of each image: a family of real mode alone takes several, as an image has room for fewer."""
    if family not in REAL_ONLY:
        return [COUNTS[mode]]
    images = -(-LEAST // LAYOUTS[mode].cases)
    return [-(-LEAST // images)] * images


@pytest.mark.parametrize(("family", "mode"), RUNS, ids=lambda v: v.value if isinstance(v, Mode) else v)
def test_family(family: str, mode: Mode, seed: int, tmp_path: Path) -> None:
    for part, count in enumerate(sizes(family, mode)):
        _hold(generate(seed + part, mode, count, (family,)), tmp_path)


@pytest.mark.parametrize("family", families())
def test_every_family_has_thousands_of_cases(family: str) -> None:
    assert sum(sum(sizes(family, mode)) for of, mode in RUNS if of == family) >= LEAST


def test_all_families_with_paging(seed: int, tmp_path: Path) -> None:
    _hold(generate(seed, Mode.PROTECTED_32, 3000), tmp_path, paging=True)


def test_several_instructions_in_a_row(seed: int, tmp_path: Path) -> None:
    _hold(generate_streams(seed, STREAMS), tmp_path)


def _groups(cases: list[Case]) -> list[list[Case]]:
    """Kept cases that can share an image: one mode, each place once."""
    groups: list[list[Case]] = []
    for case in cases:
        for group in groups:
            if group[0].mode is case.mode and all(
                c.index != case.index and c.window_address != case.window_address for c in group
            ):  # fmt: skip
                group.append(case)
                break
        else:
            groups.append([case])
    return [sorted(g, key=lambda c: c.index) for g in groups]


@pytest.mark.parametrize("machine", ["rtl", "qemu"])
def test_kept_cases(machine: str, tmp_path: Path) -> None:
    cases = load_regressions(REGRESSIONS)
    assert cases, "the file of kept cases is empty"
    for group in _groups(cases):
        if machine == "rtl":
            _hold(group, tmp_path)
        else:
            image = build_image(group)
            done = qemu.run(image.elf, memory=True)
            assert not compare(image, expected_results(image), done.read)
