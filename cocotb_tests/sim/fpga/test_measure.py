"""``ringfence measure``: what it measures is the circuit inside the frame, all seeds are told; and its words on what cannot be."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.tables import net
from contracts.policy_map import Format
from sim.fpga import fast_mapping, measure
from sim.fpga.bare import KINDS, Bare, circuits
from sim.fpga.toolchain import ECP5, YOSYS, Area, slowest_clock
from sim.paths import BUILD

__all__: list[str] = []

WIDTH = 24
SEE = "(see ringfence measure --help)"


class Parities(wiring.Component):
    """Known before it is measured: a flip-flop a bit, and a table of three inputs for each but the ends, which have one of two."""

    bits: In(WIDTH)
    near: Out(WIDTH)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        kept = self.bits
        m.d.sync += self.near.eq(kept ^ (kept << 1)[:WIDTH] ^ (kept >> 1))
        return m


class Joined(wiring.Component):
    """A table of four inputs; three tables if each half is on a net of its own."""

    bits: In(4)
    both: Out(1)

    def __init__(self, *, nets: bool) -> None:
        self._nets = nets
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        halves = (self.bits[:2].all(), self.bits[2:].all())
        first, second = (net(m, half, f"half{n}") for n, half in enumerate(halves)) if self._nets else halves
        m.d.comb += self.both.eq(first & second)
        return m


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(measure, "BUILD", tmp_path)
    return tmp_path


def test_the_frame_does_not_count(elsewhere: Path) -> None:
    """The frame has more flip-flops than the circuit, and tables of its own."""
    area = measure.area_of(Bare("parities", 1, (), 0, Parities))
    assert area == Area(luts=WIDTH, flip_flops=WIDTH, block_rams=0, multipliers=0)
    whole = ECP5.area(json.loads((elsewhere / "measure" / "parities-1" / "stat.json").read_text()))
    assert whole.flip_flops > 2 * WIDTH and whole.luts > 0


@pytest.mark.usefixtures("elsewhere")
def test_synthesis_stops_at_nets() -> None:
    assert measure.area_of(Bare("nets", 1, (), 0, lambda: Joined(nets=True))).luts == 3
    assert measure.area_of(Bare("none", 1, (), 0, lambda: Joined(nets=False))).luts == 1


def test_what_has_changed_is_measured_anew(elsewhere: Path) -> None:
    bare = Bare("parities", 1, (), 0, Parities)
    measure.area_of(bare)
    statistics = elsewhere / "measure" / bare.name / "stat.json"
    done = statistics.stat().st_mtime_ns
    measure.area_of(bare)
    assert statistics.stat().st_mtime_ns == done
    (elsewhere / "measure" / bare.name / "synthesized").write_text("another circuit")
    measure.area_of(bare)
    assert statistics.stat().st_mtime_ns > done


def test_all_seeds_are_told() -> None:
    clocks = measure.Clocks({1: 140.0, 2: 160.0, 3: 151.0, 4: 150.0})
    assert (clocks.lowest, clocks.median, clocks.best, clocks.reaching) == (140.0, 150.5, 160.0, 3)
    assert slowest_clock({"fmax": {"a": {"achieved": 151.5, "constraint": 150}, "b": {"achieved": 99.5, "constraint": 12}}}) == 99.5


def test_which_circuits() -> None:
    uniform, all_of_them = (Format.UNIFORM,), tuple(Format)
    wanted = [(c.kind, c.requesters, c.formats) for c in circuits(KINDS, (1, 4), (uniform, all_of_them), 2)]
    assert wanted == [
        ("guard", 1, uniform), ("guard", 1, all_of_them), ("guard", 4, uniform), ("guard", 4, all_of_them), ("merge", 4, ()),
        ("axi4", 1, uniform), ("axi4", 4, uniform), ("wishbone", 1, uniform), ("wishbone", 4, uniform),
    ]  # fmt: skip
    assert [(c.kind, c.requesters) for c in circuits(KINDS[1:], (1, 16), (uniform,), 1)] == [
        ("merge", 16), ("axi4", 1), ("axi4", 16), ("wishbone", 1), ("wishbone", 16)
    ]  # fmt: skip
    names = [c.name for c in circuits(KINDS, (1, 4), (uniform, all_of_them), 2)]
    assert len(set(names)) == len(names)


def command(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "sim.cli.main", "measure", *options], capture_output=True, text=True, check=False)


@pytest.mark.regress
def test_the_guard_of_four_is_as_small_as_is_said(tmp_path: Path) -> None:
    """The command, synthesis alone: at most 700 tables, and no block RAM."""
    output = tmp_path / "measure.json"
    done = command("--circuits", "guard", "--requesters", "4", "--formats", "uniform", "--output", str(output))
    assert done.returncode == 0, done.stderr
    said = re.fullmatch(
        r"guard-4-uniform-1: (\d+) LUT4, (\d+) flip-flops, 0 block RAMs\nwritten to .*measure\.json\n", done.stdout
    )  # fmt: skip
    assert said is not None, done.stdout
    (entry,) = json.loads(output.read_text())["circuits"]
    assert (entry["luts"], entry["flip_flops"], entry["block_rams"]) == (int(said[1]), int(said[2]), 0)
    assert (entry["requesters"], entry["formats"], entry["cached_words"]) == (4, ["uniform"], 1)
    assert 400 < entry["luts"] <= 700
    assert "clock_mhz" not in entry


@pytest.mark.regress
def test_the_largest_guard_fits_in_the_mappers_stack(tmp_path: Path) -> None:
    """Behind 16 ports of AXI4, with the stack that the mapper is given; with what it has by itself it fails."""
    output = tmp_path / "measure.json"
    done = command("--circuits", "axi4", "--requesters", "16", "--formats", "uniform", "--output", str(output))
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(output.read_text())["circuits"]
    assert (entry["circuit"], entry["requesters"]) == ("axi4", 16)
    (bare,) = circuits(("axi4",), (16,), ((Format.UNIFORM,),), 1)
    script = f"read_rtlil {BUILD / 'measure' / bare.name / 'top.il'}; {'; '.join(fast_mapping.script(measure._FRAMED))}"
    plain = subprocess.run([Path(sys.executable).parent / YOSYS, "-p", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert plain.returncode != 0 and "stack" in plain.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--requesters", "4,17"), f"Invalid value for '--requesters': 17 is not in the range 1<=x<=16 {SEE}"),
        (("--requesters", "four"), f"Invalid value for '--requesters': 'four' is not a valid integer range {SEE}"),
        (("--formats", "none"), f"Invalid value for '--formats': 'none' is none of uniform, per-requester, per-requester-and-access, all "
         f"(more than one with commas) {SEE}"),
        (("--circuits", "guard,cpu"), f"Invalid value for '--circuits': 'cpu' is none of guard, merge, axi4, wishbone "
         f"(more than one with commas) {SEE}"),
        (("--cached-words", "3"), "3 cached words: a power of two, 1 to 64, is needed"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_line(options: tuple[str, str], words: str) -> None:
    done = command(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [f"ringfence: {words}"]


def test_an_output_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    done = command("--output", str(tmp_path / "file" / "measure.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "measure.json: " in done.stderr and "synthesis" not in done.stderr
    assert (tmp_path / "file").read_text() == "kept"
