"""How the scenario's machine starts: a BIOS that lies, then the mass-market system, which starts the late launch."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.boot import MULTIBOOT_BOOTLOADER_MAGIC, MULTIBOOT_INFO
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.memory_map import DMA_ENGINE_STRIDE, Physical, RamLayout
from contracts.policy_map import GUARD
from contracts.tpm import HASH_LOCALITY, LOCALITY_STRIDE, TPM_HASH
from firmware.build import build, secure_loader
from firmware.launcher.steps import Do, Step, script
from sim.launch.hand_over import HandOver, hand_over
from sim.launch.kernel_image import kernel_digest
from sim.launch.start import BLOCK, STUB_IMAGE, stub_image
from sim.link import LinkMachine
from sim.multiboot import read_multiboot

__all__ = ["LOOT", "SCRATCH", "Bios", "Transfer", "boot"]

_SCRIPT, _SYSTEM, _CHAIN = 0x84_0000, 0x84_F000, 0x85_0000
SCRATCH, LOOT = 0x88_0000, 0x98_0000
"""Memory of the BIOS's, where its engine works, and where what it steals goes."""
_BIOS = 0xA0_0000
_LIMIT = 20_000_000  # cycles of a launch, at most
_IDT = 0x0
_GATES = 64
_TRAP = 0x8E00
_ENGINE = 1  # the mass-market guest gets the other one

Transfer = tuple[int, int, int]
"""Source, destination, bytes."""


@dataclass(frozen=True)
class Bios:
    """What it does beside the usual lies: another ``loader`` in the genuine one's place, or a ``chain`` for a DMA engine that it leaves
    running."""

    loader: bytes | None = None
    chain: Sequence[Transfer] = ()


def _guard(name: str, value: int) -> Step:
    return Step(Do.WRITE_32, Physical.GUARD + GUARD[name].at(0), value)


def _hash(name: str, value: int) -> Step:
    return Step(Do.WRITE_32, Physical.TPM + HASH_LOCALITY * LOCALITY_STRIDE + TPM_HASH[name].offset, value)


def _lies() -> list[Step]:
    """Of every BIOS here: interrupts that lead to its own code, a launch that never was, maps of its own in the guard's registers."""
    return [
        Step(Do.LOAD_IDT, _IDT, 8 * _GATES - 1),
        *(_hash(name, 0x5EC0_DE00) for name in ("START", "DATA", "END")),
        _guard("MAP_BASE", SCRATCH), _guard("MAP_LENGTH", 0x1000), _guard("LAUNCH_BASE", 0),
        *(Step(Do.SAY, ord(letter)) for letter in "measured boot: OK\n"),
    ]  # fmt: skip


def _engine(chain: Sequence[Transfer]) -> tuple[bytes, list[Step]]:
    """Descriptors, and the steps that start them."""
    if not chain:
        return b"", []
    last = len(chain) - 1
    descriptors = b"".join(
        struct.pack("<4I", *transfer, DescriptorFlag.LAST if n == last else 0) for n, transfer in enumerate(chain)
    )  # fmt: skip
    base = Physical.DMA_ENGINES + _ENGINE * DMA_ENGINE_STRIDE
    return descriptors, [
        Step(Do.WRITE_32, base + DMA_ENGINE["DESCRIPTOR"].offset, _CHAIN),
        Step(Do.WRITE_32, base + DMA_ENGINE["CONTROL"].offset, DMA_ENGINE["CONTROL"].field("START").mask),
    ]


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
    descriptors, started = _engine(bios.chain)
    machine.model.load(_CHAIN, descriptors)
    machine.model.load(_SCRIPT, script([*_lies(), *started, Step(Do.CALL, _SYSTEM)]))
    machine.model.load(_SYSTEM, _enters(system.entry))
    line = f"script={_SCRIPT:#x} block={BLOCK:#x} stub={STUB_IMAGE:#x} size={len(stub):#x}"
    machine.load_multiboot(read_multiboot(build("lying_bios"), memory), line)
    return hand_over(link, RamLayout(memory).kernel_base, kernel_digest(), _LIMIT)


def _enters(entry: int) -> bytes:
    """mov eax, magic; mov ebx, information; mov ecx, entry; jmp ecx: as a boot loader enters a system."""
    words = (MULTIBOOT_BOOTLOADER_MAGIC, MULTIBOOT_INFO, entry)
    return b"".join(bytes((code,)) + struct.pack("<I", word) for code, word in zip((0xB8, 0xBB, 0xB9), words, strict=True)) + b"\xff\xe1"
