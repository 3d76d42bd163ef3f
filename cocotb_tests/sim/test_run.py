"""``ringfence run`` and the machine under it, end to end: a program of a few bytes on the real processor."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cocotb_tests.sim.test_multiboot import CODE, HEADER, elf
from contracts.boot import MULTIBOOT_BOOTLOADER_MAGIC, MULTIBOOT_INFO
from contracts.memory_map import Port
from sim.machine import DEFAULT_MEMORY, Ending, Machine
from sim.multiboot import read_multiboot
from sim.paths import ROOT
from sim.trace import InstructionTrace

__all__: list[str] = []


def out(port: int, value: int) -> bytes:
    """MOV EDX, port; MOV AL, value; OUT DX, AL."""
    return b"\xba" + struct.pack("<I", port) + b"\xb0" + bytes([value]) + b"\xee"


def say(port: int, text: bytes) -> bytes:
    return b"".join(out(port, byte) for byte in text)


HELLO = HEADER + say(Port.COM1, b"serial\n") + say(Port.DEBUG_CONSOLE, b"debug\n") + out(Port.EXIT, 0x10) + b"\xf4"
ENDLESS = HEADER + b"\xeb\xfe"
HALTED = HEADER + b"\xfa\xf4\xeb\xfc"  # CLI; HLT
STRING = HEADER + b"\xb0\x5a\xbf\x00\x00\x20\x00\xb9" + struct.pack("<I", 60_000) + b"\xfc\xf3\xaa"  # MOV AL, EDI, ECX; CLD; REP STOSB
TRIPLE_FAULT = HEADER + b"\x0f\x01\x1d" + struct.pack("<I", 0x10_0040) + b"\x0f\x0b" + bytes(0x40)  # LIDT of an empty table; UD2


def write(folder: Path, code: bytes) -> Path:
    path = folder / "program.elf"
    path.write_bytes(elf(code))
    return path


@pytest.fixture
def machine() -> Machine:
    return Machine()


def load(machine: Machine, folder: Path, code: bytes) -> None:
    machine.load_multiboot(read_multiboot(write(folder, code), DEFAULT_MEMORY))


def test_program_talks_and_ends(machine: Machine, tmp_path: Path) -> None:
    load(machine, tmp_path, HELLO)
    heard: list[tuple[str, bytes]] = []
    machine.on_output(lambda name, data: heard.append((name, data)))
    outcome = machine.run(1_000_000)
    assert (outcome.ending, outcome.status) == (Ending.EXIT, 0x21)
    assert bytes(machine.outputs["com1"]) == b"serial\n" and bytes(machine.outputs["debug"]) == b"debug\n"
    assert heard == [("com1", b"serial\n"), ("debug", b"debug\n")]
    assert outcome.cycles > outcome.instructions > 3 * 14


def test_records_say_what_was_executed(machine: Machine, tmp_path: Path) -> None:
    load(machine, tmp_path, HELLO)
    machine.record()
    machine.run(1_000_000)
    records = list(machine.records())
    executed = [r for r in records if r.instruction_valid and not r.instruction_event]
    assert len(executed) == machine.instructions
    assert executed[0].instruction_cs_base + executed[0].instruction_eip == 0xFFFF_FFF0
    first = next(r for r in executed if r.instruction_eip == 0x10_000C and r.instruction_mode_pe)
    assert (first.instruction_gpr & 0xFFFF_FFFF, first["instruction.gpr[3]"]) == (MULTIBOOT_BOOTLOADER_MAGIC, MULTIBOOT_INFO)
    written = bytes(r.access_write_data & 0xFF for r in records if r.access_io and r.access_write and r.access_linear == Port.DEBUG_CONSOLE)
    assert written == b"debug\n"
    lines = list(InstructionTrace().lines(records))
    assert len(lines) == len(executed)
    assert lines[-1].endswith("port [00f4]<-10")
    assert "out dx, al" in lines[-1]


def test_the_cycle_limit(machine: Machine, tmp_path: Path) -> None:
    load(machine, tmp_path, ENDLESS)
    outcome = machine.run(123_456)
    assert (outcome.ending, outcome.cycles) == (Ending.LIMIT, 123_456)


def test_a_processor_that_is_halted_for_good(machine: Machine, tmp_path: Path) -> None:
    load(machine, tmp_path, HALTED)
    outcome = machine.run(1_000_000, stall_limit=200_000)
    assert outcome.ending is Ending.STALLED
    assert outcome.cycles < 900_000


def test_a_machine_may_wait_for_ever_if_it_is_told_to(machine: Machine, tmp_path: Path) -> None:
    """For a key, when its screen is shown to somebody."""
    load(machine, tmp_path, HALTED)
    machine.stall_limit = 50_000
    assert machine.run(1_000_000, slice_cycles=10_000).ending is Ending.STALLED
    machine.stall_limit = None
    assert machine.run(500_000, slice_cycles=10_000).ending is Ending.LIMIT


def test_a_long_string_instruction_is_life(machine: Machine, tmp_path: Path) -> None:
    """It takes longer than the processor may stand still, which counts as soon as the string is done."""
    limit = 20_000
    load(machine, tmp_path, STRING + HALTED.removeprefix(HEADER))
    outcome = machine.run(2_000_000, stall_limit=limit, slice_cycles=1000)
    assert outcome.ending is Ending.STALLED and outcome.cycles > 60_000 + limit
    assert machine.model.dump(0x20_0000, 60_000) == b"\x5a" * 60_000
    assert machine.instructions < 60_000


def test_a_long_string_instruction_runs_to_its_end(tmp_path: Path) -> None:
    with Machine() as machine:
        load(machine, tmp_path, STRING + out(Port.EXIT, 3))
        outcome = machine.run(stall_limit=20_000, slice_cycles=1000)
    assert (outcome.ending, outcome.status) == (Ending.EXIT, 7)


def test_a_string_instruction_is_one_line_of_a_trace(machine: Machine, tmp_path: Path) -> None:
    count = 5
    program = HEADER + b"\xb0\x5a\xbf\x00\x00\x20\x00\xb9" + struct.pack("<I", count) + b"\xfc\xf3\xaa" + out(Port.EXIT, 0)
    load(machine, tmp_path, program)
    machine.record()
    machine.run(1_000_000)
    records = list(machine.records())
    lines = list(InstructionTrace().lines(records))
    (line,) = [line for line in lines if "stosb" in line]
    assert "ecx=00000000" in line and "edi=00200005" in line
    assert "[00200000]<-5a" in line and "[00200004]<-5a" in line and "[00200002]" not in line and "(5 iterations)" in line
    assert len(lines) == machine.instructions + sum(r.instruction_valid and r.instruction_event for r in records)


def test_a_triple_fault_resets(machine: Machine, tmp_path: Path) -> None:
    load(machine, tmp_path, TRIPLE_FAULT)
    assert machine.run(1_000_000).ending is Ending.RESET


def ringfence(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "sim.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_command_line(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = ringfence("run", write(tmp_path, HELLO), "--report", report)
    assert (done.returncode, done.stdout) == (0x21, "serial\ndebug\n")
    content = json.loads(report.read_text())
    assert (content["exit_status"], content["ended"]) == (0x21, "exit")
    assert content["cycles"] > content["instructions"] > 40
    assert content["cycles_per_second"] > 0


def test_command_line_trace_and_limit(tmp_path: Path) -> None:
    done = ringfence("run", write(tmp_path, ENDLESS), "--trace", "--max-cycles", 5000)
    assert done.returncode == 124
    assert sum("0008:0010000c  ebfe" in line for line in done.stderr.splitlines()) > 100


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"hello", "not an ELF file"), (elf(CODE)[:-1], "truncated"), (elf(CODE, memsz=40 << 20), "does not fit"), (None, "no such file")],
)
def test_command_line_refuses_in_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "program.elf"
    if content is not None:
        path.write_bytes(content)
    done = ringfence("run", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
