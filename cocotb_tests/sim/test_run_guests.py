"""``ringfence run --guest``: programs of a few bytes above the isolation kernel on the real processor."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner
from PIL import Image, ImageChops

from cocotb_tests.sim.test_multiboot import CODE, HEADER, elf
from cocotb_tests.sim.test_run import ENDLESS, HELLO, out, ringfence, say, write
from contracts.display import CELL_HEIGHT, CELL_WIDTH
from contracts.host_link import KERNEL_CYCLES_PER_EXIT
from contracts.memory_map import Port
from contracts.user_view import COLUMN_WIDTHS
from firmware.build import guest
from isolation_kernel.partition import Partition
from sim.cli import run_options
from sim.cli.main import main
from sim.guests import GuestProgram, GuestSystem
from sim.kernel_run import GUEST_MEMORY, guest_programs
from sim.link import LinkMachine
from sim.machine import Machine, MachineConfig
from sim.tpm.bridge import TpmBridge

__all__: list[str] = []

OTHER = HEADER + say(Port.COM1, b"other\n") + out(Port.EXIT, 0x22) + b"\xf4"
RAM = 32 << 20
INTERRUPTED = 130


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
    time = content["kernel_time"]
    assert time["kernel_cycles_per_command"] == KERNEL_CYCLES_PER_EXIT and f"{KERNEL_CYCLES_PER_EXIT} cycles" in time["how_it_is_counted"]
    assert time["kernel_cycles"] % KERNEL_CYCLES_PER_EXIT == 0 and time["kernel_cycles"] >= KERNEL_CYCLES_PER_EXIT * guest["exits"]
    assert content["cycles"] == time["cycles"] > time["kernel_cycles"] + time["link_cycles"] and time["link_cycles"] > GUEST_MEMORY // 16


def test_a_policy_is_enforced_and_its_decisions_are_kept(tmp_path: Path) -> None:
    """A guest that the policy knows runs; one bit more, and it is not started."""
    first, other = program(tmp_path, "first", HELLO), program(tmp_path, "other", OTHER)
    identity = ringfence("policy", "identity", first).stdout.split()[0]
    policy, log = tmp_path / "policy.toml", tmp_path / "audit.log"
    policy.write_text(
        f"version = 1\n[guests.first]\nidentity = '{identity}'\n[system]\nallow = {{ run = ['first'] }}\n"
        "[devices.DMA0]\nallow = { use = ['first'] }\n[devices.DMA1]\nallow = { use = ['first'] }\n"
    )
    done = ringfence("run", "--guest", first, "--policy", policy, "--audit", log)
    assert (done.returncode, done.stdout) == (0x21, "serial\ndebug\n")
    head = done.stderr.partition("head ")[2].split()[0]
    told = ringfence("audit", log, "--head", head, "--policy", policy)
    assert told.returncode == 0 and "first RUN about system: allowed\n     3 first USE about DMA0: allowed\n" in told.stdout
    refused = ringfence("run", "--guest", other, "--policy", policy)
    assert refused.returncode == 2 and "other: the policy does not grant RUN of system" in refused.stderr


def test_guests_above_a_kernel_that_was_launched(tmp_path: Path) -> None:
    """With a TPM the events are in it; without one the run goes on, and says so."""
    report = tmp_path / "report.json"
    done = ringfence("run", "--guest", write(tmp_path, HELLO), "--launch", "--tpm", tmp_path / "tpm", "--report", report)
    assert (done.returncode, done.stdout) == (0x21, "serial\ndebug\n")
    content = json.loads(report.read_text())["launch"]
    assert content["measured"] and [(e["pcr"], e["event"]) for e in content["events"]] == [
        (17, "block"), (18, "stub"), (18, "kernel"), (19, "development"),
    ]  # fmt: skip
    assert all(f"ringfence: PCR {e['pcr']} {e['event']} {e['digest']}\n" in done.stderr for e in content["events"])
    without = ringfence("run", "--guest", write(tmp_path, HELLO), "--launch")
    assert (without.returncode, without.stdout) == (0x21, "serial\ndebug\n")
    assert "ringfence: launched; there is no TPM that works: nothing can unseal or attest\n" in without.stderr


def test_a_launch_is_for_guests(tmp_path: Path) -> None:
    done = ringfence("run", write(tmp_path, HELLO), "--launch")
    assert (done.returncode, done.stdout) == (2, "") and "--policy, --audit, --launch and --phrase are for --guest" in done.stderr
    (tmp_path / "file").write_text("no folder")
    done = ringfence("run", write(tmp_path, HELLO), "--tpm", tmp_path / "file" / "tpm")
    assert done.returncode == 2 and f"--tpm {tmp_path / 'file' / 'tpm'}: " in done.stderr and len(done.stderr.splitlines()) == 1


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


@pytest.mark.regress
def test_the_owners_phrase_is_in_the_trusted_line_and_nowhere_else(tmp_path: Path) -> None:
    pictures = []
    for phrase in ("pelican under glass", "pelican under grass"):
        secret, shot = tmp_path / "phrase", tmp_path / "shot.png"
        secret.write_text(phrase + "\n")
        assert ringfence("run", "--guest", write(tmp_path, HELLO), "--phrase", secret, "--screenshot", shot).returncode == 0x21
        with Image.open(shot) as picture:
            pictures.append(picture.convert("RGB"))
        shot.unlink()
    left, top, right, bottom = ImageChops.difference(*pictures).getbbox() or (0, 0, 0, 0)
    assert 0 <= top < bottom <= CELL_HEIGHT and sum(COLUMN_WIDTHS[:-1]) * CELL_WIDTH <= left < right


@pytest.mark.parametrize("text", [b"", b"\n", b"x" * COLUMN_WIDTHS[-1], b"two\nlines", "Größe".encode()])
def test_a_phrase_that_the_line_cannot_show_is_refused_in_one_line(tmp_path: Path, text: bytes) -> None:
    secret = tmp_path / "phrase"
    secret.write_bytes(text)
    done = ringfence("run", "--guest", write(tmp_path, HELLO), "--phrase", secret)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "1 to 25 printable ASCII characters" in done.stderr


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


class Drawn(Machine):
    """A machine that draws nothing and notes what it was told about waves."""

    told: ClassVar[list[str]] = []

    def __init__(self, config: MachineConfig, trace: str = "none", disk: Path | None = None, tpm: TpmBridge | None = None) -> None:
        super().__init__(config, disk=disk, tpm=tpm)

    def trace_start(self, path: Path) -> None:
        self.told.append("start")

    def trace_stop(self) -> None:
        self.told.append("stop")


def test_ctrl_c_while_guests_are_loaded_leaves_report_and_waves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what has happened so far: the second guest is never loaded."""
    load = GuestSystem.start

    def interrupted(self: GuestSystem, guests: Sequence[GuestProgram]) -> list[Partition]:
        load(self, guests[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(GuestSystem, "start", interrupted)
    monkeypatch.setattr(run_options, "Machine", Drawn)
    monkeypatch.setattr(Drawn, "told", [])
    report = tmp_path / "report.json"
    files = ["--guest", str(program(tmp_path, "first", HELLO)), "--guest", str(program(tmp_path, "second", OTHER))]
    done = CliRunner().invoke(main, ["run", *files, "--waves", "--report", str(report)])
    assert done.exit_code == INTERRUPTED and done.stdout == ""
    assert Drawn.told == ["start", "stop"]
    content = json.loads(report.read_text())
    assert (content["why"], content["exit_status"]) == ("interrupted", INTERRUPTED)
    assert [g["name"] for g in content["guests"]] == ["first"]
    assert content["cycles"] > content["kernel_time"]["link_cycles"] > 1000 and content["instructions"] > 0


def test_ctrl_c_before_the_stub_waits_leaves_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: LinkMachine, _cycles: int) -> None:
        self.machine.run(500)
        raise KeyboardInterrupt

    monkeypatch.setattr(LinkMachine, "wait", interrupted)
    report = tmp_path / "report.json"
    done = CliRunner().invoke(main, ["run", "--guest", str(write(tmp_path, HELLO)), "--report", str(report)])
    content = json.loads(report.read_text())
    assert done.exit_code == INTERRUPTED and content["guests"] == [] and content["cycles"] >= 500
