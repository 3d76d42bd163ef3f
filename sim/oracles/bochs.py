"""Bochs as the second oracle of system level and ring −1: runs a multiboot program and gives back its console and how it ended.

Bochs knows no ``-kernel``, and neither BIOS nor disk is needed: its ROM is ours (``firmware/reset_rom``), the program and the boot block
lie in RAM when it is switched on. Debian's Bochs has its debugger built in: it stops at a reset and at the program's ``finish``, where the
status is its argument, since no device of Bochs answers at the exit port. What the UART still holds is sent before Bochs is left.
"""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from contracts.boot import BOOT_ADDRESS, BOOT_MAGIC, MULTIBOOT_INFO, BootBlock, boot_block, multiboot_info
from contracts.memory_map import Physical, RamLayout
from firmware.build import reset_rom
from sim.machine import Ending
from sim.multiboot import MultibootImage, read_multiboot
from sim.programs.assemble import read_elf

__all__ = ["CPU_MODEL", "BochsResult", "available", "run"]

CPU_MODEL = "zambezi"  # the first whose SVM stores a next RIP
_PROGRAM = "bochs"
_PACKAGES = "bochs and bochs-term"
_INSTRUCTIONS_PER_SECOND = 10_000_000  # of simulated time: a character takes 870
_VGA_ROM_SIZE = 512  # Bochs insists on one; an empty one needs no package
_RESET_VECTOR = 0xFFFF_FFF0
_LOOP = 0xFEEB  # jmp to itself
_DRAIN = 5000  # instructions: more than the two characters take that a UART holds
_FINISHED = 2  # the breakpoint's number
_PANIC = re.compile(r">>PANIC<< (.*)")
_STATUS = re.compile(r"^ \| STACK 0x[0-9a-f]{8} \[0x([0-9a-f]{8})\]", re.MULTILINE)


@dataclass(frozen=True)
class BochsResult:
    """``ending``: EXIT with the program's ``status`` as QEMU gives it (2 n + 1), RESET, or LIMIT if it did not end by itself."""

    text: str
    ending: Ending
    status: int | None = None


def available() -> bool:
    """Whether Bochs is installed."""
    return shutil.which(_PROGRAM) is not None


def _memory(image: MultibootImage, size: int) -> dict[int, bytes]:
    """RAM at power-on by address: what lies below the hole at A0000h, and above it."""
    areas = {0: bytearray(Physical.VGA_HOLE), int(Physical.EXTENDED_RAM): bytearray(max(image.end - Physical.EXTENDED_RAM, 1))}
    parts = [(s.address, s.data) for s in image.segments]
    parts += [(MULTIBOOT_INFO, multiboot_info(size)), (BOOT_ADDRESS, boot_block(image.entry))]
    for address, data in parts:
        base = max(b for b in areas if b <= address)
        areas[base][address - base : address - base + len(data)] = data
    return {base: bytes(data) for base, data in areas.items()}


def _orders(finish: int) -> str:
    """For the debugger. After either stop comes a loop in ``finish``'s place, so that the UART sends; after a reset the ROM goes there."""
    return "\n".join((
        f"pb {_RESET_VECTOR:#x}",
        f"pb {finish:#x}",
        "c",
        "print-stack 2",
        "d 1",
        f"d {_FINISHED}",
        f"setpmem {BOOT_ADDRESS + BootBlock.MAGIC:#x} 4 {BOOT_MAGIC:#x}",
        f"setpmem {BOOT_ADDRESS + BootBlock.ENTRY:#x} 4 {finish:#x}",
        f"setpmem {finish:#x} 2 {_LOOP:#x}",
        f"s {_DRAIN}",
        "q",
        "",
    ))  # fmt: skip


def _configuration(scratch: Path, size: int, ram: dict[int, bytes], cpu: str) -> str:
    images = [f"optramimage{n}: file={scratch / f'ram{n}'}, address={base:#x}" for n, base in enumerate(ram, 1)]
    return "\n".join((
        f"cpu: model={cpu}, count=1, ips={_INSTRUCTIONS_PER_SECOND}, reset_on_triple_fault=1, ignore_bad_msrs=0",
        f"memory: guest={size >> 20}, host={size >> 20}",
        f"romimage: file={scratch / 'rom'}",
        f"vgaromimage: file={scratch / 'vga'}",
        *images,
        f"com1: enabled=1, mode=file, dev={scratch / 'com1'}",
        f"log: {scratch / 'log'}",
        f"debugger_log: {scratch / 'debugger'}",
        "display_library: term",
        "clock: sync=none",
        "sound: driver=dummy",
        "speaker: enabled=0",
        "panic: action=fatal",
        "",
    ))  # fmt: skip


def _text(file: Path) -> str:
    return file.read_text("latin-1") if file.exists() else ""


def _ending(log: str) -> tuple[Ending, int | None]:
    if f"Breakpoint {_FINISHED}," in log:
        return Ending.EXIT, 2 * int(_STATUS.findall(log)[1], 16) + 1
    return (Ending.RESET if "print-stack" in log else Ending.LIMIT), None


def run(image: Path, *, timeout: float = 60.0, cpu: str = CPU_MODEL) -> BochsResult:
    """Run a multiboot program that ends in ``finish(status)``. ``timeout`` in seconds ends a run that hangs; what it printed is kept.

    RAM is as large as the machine's. RuntimeError if Bochs is not there or does not start.
    """
    if not available():
        raise RuntimeError(f"{_PROGRAM} not found (Debian packages {_PACKAGES})")
    size = RamLayout().size
    ram = _memory(read_multiboot(image, size), size)
    with tempfile.TemporaryDirectory(prefix="ringfence-bochs-") as name:
        scratch = Path(name)
        (scratch / "rom").write_bytes(reset_rom())
        (scratch / "vga").write_bytes(bytes(_VGA_ROM_SIZE))
        for n, data in enumerate(ram.values(), 1):
            (scratch / f"ram{n}").write_bytes(data)
        (scratch / "orders").write_text(_orders(read_elf(image).symbols["finish"]))
        (scratch / "configuration").write_text(_configuration(scratch, size, ram, cpu))
        command = [_PROGRAM, "-q", "-f", str(scratch / "configuration"), "-rc", str(scratch / "orders")]
        environment = {**os.environ, "TERM": "dumb"}
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, env=environment)
        except subprocess.TimeoutExpired:
            return BochsResult(_text(scratch / "com1"), Ending.LIMIT)
        log = _text(scratch / "debugger")
        if "Next at" not in log:
            said = _text(scratch / "log") + done.stderr.decode("latin-1")
            raise RuntimeError(f"{_PROGRAM} does not start: {' '.join(_PANIC.findall(said)) or said.strip()}")
        ending, status = _ending(log)
        return BochsResult(_text(scratch / "com1").replace("\r\n", "\n"), ending, status)
