"""A machine on which a late launch starts the ring −1 stub: what a boot loader puts into memory, and the launch itself."""

from contracts.memory_map import RamLayout
from contracts.registers import WORD_SIZE
from firmware.build import build, secure_loader, stub
from sim.launch.hand_over import HandOver, hand_over
from sim.launch.kernel_image import kernel_digest
from sim.link import LinkMachine
from sim.machine import Machine
from sim.multiboot import read_multiboot

__all__ = ["BLOCK", "STUB_IMAGE", "launch", "load_launcher", "stub_image"]

BLOCK = 0x80_0000
"""Where the secure loader block is put: any multiple of its size, below ring −1's memory, that nobody else uses yet."""
STUB_IMAGE = 0x82_0000
_LIMIT = 20_000_000  # cycles: about ten times what a launch takes


def stub_image() -> bytes:
    """The stub's image without the room behind it that it fills in itself."""
    image = stub().rstrip(b"\0")
    return image + bytes(-len(image) % WORD_SIZE)


def load_launcher(machine: Machine, block: bytes | None = None, stub_bytes: bytes | None = None) -> None:
    """Put the program that launches into memory, and beside it the secure loader block and the stub, ours unless others are given."""
    image = stub_image() if stub_bytes is None else stub_bytes
    machine.model.load(BLOCK, secure_loader() if block is None else block)
    machine.model.load(STUB_IMAGE, image)
    program = read_multiboot(build("launcher"), machine.config.memory)
    machine.load_multiboot(program, f"block={BLOCK:#x} stub={STUB_IMAGE:#x} size={len(image):#x}")


def launch(link: LinkMachine) -> HandOver:
    """From the reset vector to the stub that waits for the kernel. LaunchError, MachineEnded."""
    load_launcher(link.machine)
    return hand_over(link, RamLayout(link.machine.config.memory).kernel_base, kernel_digest(), _LIMIT)
