"""``report.json`` says how the kernel's time was counted, and how much of the attacks' runs it was."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cocotb_tests.sim.sanctuary.test_html import pair
from contracts.host_link import KERNEL_CYCLES_PER_EXIT
from firmware.guests.attacks import ATTACKS
from sim.kernel_time import KernelTime
from sim.sanctuary import runs
from sim.sanctuary.evidence import Evidence
from sim.sanctuary.groups import Group
from sim.sanctuary.judge import Verdict
from sim.sanctuary.report import report, write_report
from sim.sanctuary.runs import Kind, Results, Run, run_all

__all__ = ["branch", "start"]

BEGUN = KernelTime(1000, 300, 200)  # a start that both runs share
ENDS = {False: KernelTime(1500, 400, 250), True: KernelTime(3000, 900, 600)}


def start() -> None:
    """Nothing is needed for it."""


def branch(_: None, run: Run) -> Any:
    evidence = Evidence(run.name, 0, range(0), kernel_time=ENDS[run.control])
    return runs._Attacked(evidence, Verdict(True, run.control, True, True, True, True, "seen", "found"), BEGUN)


def test_a_shared_start_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def one(*_: object) -> Iterator[Group]:
        name = ATTACKS[0].name
        yield Group(start, branch, (Run(Kind.ATTACK, name, "protected"), Run(Kind.ATTACK, name, "control", control=True)))

    monkeypatch.setattr(runs, "scenario", one)
    results = run_all(ATTACKS[:1], 1)
    assert results.attacks_time == KernelTime(1000 + 500 + 2000, 300 + 100 + 600, 200 + 50 + 400)
    assert results.cycles == 3500 and len(results.pairs) == 1


def test_the_kernels_time_is_told(tmp_path: Path) -> None:
    results = Results(pairs=[pair("map_read_guest2")], attacks_time=KernelTime(900, 70, 8))
    content = json.loads(write_report(tmp_path, report(results, 1, tmp_path)).read_text())
    told = content["kernel_time"]
    assert (told["cycles"], told["kernel_cycles"], told["link_cycles"]) == (900, 70, 8)
    assert told["kernel_cycles_per_command"] == KERNEL_CYCLES_PER_EXIT
    assert f"{KERNEL_CYCLES_PER_EXIT} cycles are declared for each command" in told["how_it_is_counted"]
