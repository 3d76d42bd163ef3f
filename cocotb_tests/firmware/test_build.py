"""Everything builds, from what it is made of and nothing else, and for the processor that there is."""

import subprocess
import sys
from pathlib import Path

import capstone
import pytest
from elftools.elf.elffile import ELFFile

from firmware import build
from firmware.headers import header_text
from firmware.images import IMAGES, Kind

LOCAL = sorted(name for name, image in IMAGES.items() if image.is_local)
PAGE = 4096
NOT_486 = ("cmov", "fcmov", "sysenter", "prefetch", "movnt", "endbr", "lfence", "mfence", "sfence", "ud0", "ud1")


@pytest.mark.parametrize("name", LOCAL)
def test_builds_once(name: str) -> None:
    first = build.build(name)
    at = first.stat().st_mtime_ns
    assert build.build(name) == first and first.stat().st_mtime_ns == at


@pytest.mark.parametrize("name", [n for n in LOCAL if IMAGES[n].kind is Kind.ELF])
def test_uses_the_486_set_alone(name: str) -> None:
    with build.build(name).open("rb") as file:
        text = ELFFile(file).get_section_by_name(".text")
        code, address = text.data(), text["sh_addr"]
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    decoder.detail = True
    decoder.skipdata = True
    count = 0
    for instruction in decoder.disasm(code, address):
        count += 1
        vector = {
            capstone.x86.X86_GRP_FPU,
            capstone.x86.X86_GRP_MMX,
            capstone.x86.X86_GRP_SSE1,
            capstone.x86.X86_GRP_SSE2,
            capstone.x86.X86_GRP_CMOV,
        }
        if instruction.id and instruction.mnemonic != ".byte":
            assert not vector & set(instruction.groups), instruction
            assert not instruction.mnemonic.startswith(NOT_486), instruction
    assert count > 100


def test_rom_and_stub_have_their_sizes() -> None:
    rom, stub = build.reset_rom(), build.stub()
    assert len(rom) == 64 << 10 and rom[-16:-14] != b"\0\0"
    assert len(stub) % PAGE == 0 and len(stub) <= 8 * PAGE


def test_stub_stays_small() -> None:
    lines = (Path(build.__file__).parent / "stub" / "stub.S").read_text().splitlines()
    code = [line for line in lines if (text := line.split("/*")[0].strip()) and not text.startswith(("*", "#", "."))]
    assert len(code) < 200


def test_an_unknown_name_is_one_line() -> None:
    done = subprocess.run([sys.executable, "-m", "firmware.build", "nonsense"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "nonsense" in done.stderr


def test_a_missing_compiler_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "firmware.build", "stub"], capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "gcc" in done.stderr


def test_a_changed_header_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "BUILD", tmp_path)
    first = build.build("stub").stat().st_mtime_ns
    monkeypatch.setattr("firmware.build.header_text", lambda: build_header + "\n/* another */\n")
    assert build.build("stub").stat().st_mtime_ns != first
    assert not list(tmp_path.glob("tmp*"))


build_header = header_text()
