"""Page faults are precise: random instructions of ring 3 over pages that are missing, read-only or not theirs, and over page edges."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sim.machine import Ending
from sim.oracles import qemu, rtl
from sim.oracles.faults import Expected, expected_faults, fault_difference
from sim.programs.faults import generate_faults
from sim.programs.lockstep_image import LockstepImage, build_image

COUNT = 500
MEMORY = 16 << 20
PAGE_FAULT = 14
WRITE = 2


def _failures(image: LockstepImage, read: Callable[[int, int], bytes], right: list[Expected]) -> list[str]:
    out = []
    for case, expected in zip(image.cases, right, strict=True):
        lines = list(fault_difference(case, expected, image.result(case, read)))
        if lines:
            pages = f"pages {case.meta['page_0']} {case.meta['page_1']}"
            out.append("\n  ".join([case.describe(), pages, *lines]))
    return out


def test_processor_faults_precisely(seed: int, tmp_path: Path) -> None:
    for part in range(3):
        image = build_image(generate_faults(seed + part, COUNT))
        path = tmp_path / "image.elf"
        path.write_bytes(image.elf)
        done = rtl.run(path, memory=MEMORY)
        assert done.ending is Ending.EXIT, done.outcome
        right = expected_faults(image)
        assert sum(e.result.vector == PAGE_FAULT for e in right) > COUNT // 5
        failures = _failures(image, done.read, right)
        assert not failures, f"{len(failures)} of {COUNT}\n" + "\n".join(failures[:5])


def _as_qemu(expected: Expected) -> Expected:
    """QEMU reads before it writes, and says so: in the error code and, across two pages, by the page that cannot be read."""
    return replace(expected, faults=expected.faults | expected.as_read | {(cr2, error & ~WRITE) for cr2, error in expected.faults})


def test_qemu_agrees(seed: int) -> None:
    """But for rotates through carry, whose flags QEMU changes before the store faults, and the error code of what reads, then writes."""
    cases = [c for c in generate_faults(seed, COUNT) if c.name not in ("rcl", "rcr")]
    image = build_image(cases)
    done = qemu.run(image.elf, memory=True)
    assert done.status == 1, done
    right = [_as_qemu(e) for e in expected_faults(image)]
    failures = _failures(image, done.read, right)
    assert not failures, "\n".join(failures[:5])


def test_an_imprecise_fault_is_found(seed: int) -> None:
    image = build_image(generate_faults(seed, 200))
    found = 0
    for case, expected in zip(image.cases, expected_faults(image), strict=True):
        if expected.result.vector != PAGE_FAULT:
            continue
        found += 1
        cr2, error = next(iter(expected.faults))
        right = replace(expected.result, cr2=cr2, error=error)
        assert not list(fault_difference(case, expected, right))
        gprs = right.gprs
        for wrong in (
            replace(right, gprs=(*gprs[:4], (gprs[4] + 4) & 0xFFFF_FFFF, *gprs[5:])),
            replace(right, cr2=cr2 + 1),
            replace(right, error=error ^ WRITE),
            replace(right, eip=right.eip + 1),
        ):
            assert list(fault_difference(case, expected, wrong)), case.describe()
    assert found > 20
