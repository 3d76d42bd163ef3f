"""``ringfence bench``: what it reads, what it computes, and, in the long run, that the figures come out of the machine and are sane."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from cocotb_tests.sim.test_run import HELLO, out, write
from contracts.memory_map import Port
from sim.bench.figures import Figures, dmips_per_mhz
from sim.bench.programs import BenchError, GuestRun, Overhead, numbers, run_natively
from sim.cli import bench
from sim.cli.main import main
from sim.machine import MachineConfig

__all__: list[str] = []

PROMISED = (
    "cpi", "dhrystone_dmips_per_mhz", "guest_to_native_ratio", "vmrun_round_trip_cycles", "dma_throughput_ratio", "late_launch_cycles",
    "guard_streaming_ratio", "guard_random_ratio", "simulated_cycles_per_second",
)  # fmt: skip


def test_the_promised_keys_are_there() -> None:
    assert set(PROMISED) <= {f.name for f in fields(Figures)}


def test_numbers_of_a_line() -> None:
    assert numbers("x: 12 runs, 3456 cycles\n", r"(\d+) runs, (\d+) cycles") == (12, 3456)
    with pytest.raises(BenchError, match="said 'nothing'"):
        numbers("nothing\n", r"(\d+)")


def test_dmips() -> None:
    assert dmips_per_mhz(1757, 1_000_000) == 1.0
    assert dmips_per_mhz(100, 2 * 56_915) == pytest.approx(0.5, rel=1e-4)


def test_the_cost_of_the_timed_part_alone_counts() -> None:
    """Five marks; the program printed at cycle 1000 that it had measured 500."""
    marks = [
        Overhead(100, 1000, 10, {"EXCEPTION_14": 1}),
        Overhead(400, 3000, 30, {"EXCEPTION_14": 3}),
        Overhead(600, 4000, 40, {"EXCEPTION_14": 3, "INTR": 1}),
        Overhead(900, 5000, 55, {"EXCEPTION_14": 3, "INTR": 2}),
        Overhead(1001, 6000, 60, {"EXCEPTION_14": 3, "INTR": 2, "VMMCALL": 1}),
    ]
    run = GuestRun("", marks, 1000)
    assert run.before_output(500) == Overhead(500, 2000, 25, {"INTR": 2})
    assert run.before_output(50) == Overhead(0, 0, 0, {})
    assert run.before_output(700).exits == {"EXCEPTION_14": 2, "INTR": 2}


def test_a_program_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"failed: the program wrote to the exit port \(exit status 33\); it said 'serial'") as caught:
        run_natively(write(tmp_path, HELLO), config=MachineConfig())
    assert "\n" not in str(caught.value)


def test_a_program_that_succeeds(tmp_path: Path) -> None:
    header = HELLO[: HELLO.index(b"\xba")]
    done = run_natively(write(tmp_path, header + out(Port.COM1, ord("7")) + out(Port.EXIT, 0)))
    assert done.said == "7" and done.outcome.cycles > done.outcome.instructions > 6


@pytest.mark.parametrize(
    ("name", "message"), [("file/bench.json", "file"), ("folder", "is a directory"), ("guard_random.svg", "would overwrite")]
)
def test_an_output_that_cannot_be_written_is_told_before_anything_is_measured(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(bench, "measure", lambda *_: pytest.fail("measured"))
    done = CliRunner().invoke(main, ["bench", "--output", str(tmp_path / name)])
    assert (done.exit_code, done.stdout) == (2, "") and done.stderr.count("\n") == 1 and message in done.stderr
    assert (tmp_path / "file").read_text() == "kept" and not (tmp_path / "guard_random.svg").exists()


@pytest.mark.regress
def test_everything_is_measured(tmp_path: Path) -> None:
    """On the whole machine. The bounds are wide: they catch a figure that is upside down, or a run in which nothing was measured."""
    output = tmp_path / "bench.json"
    done = CliRunner().invoke(main, ["bench", "--runs", "100", "--output", str(output)])
    assert done.exit_code == 0, done.output
    found = json.loads(output.read_text())
    assert set(PROMISED) <= set(found)
    assert 1 < found["cpi"] < 8
    assert 0.1 < found["dhrystone_dmips_per_mhz"] < 3
    assert found["guest_to_native_ratio"] > found["guest_to_native_ratio_without_kernel"] > 0.9
    assert found["guest_to_native_ratio_without_kernel"] > found["guest_to_native_ratio_without_kernel_and_link"] > 0.9
    assert found["guest_to_native_ratio"] < 1.5
    assert found["guest_exits"]["INTR"] >= 1
    assert 100 < found["vmrun_round_trip_cycles"] < found["vmrun_round_trip_with_state_cycles"] < 5000
    assert 0.9 < found["dma_throughput_ratio"] <= 1.01
    assert found["late_launch_cycles"] == sum(found["late_launch_parts"].values()) and min(found["late_launch_parts"].values()) > 0
    assert list(found["sealed_calls"]) == ["SEAL", "UNSEAL", "ATTEST"]
    assert found["guard_streaming_ratio"] == min(ratio for kinds in found["guard_streaming"].values() for ratio in kinds.values())
    assert 0.995 < found["guard_streaming_ratio"] <= 1
    assert found["guard_random_range_mib"] == [1 << n for n in range(11)]
    for by_words in found["guard_random_ratio"].values():
        assert all(0.5 < line[-1] <= line[0] < 1 and len(line) == 11 for line in by_words.values())
        assert by_words["16"][0] > by_words["2"][0]
    assert (tmp_path / "guard_random.svg").read_text().count("<polyline") == 3 * 5
    assert 500 < found["native_instructions_per_run"] < 800
    assert found["simulated_cycles_per_second"] > 10_000 and found["reference_cycles_per_second"] > 10_000
    assert f"written to {output} and {tmp_path / 'guard_random.svg'}" in done.output
