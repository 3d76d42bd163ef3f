"""F1h in a guest reaches the guest's own handler, and IRET goes on behind it, although the kernel intercepts #DB."""

import subprocess
from pathlib import Path

from cocotb_tests.isolation_kernel.world import SECOND_MEMORY
from contracts.configuration import GuestConfig, KernelConfig, RealModeEntry
from contracts.protections import Protections
from contracts.report import Step
from sim.guests import GuestSystem
from sim.machine import Machine

CODE = 0x7000
PROGRAM = """
        org 7000h
        bits 16
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 6000h
        mov word [4], handler
        mov word [6], 0
        xor cx, cx
        db 0F1h
behind: mov dx, 0E9h
        mov al, cl
        out dx, al
        mov al, 31h
        out 0F4h, al
handler:
        inc cx
        mov bp, sp
        cmp word [bp], behind
        je right
        mov al, 7Fh
        out 0F4h, al
right:  iret
"""


def test_a_guests_icebp_reaches_its_handler_once(tmp_path: Path) -> None:
    source, image = tmp_path / "icebp.asm", tmp_path / "icebp.bin"
    source.write_text(PROGRAM)
    subprocess.run(["nasm", "-f", "bin", "-o", image, source], check=True)
    with Machine() as machine:
        system = GuestSystem(machine, KernelConfig(protections=Protections.without("clean_ended_guest")), guest_limit=1_000_000)
        partition = system.kernel.load_guest(GuestConfig("icebp", SECOND_MEMORY, ((CODE, image.read_bytes()),), RealModeEntry(0, 0, CODE)))
        while system.kernel.step() is not Step.OVER:
            assert partition.exits < 500
    assert (bytes(partition.console), partition.exit_status) == (b"\x01", 0x31), partition.end_reason
