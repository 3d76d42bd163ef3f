"""The reset ROM, run by QEMU from the reset vector."""

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from cocotb_tests.firmware.qemu import Outcome, run
from cocotb_tests.sim.test_multiboot import HEADER, elf
from contracts.architecture import Cr0
from contracts.boot import BOOT_ADDRESS, MULTIBOOT_INFO, BootFlag, boot_block, multiboot_info
from firmware import build
from sim.machine import Machine
from sim.multiboot import read_multiboot

RAM = 32 << 20
MESSAGE = "Ringfence reset ROM: no program in memory, halted."


def boot(directory: Path, command_line: str, block: bytes | None = None, until: str | None = None) -> Outcome:
    """Reset with a program in memory, and its block."""
    program = build.guest("attacker")
    with program.open("rb") as file:
        entry = ELFFile(file)["e_entry"]
    (directory / "rom").write_bytes(build.reset_rom())
    (directory / "block").write_bytes(boot_block(entry) if block is None else block)
    (directory / "info").write_bytes(multiboot_info(RAM, command_line))
    loads = [("block", BOOT_ADDRESS), ("info", MULTIBOOT_INFO)]
    extra = ["-bios", str(directory / "rom"), "-device", f"loader,file={program}"]
    for file_name, address in loads:
        extra += ["-device", f"loader,file={directory / file_name},addr={address:#x},force-raw=on"]
    return run(None, extra=extra, until=until)


def test_starts_the_program_with_its_registers(tmp_path: Path) -> None:
    outcome = boot(tmp_path, "attack=map_read_guest2 guest2=0x20")
    assert outcome.status == 0
    assert outcome.text.startswith("attacker: map_read_guest2, no exception"), "and the ROM printed nothing"


def test_command_line_and_memory_reach_the_program(tmp_path: Path) -> None:
    assert "no attack called 'nonsense'" in boot(tmp_path, "x=1 attack=nonsense y").text


@pytest.mark.parametrize("block", [b"\0" * 20, boot_block(0)[1:] + b"\0"])
def test_says_so_when_there_is_nothing_to_boot(tmp_path: Path, block: bytes) -> None:
    outcome = boot(tmp_path, "", block, until="\n")
    assert outcome.lines == [MESSAGE] and outcome.status is None


@pytest.mark.parametrize("keep", [False, True])
def test_the_magic_goes_unless_it_shall_stay(tmp_path: Path, keep: bool) -> None:
    program = build.guest("attacker")
    with program.open("rb") as file:
        entry = ELFFile(file)["e_entry"]
    block = boot_block(entry, flags=BootFlag.KEEP if keep else BootFlag(0))
    outcome = boot(tmp_path, f"attack=map_read_guest2 guest2={BOOT_ADDRESS:#x}", block)
    assert ("loot 54424652" if keep else "loot 00000000") in outcome.text


def test_the_program_finds_the_caches_on(tmp_path: Path) -> None:
    """On the processor itself: CR0.CD and NW, which reset sets, are clear when the program begins."""
    path = tmp_path / "program.elf"
    path.write_bytes(elf(HEADER + b"\x0f\x20\xc0\x90"))  # MOV EAX, CR0; NOP
    with Machine() as machine:
        machine.load_multiboot(read_multiboot(path, RAM))
        machine.record()
        machine.run(20_000)
        read = next(r for r in machine.records() if r.instruction_valid and r.instruction_eip == 0x10_000C and r.instruction_mode_pe)
    assert Cr0(read["instruction.gpr[0]"]) == Cr0.PE | Cr0.ET


def test_multiboot_info_refuses_a_long_command_line() -> None:
    with pytest.raises(ValueError, match="command line"):
        multiboot_info(RAM, "x" * 5000)
