"""What ``ringfence run`` does alike for a program on the bare machine and above the kernel: what ends it, what is refused, what is left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cocotb_tests.sim.test_multiboot import CODE, HEADER, elf
from cocotb_tests.sim.test_run import ENDLESS, HELLO, ringfence, say, write
from contracts.memory_map import Port
from sim.cli import run_options
from sim.cli.main import main
from sim.paths import ROOT

__all__: list[str] = []

SPEAKS_FOR_EVER = HEADER + say(Port.COM1, b"here\n") + b"\xeb\xfe"
INTERRUPTED = 130

pytestmark = pytest.mark.parametrize("how", ((), ("--guest",)), ids=("native", "guest"))


def test_a_program_that_asks_for_much(tmp_path: Path, how: tuple[str, ...]) -> None:
    """A video mode, which is not there, and that is said; linked without a script, so that its first segment is nothing but the file's
    headers, below 1 MiB; ended by an OUT of four bytes, of which the last one hits the exit port."""
    source, program = tmp_path / "plain.S", tmp_path / "plain"
    source.write_text(
        ".text\n.long 0x1BADB002, 4, -0x1BADB006\n.globl _start\n_start: movl value, %eax\n"
        f"movl ${Port.EXIT - 3}, %edx\noutl %eax, %dx\nmovb $1, %al\noutb %al, ${Port.EXIT:#x}\nhlt\n"
        ".section .rodata\nvalue: .long 0x05444342\n"
    )
    gcc = ["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000", "-o", str(program), str(source)]
    subprocess.run(gcc, check=True, capture_output=True)
    done = ringfence("run", *how, program)
    assert done.returncode == 5 << 1 | 1
    assert "asks for a video mode" in done.stderr.splitlines()[0]


def refused(path: Path, how: tuple[str, ...], *more: object) -> str:
    """The one line on standard error."""
    done = ringfence("run", *how, path, *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_no_regular_file_and_a_huge_one_are_one_line(tmp_path: Path, how: tuple[str, ...]) -> None:
    huge, fifo = tmp_path / "huge", tmp_path / "fifo"
    huge.touch()
    os.truncate(huge, 200 << 30)
    os.mkfifo(fifo)
    assert "not an ELF file" in refused(huge, how)
    assert "directory" in refused(tmp_path, how)
    assert "not a regular file" in refused(fifo, how)
    assert "not a regular file" in refused(Path("/dev/zero"), how)


def test_a_report_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path, how: tuple[str, ...]) -> None:
    program = write(tmp_path, HELLO)
    assert "No such file or directory" in refused(program, how, "--report", tmp_path / "nowhere" / "report.json")
    assert "Is a directory" in refused(program, how, "--report", tmp_path)
    assert "Not a directory" in refused(program, how, "--report", program / "report.json")


def test_a_run_that_is_refused_leaves_no_report_and_spoils_none(tmp_path: Path, how: tuple[str, ...]) -> None:
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    old.write_text("before")
    bad = tmp_path / "bad.elf"
    bad.write_bytes(elf(CODE)[:-1])
    for report in (new, old):
        refused(bad, how, "--report", report)
        refused(write(tmp_path, HELLO), how, "--report", report, "--append", "x" * 3000)
    assert not new.exists() and old.read_text() == "before"


def test_ctrl_c_leaves_the_report(tmp_path: Path, how: tuple[str, ...]) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "sim.cli.main", "run", *how, write(tmp_path, SPEAKS_FOR_EVER), "--report", report]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job, and its children, would not hear it
    try:
        process = subprocess.Popen(command, **pipes, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})  # type: ignore[call-overload]
    finally:
        signal.signal(signal.SIGINT, heard)
    with process:
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == INTERRUPTED and "Traceback" not in errors
    content = json.loads(report.read_text())
    assert (content["why"], content["exit_status"]) == ("interrupted", INTERRUPTED)
    assert content["cycles"] > content["instructions"] > len("here\n")


def test_waves_that_cannot_be_drawn_are_told_before_anything_runs(
    tmp_path: Path, how: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = write(tmp_path, ENDLESS)
    monkeypatch.setattr(run_options, "_WAVES", program / "waves.fst")
    done = CliRunner().invoke(main, ["run", *how, str(program), "--waves"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "waves.fst" in done.stderr or "Not a directory" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [("x" * 3000, "--append: the command line has 3000 bytes, 2495 fit: shorten it"), ("größer", r"--append: the command line has '\xf6'")],
)
def test_a_command_line_that_cannot_be_is_told_before_anything_is_built_or_overwritten(
    tmp_path: Path, how: tuple[str, ...], line: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waves, report = tmp_path / "waves.fst", tmp_path / "report.json"
    for path in (waves, report):
        path.write_text("before")
    monkeypatch.setattr(run_options, "_WAVES", waves)
    monkeypatch.setattr(run_options, "Machine", lambda *_, **__: pytest.fail("a machine was made"))
    arguments = ["run", *how, str(write(tmp_path, HELLO)), "--waves", "--report", str(report), "--append", line]
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, done.stdout) == (2, "") and done.stderr.count("\n") == 1 and message in done.stderr
    assert waves.read_text() == report.read_text() == "before"


def test_a_report_never_overwrites_the_program_or_the_disk(tmp_path: Path, how: tuple[str, ...]) -> None:
    program, disk = write(tmp_path, HELLO), tmp_path / "disk.img"
    before = program.read_bytes()
    disk.write_bytes(bytes(512))
    (tmp_path / "link").symlink_to(program)
    for report in (program, tmp_path / "link", disk):
        assert "would overwrite" in refused(program, how, "--disk", disk, "--report", report)
    assert program.read_bytes() == before and disk.read_bytes() == bytes(512)
