"""The judges themselves: unicorn and QEMU agree on random instructions, and a wrong result does not pass."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sim.oracles import qemu
from sim.oracles.compare import compare, difference, reduce_case
from sim.oracles.undefined import ORACLE_ERRORS, UNDEFINED, flag_mask
from sim.oracles.unicorn_oracle import expected_results
from sim.programs.case import NO_VECTOR, Case, Flag, Mode, Result
from sim.programs.families import FORMS, families
from sim.programs.generate import generate
from sim.programs.lockstep_image import build_image
from sim.programs.streams import generate_streams

COUNTS = {Mode.PROTECTED_32: 4000, Mode.REAL_16: 880}


@pytest.mark.parametrize("mode", list(COUNTS), ids=lambda m: m.value)
def test_unicorn_and_qemu_agree(mode: Mode, seed: int) -> None:
    image = build_image(generate(seed, mode, COUNTS[mode]))
    done = qemu.run(image.elf, memory=True)
    assert done.status == 1, done
    failures = compare(image, expected_results(image), done.read)
    assert not failures, "\n".join(map(str, failures[:5]))


def test_unicorn_and_qemu_agree_on_several_in_a_row(seed: int) -> None:
    image = build_image(generate_streams(seed, 300))
    done = qemu.run(image.elf, memory=True)
    assert done.status == 1, done
    assert {c.name for c in image.cases} >= {f"{n}_instructions" for n in (7, 8, 9, 10, 11)}
    failures = compare(image, expected_results(image), done.read)
    assert not failures, "\n".join(map(str, failures[:5]))


def test_every_form_is_drawn_and_every_family_ends_both_ways(seed: int) -> None:
    seen, vectors = set(), set()
    for mode in COUNTS:
        image = build_image(generate(seed, mode, COUNTS[mode]))
        seen |= {(c.family, c.name) for c in image.cases}
        vectors |= {r.vector for r in expected_results(image)}
    assert {f.family for f in FORMS} == {family for family, _ in seen} == set(families())
    missing = {(f.family, f.name) for f in FORMS} - seen
    assert len(missing) <= 2, missing
    assert {NO_VECTOR, 0, 3, 4, 5, 6} <= vectors


def test_same_seed_same_cases(seed: int) -> None:
    assert generate(seed, Mode.PROTECTED_32, 50) == generate(seed, Mode.PROTECTED_32, 50)
    assert generate(seed, Mode.PROTECTED_32, 50) != generate(seed + 1, Mode.PROTECTED_32, 50)


def _mutations(case: Case, right: Result, rng: random.Random) -> dict[str, Result]:
    """One wrong bit in each part of a result that is compared."""
    number = rng.randrange(8)
    gprs = list(right.gprs)
    gprs[number] ^= 1 << rng.randrange(32)
    compared = [bit for bit in (Flag.CF, Flag.ZF, Flag.DF, Flag.IF) if flag_mask(case) & bit]
    window = bytearray(right.window)
    window[rng.randrange(8)] ^= 0x10  # below every stack pointer
    selectors = list(right.selectors)
    selectors[rng.choice((0, 2, 3, 4, 5))] ^= 8
    return {
        "register": replace(right, gprs=tuple(gprs)),
        "flag": replace(right, eflags=right.eflags ^ rng.choice(compared)),
        "memory": replace(right, window=bytes(window)),
        "selector": replace(right, selectors=tuple(selectors)),
        "exception": replace(right, vector=13 if right.vector == NO_VECTOR else NO_VECTOR),
    }


@pytest.mark.parametrize("mode", list(COUNTS), ids=lambda m: m.value)
def test_a_wrong_bit_is_found(mode: Mode, seed: int) -> None:
    rng = random.Random(seed)
    image = build_image(generate(seed, mode, 400))
    for case, right in zip(image.cases, expected_results(image), strict=True):
        assert not list(difference(case, right, right))
        if any(row.matches(case) for row in ORACLE_ERRORS):
            continue
        for part, wrong in _mutations(case, right, rng).items():
            assert list(difference(case, right, wrong)), f"{part}\n{case.describe()}"


def test_a_failing_case_is_reduced(seed: int) -> None:
    """A machine whose ADD forgets the carry out of bit 15: the reduction keeps failing and drops what does not matter."""

    def run(cases: Sequence[Case]) -> list[tuple[Result, Result]]:
        image = build_image(cases)
        out = []
        for case, right in zip(cases, expected_results(image), strict=True):
            lost = (case.gprs[0] & 0xFFFF) + (case.gprs[3] & 0xFFFF) > 0xFFFF
            wrong = replace(right, gprs=((right.gprs[0] - 0x1_0000 * lost) & 0xFFFF_FFFF, *right.gprs[1:]))
            out.append((right, wrong))
        return out

    case = next(c for c in generate(seed, Mode.PROTECTED_32, 50) if not c.pool)
    case = replace(case, name="add", family="alu", code=bytes.fromhex("01d8"), gprs=(0x1234_FFFF, 1, 2, 0x8765_8001, case.gprs[4], 5, 6, 7))
    failure = reduce_case(case, run)
    gprs = failure.case.gprs
    assert failure.differences
    assert (gprs[1], gprs[2], gprs[5], gprs[6], gprs[7]) == (0, 0, 0, 0, 0)
    assert gprs[0] == 0xFFFF
    assert gprs[3] == 0x8001
    assert not any(failure.case.window)


def test_every_row_of_the_tables_applies_to_something(seed: int) -> None:
    cases = [c for mode in COUNTS for s in (seed, seed + 1) for c in generate(s, mode, COUNTS[mode])]
    cases += generate(seed, Mode.REAL_16, 800, ("stack", "alu"))
    for row in UNDEFINED:
        assert any(c.name in row.names and row.when(c) for c in cases), row.reason
    for error in ORACLE_ERRORS:
        assert any(error.matches(c) for c in cases), error.reason
