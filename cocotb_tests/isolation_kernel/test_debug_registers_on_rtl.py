"""Guests have no debug registers, as what one wrote there would be there for the next: MOV to and from each is #UD."""

import subprocess
from pathlib import Path

import pytest

from cocotb_tests.isolation_kernel.world import SECOND_MEMORY
from contracts.configuration import GuestConfig, KernelConfig, RealModeEntry
from contracts.protections import Protections
from contracts.report import Step
from isolation_kernel.partition import Partition
from sim.guests import GuestSystem
from sim.machine import Machine

CODE = 0x7000
MARK = 0x5A
REGISTERS = 8
HEAD = """
        org 7000h
        bits 16
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 6000h
        mov word [6 * 4], undefined
        mov word [6 * 4 + 2], 0
        xor ecx, ecx
"""
TAIL = """
        mov al, cl
        out 0E9h, al
        mov al, bl
        out 0E9h, al
        mov al, 31h
        out 0F4h, al
undefined:
        inc cx
        mov bp, sp
        add word [bp], 3
        iret
"""
# Both say how often #UD came and what BL holds at the end.
WRITES = HEAD + f"mov eax, {MARK}\n" + "".join(f"db 0Fh, 23h, {0xC0 | n << 3:#x}\n" for n in range(REGISTERS - 1)) + "mov bl, al\n" + TAIL
READS = (
    HEAD + "mov cx, 0FFFFh\nwaits: loop waits\nxor eax, eax\n" + "".join(f"db 0Fh, 21h, {0xC0 | n << 3:#x}\n" for n in (6, 7, 1, 2, 3, 0))
    + "mov bl, al\n" + TAIL
)  # fmt: skip


def image(name: str, source: str, folder: Path) -> bytes:
    (folder / f"{name}.asm").write_text(source)
    subprocess.run(["nasm", "-f", "bin", "-o", folder / name, folder / f"{name}.asm"], check=True)
    return (folder / name).read_bytes()


@pytest.mark.parametrize("protected", [True, False], ids=["intercepted", "control"])
def test_nothing_goes_from_guest_to_guest_by_them(protected: bool, tmp_path: Path) -> None:
    programs = {"writes": WRITES, "reads": READS}
    with Machine() as machine:
        system = GuestSystem(machine, KernelConfig(protections=Protections.without("clean_ended_guest")), guest_limit=2_000_000)
        guests: dict[str, Partition] = {}
        for name, source in programs.items():
            code = image(name, source, tmp_path)
            guests[name] = system.kernel.load_guest(GuestConfig(name, SECOND_MEMORY, ((CODE, code),), RealModeEntry(0, 0, CODE)))
            if not protected:
                guests[name].vcpu.put("INTERCEPT_DR_READ", 0)
                guests[name].vcpu.put("INTERCEPT_DR_WRITE", 0)
        while system.kernel.step() is not Step.OVER:
            assert all(guest.exits < 500 for guest in guests.values())
    said = {name: tuple(guest.console) for name, guest in guests.items()}
    if protected:
        assert said == {"writes": (REGISTERS - 1, MARK), "reads": (6, 0)}
    else:
        assert said == {"writes": (0, MARK), "reads": (0, MARK)}
