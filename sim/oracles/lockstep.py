"""Random instructions for as long as asked: ``python -m sim.oracles.lockstep --machine rtl --seed 1 --runs 20``.

Each failing case is reduced to the simplest state that still fails, printed as bytes and state, and kept with ``--keep FILE``
(``cocotb_tests/lockstep/regressions.json`` is replayed by the tests).
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from sim.oracles import qemu
from sim.oracles.compare import Failure, compare, reduce_case, save_regression
from sim.oracles.unicorn_oracle import expected_results
from sim.programs.case import LAYOUTS, Case, Mode, Result
from sim.programs.families import families
from sim.programs.generate import generate
from sim.programs.lockstep_image import LockstepImage, build_image
from sim.programs.streams import generate_streams

__all__ = ["main", "run_on_qemu", "run_on_rtl"]

MEMORY = 8 << 20  # bytes in which every layout lies
Read = Callable[[int, int], bytes]
Machine = Callable[[LockstepImage], Read]


def run_on_rtl(image: LockstepImage) -> Read:
    """Run an image on the simulated machine; how to read its memory afterwards."""
    from sim.oracles import rtl

    with tempfile.TemporaryDirectory(prefix="ringfence-lockstep-") as folder:
        path = Path(folder) / "image.elf"
        path.write_bytes(image.elf)
        return rtl.run(path, memory=MEMORY).read


def run_on_qemu(image: LockstepImage) -> Read:
    """The same on QEMU."""
    return qemu.run(image.elf, memory=True).read


def _pairs(machine: Machine, cases: Sequence[Case]) -> list[tuple[Result, Result]]:
    image = build_image(cases)
    expected = expected_results(image)
    read = machine(image)
    return [(want, image.result(case, read)) for case, want in zip(cases, expected, strict=True)]


def _draw(arguments: argparse.Namespace, seed: int) -> list[Case]:
    if arguments.streams:
        return generate_streams(seed, min(arguments.cases, 1000))
    mode = Mode(arguments.mode)
    return generate(seed, mode, min(arguments.cases, LAYOUTS[mode].cases), arguments.family)


def _one_run(arguments: argparse.Namespace, seed: int, machine: Machine) -> list[Failure]:
    cases = _draw(arguments, seed)
    image = build_image(cases, arguments.paging)
    failures = compare(image, expected_results(image), machine(image))
    print(f"seed {seed}: {len(cases)} cases, {len(failures)} wrong", flush=True)
    return failures


def main(words: Sequence[str] | None = None) -> int:
    """The command; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m sim.oracles.lockstep", description=__doc__)
    parser.add_argument("--machine", choices=("rtl", "qemu"), default="rtl")
    parser.add_argument("--mode", choices=[m.value for m in Mode], default=Mode.PROTECTED_32.value)
    parser.add_argument("--family", action="append", default=[], choices=families())
    parser.add_argument("--streams", action="store_true", help="several instructions in a row")
    parser.add_argument("--paging", action="store_true")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--reduce", type=int, default=1, metavar="N", help="reduce the first N failures of a run")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="add reduced cases to this file")
    arguments = parser.parse_args(words)
    machine = {"rtl": run_on_rtl, "qemu": run_on_qemu}[arguments.machine]
    wrong = 0
    for seed in range(arguments.seed, arguments.seed + arguments.runs):
        failures = _one_run(arguments, seed, machine)
        wrong += len(failures)
        for failure in failures[: arguments.reduce]:
            try:
                reduced = reduce_case(failure.case, lambda cases: _pairs(machine, cases))
            except ValueError:  # only in company
                reduced = failure
            print(reduced, flush=True)
            if arguments.keep:
                save_regression(arguments.keep, reduced, f"seed {seed}: {reduced.differences[0]}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
