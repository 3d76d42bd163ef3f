"""Waveforms: what a window holds, its file read back by vcdvcd, one window of the real machine, and the names beside them."""

import os
import shutil
from pathlib import Path

import pytest
from amaranth.hdl import Signal as Wire
from click.testing import CliRunner

from chipset.boards.simulation import view_ports
from cocotb_tests.sim.test_run import HELLO, load
from cocotb_tests.vcd_file import VCDVCD
from contracts.exit_codes import ExitCode
from cpu_ext.extension import Svm
from firmware.build import guest
from firmware.guests.attack import Stage
from rtl.microcode.rom import build
from sim.cli import wave
from sim.machine import Machine
from sim.machine_top import VIEW
from sim.model.layout import RecordDecoder
from sim.sanctuary.evidence import Evidence, Step
from sim.sanctuary.waves import (
    CYCLE_NS,
    GUEST1_SIGNAL,
    SCOPE,
    Window,
    clip,
    cycles_in,
    draw,
    draw_attack,
    moments,
    view_decoder,
    view_signals,
)
from sim.sanctuary.waves_names import GROUPS, filters, fst_name, vcd_name, write_names

__all__: list[str] = []

_DECODER = view_decoder()
_WIDTHS = {s.name: s.width for s in view_signals(_DECODER.fields)}


def entry(cycle: int, **values: int) -> bytes:
    """A record of the view; fields with ``__`` for dots."""
    word = 1
    for name, value in values.items():
        word |= value << _DECODER.fields[name.replace("__", ".")].offset
    return cycle.to_bytes(8, "little") + word.to_bytes(_DECODER.stride - 8, "little")


def changes(path: Path, name: str) -> list[tuple[int, int]]:
    """Cycle and value of a signal's changes."""
    return [(time // CYCLE_NS, int(value, 2)) for time, value in VCDVCD(str(path))[f"{SCOPE}.{name}"].tv]


class Model:
    """Notes what is asked of its recorder."""

    def __init__(self) -> None:
        self.on = False
        self.taken = 0

    def record(self, name: str, on: bool = True, keep_last: int = 0) -> None:
        assert name == "view" and (keep_last > 0 or not on)  # never without bounds
        self.on = on

    def take_record_bytes(self, _name: str) -> bytes:
        self.taken += 1
        return b"window"


@pytest.mark.parametrize(
    ("stages", "cycle", "recording"),
    [
        ({}, 10_000_000, True),
        ({Stage.ATTEMPTING: 1000}, 60_999, True),
        ({Stage.ATTEMPTING: 1000}, 61_000, False),
        ({Stage.ATTEMPTING: 1000, Stage.ATTEMPTED: 2000}, 3499, True),
        ({Stage.ATTEMPTING: 1000, Stage.ATTEMPTED: 2000}, 3500, False),
    ],
)
def test_recording_stops_soon_after_the_attempt(stages: dict[int, int], cycle: int, recording: bool) -> None:
    model = Model()
    window = Window(model)
    window.start()
    window.look(cycle, stages)
    assert (window.recording, model.on) == (recording, recording)
    window.stop()
    window.stop()
    assert (window.raw, model.taken, model.on) == (b"window", 1, False)


def test_moments_are_those_that_the_judge_names() -> None:
    assert cycles_in("EIP 0x10: starts the DMA engine, in cycle 25; OUT retired in cycle 31") == [25, 31]
    assert moments([31, 25], {Stage.ATTEMPTING: 3}) == (25, 31)
    assert moments([], {Stage.BOOTED: 1, Stage.ATTEMPTING: 3, Stage.ATTEMPTED: 9}) == (3, 9)


def test_window_is_cut_from_what_was_recorded() -> None:
    assert clip(5000, 5200, 0, 100_000) == range(4000, 6201)
    assert clip(500, 500, 0, 900) == range(901)
    assert clip(5000, 90_000, 0, 100_000) == range(4000, 10_001)
    assert clip(0, 0, 50_000, 60_000) == range(57_500, 59_501)  # the moment itself is not there: the end of what is


def test_file_says_what_was_recorded(tmp_path: Path) -> None:
    raw = entry(100, core__eip=0x10, core__cr3=0x1000) + entry(101, core__eip=0x20, core__cr3=0x2000, core__context__guest=1)
    raw += entry(102, core__eip=0x20, core__cr3=0x2000, core__context__guest=1, denial__valid=1, denial__address=0xABC000)
    raw += entry(103, core__eip=0x30, core__cr3=0x3000, core__context__guest=1, core__context__exit_code=ExitCode.VMMCALL)
    evidence = Evidence("dma_read_guest2", 0, range(0), {Stage.ATTEMPTING: 101}, steps=[Step(101, 0x20, b"\x90", 0)], window=raw)
    path = draw_attack(tmp_path, evidence, "in cycle 102")
    assert path == tmp_path / "dma_read_guest2.vcd"
    assert changes(path, "core.eip") == [(100, 0x10), (101, 0x20), (103, 0x30)]
    assert changes(path, "denial.valid") == [(100, 0), (102, 1), (103, 0)]
    assert changes(path, "denial.address") == [(100, 0), (102, 0xABC000), (103, 0)]
    assert changes(path, "core.context.exit_code")[-1] == (103, ExitCode.VMMCALL)
    assert changes(path, GUEST1_SIGNAL) == [(100, 0), (101, 0x20), (103, 0)]  # neither ring -1's nor another guest's EIP
    assert VCDVCD(str(path)).begintime == 100 * CYCLE_NS


def test_nothing_recorded_nothing_drawn(tmp_path: Path) -> None:
    assert draw_attack(tmp_path, Evidence("none", 0, range(0)), "in cycle 1") is None
    assert not list(tmp_path.iterdir())


def test_window_of_the_real_machine(tmp_path: Path) -> None:
    """The EIP in the waves is that of each instruction in the cycle in which it is retired; the bus moves."""
    with Machine() as machine:
        load(machine, tmp_path, HELLO)
        machine.record()
        machine.model.record("view", keep_last=2000)
        machine.run(1_000_000)
        raw = machine.model.take_record_bytes("view")
        retired = [r for r in machine.records() if r.instruction_valid and not r.instruction_event]
    decoder: RecordDecoder = _DECODER
    last = int.from_bytes(raw[-decoder.stride : -decoder.stride + 8], "little")
    path = tmp_path / "real.vcd"
    assert draw(path, decoder, raw, [last - 700], {})
    vcd = VCDVCD(str(path))
    eip, micro_op, bus = (vcd[f"{SCOPE}.{name}"] for name in ("core.eip", "core.micro_op", "bus.request.address"))
    inside = [r for r in retired if vcd.begintime // CYCLE_NS + 10 <= r.cycle <= vcd.endtime // CYCLE_NS]
    assert len(inside) > 50
    distinct = {int(value, 2) for _, value in eip.tv}
    assert {r.instruction_eip for r in inside} <= distinct
    for r in inside:  # the port tells of an instruction when it has ended: it was in hand in one of the cycles before
        seen = {int(eip[cycle * CYCLE_NS], 2) for cycle in range(r.cycle - 3, r.cycle + 1)}
        assert r.instruction_eip in seen, f"cycle {r.cycle}: {r.instruction_eip:#x}, in the waves {[hex(s) for s in seen]}"
    assert len(micro_op.tv) > 50 and len(bus.tv) > 5
    assert {int(value, 2) for _, value in vcd[f"{SCOPE}.core.context.guest"].tv} == {0}  # a native program


def test_every_grouped_signal_is_in_both_kinds_of_waves() -> None:
    ports = {name: len(value) for name, value in view_ports(Wire(VIEW))}
    for name, _ in (signal for group in GROUPS.values() for signal in group):
        if name != GUEST1_SIGNAL:
            assert name in _WIDTHS
        port = fst_name(name, _WIDTHS.get(name, 32)).removeprefix("top.").partition("[")[0]
        assert ports[port] == _WIDTHS.get(name, 32)


def test_names_beside_the_waves(tmp_path: Path) -> None:
    rom, image = build(Svm()), guest("attacker")
    texts = filters(rom, image)
    assert f"{ExitCode.VMMCALL:02x} VMMCALL" in texts["exits"].splitlines()
    assert f"{rom.labels['deliver_event']:03x} deliver_event" in texts["microcode"].splitlines()
    assert any(" dma_read: push ebp" in line for line in texts["instructions"].splitlines())
    whole = tmp_path / "run.fst"
    save = write_names(tmp_path, rom, image, _WIDTHS, whole)
    lines = save.read_text().splitlines()
    for group, signals in GROUPS.items():
        start, end = (n for n, line in enumerate(lines) if line == f"-{group}")
        assert [line.split()[-1] for line in lines[start:end] if line.startswith("+")] == [
            vcd_name(s, _WIDTHS.get(s, 32)) for s, _ in signals
        ]
    for line in lines:
        if line.startswith("^"):
            assert Path(line.partition(" ")[2]).read_text()
    assert str(whole) in (tmp_path / "whole.gtkw").read_text() and "top.view_core_eip[31:0]" in (tmp_path / "whole.gtkw").read_text()


@pytest.mark.parametrize(("viewer", "why"), [(None, "no viewer is installed"), ("/usr/bin/gtkwave", "there is no display")])
def test_wave_says_where_the_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, viewer: str | None, why: str) -> None:
    folder = tmp_path / "sanctuary" / "waves"
    folder.mkdir(parents=True)
    (folder / "one.vcd").write_text("")
    monkeypatch.setattr(wave, "BUILD", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _name: viewer)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for arguments in ([], ["one"]):
        result = CliRunner().invoke(wave.command, arguments)
        assert result.exit_code == 0 and why in result.output and str(folder / "one.vcd") in result.output
    assert CliRunner().invoke(wave.command, ["two"]).exit_code == 2


def test_viewer_gets_the_save_file_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one.vcd", "one.fst", "attacks.gtkw", "whole.gtkw"):
        (tmp_path / name).write_text("")
    called: list[list[str]] = []
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/gtkwave")
    monkeypatch.setattr(os, "execv", lambda _path, arguments: called.append(arguments))
    monkeypatch.setenv("DISPLAY", ":0")
    for file, save in (("one.vcd", "attacks.gtkw"), ("one.fst", "whole.gtkw")):
        CliRunner().invoke(wave.command, [str(tmp_path / file)])
        assert called[-1] == ["/usr/bin/gtkwave", str(tmp_path / file), str(tmp_path / save)]
