"""The whole way: engines that read and write without pause, from before SKINIT until the first guest of the isolation kernel has run."""

import struct
from pathlib import Path

import pytest

from chipset.boards.straps import Strap
from cocotb_tests.attacks.launch.places import CHAINS, LOOT, RING_MINUS_1, SCRATCH, SCRIPT, SLED
from cocotb_tests.attacks.launch.stage import engine
from cocotb_tests.attacks.launch.tpm import Refusing, pcrs
from cocotb_tests.sim.test_multiboot import elf
from cocotb_tests.sim.test_run import HELLO
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.event_log import Pcr
from contracts.late_launch import BLOCK_SIZE
from contracts.memory_map import RamLayout
from contracts.report import Step as KernelStep
from contracts.secure_loader import Parameter
from firmware.build import build
from firmware.launcher.steps import Do, Step, script
from sim import guests
from sim.guests import GuestProgram, GuestSystem
from sim.launch.hand_over import HandOver, hand_over
from sim.launch.kernel_image import kernel_digest
from sim.launch.start import BLOCK, STUB_IMAGE, load_launcher, stub_image
from sim.link import LinkMachine
from sim.machine import Machine
from sim.multiboot import read_multiboot
from sim.tpm.bridge import TpmBridge
from verifier.replay import replay

__all__: list[str] = []

_LIMIT = 20_000_000
_MANY = 200  # transfers of 64 KiB: more than the launch, the kernel and the guest take
_BEFORE = 4  # of them before an engine writes: from before SKINIT until after the loader has closed memory
_MARK = 0xA77A_C4ED
_WRITTEN = RING_MINUS_1 + 0x3F_0000  # a page of the kernel's that nobody uses


def _hostile_launch(link: LinkMachine) -> HandOver:
    """As ``sim.launch.start.launch``, by the hostile launcher: engine 0 reads ring −1's memory over and over, engine 1 writes there."""
    model, memory = link.machine.model, link.machine.config.memory
    load_launcher(link.machine)
    model.load(BLOCK + Parameter.STUB, struct.pack("<2I", STUB_IMAGE, len(stub_image())))
    reads = [(RING_MINUS_1, LOOT, BLOCK_SIZE, 0)] * _MANY
    writes = [(SCRATCH, SLED, BLOCK_SIZE, 0)] * _BEFORE + [(_MARK, _WRITTEN, 16, int(DescriptorFlag.FILL))] * _MANY
    steps = []
    for number, chain in enumerate((reads, writes)):
        model.load(CHAINS[number], b"".join(struct.pack("<4I", *each) for each in chain))
        steps.append(Step(Do.WRITE_32, engine("DESCRIPTOR", number), CHAINS[number]))
        steps.append(Step(Do.WRITE_32, engine("CONTROL", number), DMA_ENGINE["CONTROL"].field("START").mask))
    model.load(SCRIPT, script([*steps, Step(Do.LAUNCH, BLOCK)]))
    link.machine.load_multiboot(read_multiboot(build("hostile_launcher"), memory), f"script={SCRIPT:#x}")
    return hand_over(link, RamLayout(memory).kernel_base, kernel_digest(), _LIMIT)


@pytest.mark.regress
@pytest.mark.parametrize("straps", [Strap(0), Strap.GUARD_OFF], ids=["guarded", "control"])
def test_from_the_launch_to_the_first_guest(straps: Strap, tpm: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ring −1 has in memory stays there, and is its own; the PCRs are those of the events that the kernel is told of."""
    monkeypatch.setattr(guests, "launch", _hostile_launch)
    program = tmp_path / "guest.elf"
    program.write_bytes(elf(HELLO))
    with Machine(tpm=TpmBridge(tpm)) as machine:
        machine.set_straps(straps)
        said = bytearray()
        system = GuestSystem(machine, console=lambda _, text: said.extend(text), late_launch=True)
        system.start([GuestProgram.load(program, 4 << 20)])
        while system.kernel.step() is not KernelStep.OVER:
            pass
        assert b"serial" in said
        assert system.launched is not None
        held = replay(system.launched.events)
        assert pcrs(tpm) == (held[Pcr.LAUNCH], held[Pcr.KERNEL])
        stolen = stub_image()[:64] in machine.model.dump(LOOT, BLOCK_SIZE)
        written = machine.model.dump(_WRITTEN, 4) == struct.pack("<I", _MARK)
        assert (stolen, written) == (bool(straps), bool(straps))
        assert bool(machine.denials())
