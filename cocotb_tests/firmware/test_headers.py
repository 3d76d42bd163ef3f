"""The generated header says what the contracts say, to the compiler and to the assembler."""

import subprocess
from pathlib import Path

from contracts import vmcb
from contracts.exit_codes import ExitCode
from contracts.policy_map import GUARD
from firmware.headers import defines, write_header


def test_values_are_the_contracts() -> None:
    names = defines()
    assert names["VMCB_RIP"] == vmcb.field("RIP").offset
    assert names["VMCB_CS_BASE"] == vmcb.segment("CS", vmcb.SegmentPart.BASE).offset
    assert names["EXIT_HLT"] == ExitCode.HLT
    assert names["INTERCEPT2_VMRUN"] == 1 << vmcb.General2.VMRUN
    assert names["GUARD_LOG_INFO_WRITE"] == GUARD["LOG_INFO"].field("WRITE").mask
    assert names["STATUS_DENIED"] == -3


def test_compiler_and_assembler_agree_with_python(tmp_path: Path) -> None:
    header = write_header(tmp_path)
    names = defines()
    checks = "\n".join(f'_Static_assert(({name}) == ({value}LL), "{name}");' for name, value in names.items())
    (tmp_path / "t.c").write_text(f'#include "{header.name}"\n{checks}\n')
    words = "\n".join(f".long {name}" for name in names)
    (tmp_path / "t.S").write_text(f'#include "{header.name}"\n{words}\n')
    subprocess.run(["gcc", "-m32", "-c", "-o", "c.o", "t.c"], cwd=tmp_path, check=True)
    subprocess.run(["gcc", "-m32", "-c", "-o", "s.o", "t.S"], cwd=tmp_path, check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", "s.o", "s.bin"], cwd=tmp_path, check=True)
    raw = (tmp_path / "s.bin").read_bytes()
    assembled = [int.from_bytes(raw[i : i + 4], "little") for i in range(0, 4 * len(names), 4)]
    assert assembled == [value & 0xFFFF_FFFF for value in names.values()]


def test_header_is_not_rewritten_without_need(tmp_path: Path) -> None:
    first = write_header(tmp_path).stat().st_mtime_ns
    assert write_header(tmp_path).stat().st_mtime_ns == first
