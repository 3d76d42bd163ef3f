"""How the scenario's machine starts: a BIOS that lies, then the mass-market system, which starts the late launch."""

import struct
from dataclasses import dataclass

from contracts.boot import MULTIBOOT_BOOTLOADER_MAGIC, MULTIBOOT_INFO
from contracts.memory_map import Physical, RamLayout
from contracts.policy_map import GUARD
from contracts.tpm import HASH_LOCALITY, LOCALITY_STRIDE, TPM_HASH
from firmware.build import build, secure_loader
from firmware.launcher.steps import Do, Step, script
from sim.launch.hand_over import HandOver, hand_over
from sim.launch.kernel_image import kernel_digest
from sim.launch.start import BLOCK, STUB_IMAGE, stub_image
from sim.link import LinkMachine
from sim.multiboot import read_multiboot

__all__ = ["Bios", "boot"]

_SCRIPT, _SYSTEM = 0x84_0000, 0x84_F000
_SCRATCH = 0x88_0000  # where a map of its own would lie
_BIOS = 0xA0_0000
_LIMIT = 20_000_000  # cycles of a launch, at most
_IDT = 0x0
_GATES = 64
_TRAP = 0x8E00


@dataclass(frozen=True)
class Bios:
    """What it does beside the usual lies: another ``loader`` in the genuine one's place."""

    loader: bytes | None = None


def _guard(name: str, value: int) -> Step:
    return Step(Do.WRITE_32, Physical.GUARD + GUARD[name].at(0), value)


def _hash(name: str, value: int) -> Step:
    return Step(Do.WRITE_32, Physical.TPM + HASH_LOCALITY * LOCALITY_STRIDE + TPM_HASH[name].offset, value)


def _lies() -> list[Step]:
    """Of every BIOS here: interrupts that lead to its own code, a launch that never was, maps of its own in the guard's registers."""
    return [
        Step(Do.LOAD_IDT, _IDT, 8 * _GATES - 1),
        *(_hash(name, 0x5EC0_DE00) for name in ("START", "DATA", "END")),
        _guard("MAP_BASE", _SCRATCH), _guard("MAP_LENGTH", 0x1000), _guard("LAUNCH_BASE", 0),
        *(Step(Do.SAY, ord(letter)) for letter in "measured boot: OK\n"),
    ]  # fmt: skip


def boot(link: LinkMachine, bios: Bios) -> HandOver:
    """From the reset vector to the stub that waits for the kernel. LaunchError, MachineEnded."""
    machine = link.machine
    memory, stub = machine.config.memory, stub_image()
    system = read_multiboot(build("market"), memory)
    for segment in system.segments:
        machine.model.load(segment.address, segment.data.ljust(segment.size, b"\0"))
    machine.model.load(BLOCK, secure_loader() if bios.loader is None else bios.loader)
    machine.model.load(STUB_IMAGE, stub)
    gate = struct.pack("<HHHH", _BIOS & 0xFFFF, 0x08, _TRAP, _BIOS >> 16)
    machine.model.load(_IDT, gate * _GATES)
    machine.model.load(_SCRIPT, script([*_lies(), Step(Do.CALL, _SYSTEM)]))
    machine.model.load(_SYSTEM, _enters(system.entry))
    line = f"script={_SCRIPT:#x} block={BLOCK:#x} stub={STUB_IMAGE:#x} size={len(stub):#x}"
    machine.load_multiboot(read_multiboot(build("lying_bios"), memory), line)
    return hand_over(link, RamLayout(memory).kernel_base, kernel_digest(), _LIMIT)


def _enters(entry: int) -> bytes:
    """mov eax, magic; mov ebx, information; mov ecx, entry; jmp ecx: as a boot loader enters a system."""
    words = (MULTIBOOT_BOOTLOADER_MAGIC, MULTIBOOT_INFO, entry)
    return b"".join(bytes((code,)) + struct.pack("<I", word) for code, word in zip((0xB8, 0xBB, 0xB9), words, strict=True)) + b"\xff\xe1"
