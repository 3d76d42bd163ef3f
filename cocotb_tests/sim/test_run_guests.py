"""``ringfence run --guest``: programs of a few bytes above the isolation kernel on the real processor."""

import json
from pathlib import Path

import pytest

from cocotb_tests.sim.test_multiboot import CODE, HEADER, elf
from cocotb_tests.sim.test_run import ENDLESS, HELLO, out, ringfence, say, write
from contracts.memory_map import Port
from firmware.build import guest
from sim.kernel_run import GUEST_MEMORY, guest_programs

__all__: list[str] = []

OTHER = HEADER + say(Port.COM1, b"other\n") + out(Port.EXIT, 0x22) + b"\xf4"
RAM = 32 << 20


def program(folder: Path, name: str, code: bytes) -> Path:
    path = folder / f"{name}.elf"
    path.write_bytes(elf(code))
    return path


def test_a_guest_talks_and_ends(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = ringfence("run", "--guest", write(tmp_path, HELLO), "--report", report)
    assert (done.returncode, done.stdout) == (0x21, "serial\ndebug\n")
    content = json.loads(report.read_text())
    (guest,) = content["guests"]
    assert (guest["name"], guest["exit_status"], content["exit_status"]) == ("program", 0x10, 0x21)
    assert content["exits"]["IOIO"] > len("serial\ndebug\n")
    assert content["cycles"] > guest["cycles"] > 1000 * guest["exits"]
    assert content["instructions"] > 0 and content["cycles_per_second"] > 0


def test_two_guests_speak_in_their_names(tmp_path: Path) -> None:
    """The first status that is not 0 is the run's, in the order of the guests."""
    done = ringfence("run", "--guest", program(tmp_path, "first", HELLO), "--guest", program(tmp_path, "second", OTHER))
    assert done.returncode == 0x10 << 1 | 1
    assert sorted(done.stdout.splitlines()) == ["[first] debug", "[first] serial", "[second] other"]
    assert "second: wrote to the exit port, status 34" in done.stderr


def test_trace_and_limit(tmp_path: Path) -> None:
    done = ringfence("run", "--guest", write(tmp_path, ENDLESS), "--trace", "--max-cycles", 400_000)
    assert done.returncode == 124
    assert sum("0008:0010000c  ebfe" in line for line in done.stderr.splitlines()) > 100


@pytest.mark.parametrize(
    ("content", "message"), [(b"hello", "not an ELF file"), (elf(CODE)[:-1], "truncated"), (elf(CODE, memsz=40 << 20), "does not fit")]
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "program.elf"
    path.write_bytes(content)
    done = ringfence("run", "--guest", program(tmp_path, "good", HELLO), "--guest", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"), [(("--guest", "nowhere.elf"), "no such file"), (("x.elf", "--guest", "y.elf"), "not both")]
)
def test_bad_arguments_are_refused_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    done = ringfence("run", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_too_small_a_machine_is_refused_in_one_line(tmp_path: Path) -> None:
    done = ringfence("run", "--guest", write(tmp_path, HELLO), "--memory", "2M")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_what_memory_guests_get(tmp_path: Path) -> None:
    small, large = program(tmp_path, "small", HELLO), tmp_path / "large.elf"
    large.write_bytes(elf(CODE, memsz=6 << 20))
    assert [g.memory for g in guest_programs([small, small], RAM, whole=False)] == [GUEST_MEMORY] * 2
    shared = guest_programs([small, small], RAM)[0].memory
    assert shared > GUEST_MEMORY
    assert [g.memory for g in guest_programs([small, large], RAM, whole=False)] == [GUEST_MEMORY, shared]


def test_a_file_that_is_no_disk_is_refused_in_one_line(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(b"short")
    done = ringfence("run", "--guest", guest("disk"), "--disk", image)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and str(image) in done.stderr
