"""A late launch on the whole machine: SKINIT, the secure loader and a real TPM, and the kernel's end of the hand-over."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.event_log import DEVELOPMENT, EventKind
from contracts.memory_map import Physical, RamLayout
from contracts.policy_map import GUARD, Format
from contracts.secure_loader import LoaderStatus, Record
from firmware.build import build, secure_loader, stub
from sim.launch.hand_over import HandOver, LaunchError, hand_over
from sim.launch.start import BLOCK, STUB_IMAGE, load_launcher, stub_image
from sim.link import LinkMachine, MachineEnded
from sim.machine import Ending, Machine
from sim.multiboot import read_multiboot
from sim.tpm.bridge import TpmBridge
from sim.tpm.swtpm import Swtpm

__all__: list[str] = []

KERNEL = hashlib.sha256(b"a kernel").digest()
SHORT = bytes.fromhex("fa eb fe 90")  # CLI, and a loop: what is started is not the question
RING_MINUS_1 = RamLayout().kernel_base
LIMIT = 3_000_000
ZERO = bytes(32)
CODE = 256  # bytes at the stub's beginning that are code, which it does not change


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass
class Bench:
    machine: Machine
    link: LinkMachine
    tpm: Swtpm | None

    def loaded(self, block: bytes | None = None, stub_bytes: bytes | None = None) -> "Bench":
        load_launcher(self.machine, block, stub_bytes)
        return self

    def run(self, ring_minus_1: int = RING_MINUS_1) -> HandOver:
        return hand_over(self.link, ring_minus_1, KERNEL, LIMIT)

    def pcrs(self) -> list[bytes]:
        """17 to 19, as tpm2_pcrread shows them."""
        assert self.tpm is not None
        self.tpm.release()
        done = subprocess.run(["tpm2_pcrread", "sha256:17,18,19"], env={**os.environ, "TPM2TOOLS_TCTI": self.tpm.tcti}, capture_output=True,
                              text=True, check=True)  # fmt: skip
        return [bytes.fromhex(line.partition("0x")[2]) for line in done.stdout.splitlines() if "0x" in line]

    def guard(self, name: str) -> int:
        return self.link.read32(Physical.GUARD + GUARD[name].offset)

    def status(self) -> int:
        return self.link.read32(BLOCK + Record.STATUS)


@contextmanager
def bench(state: Path | None) -> Iterator[Bench]:
    """With a TPM whose state lies there, or without one."""
    if state is None:
        with Machine() as machine:
            yield Bench(machine, LinkMachine(machine), None)
        return
    with Swtpm(state) as tpm, Machine(tpm=TpmBridge(tpm)) as machine:
        yield Bench(machine, LinkMachine(machine), tpm)


def test_the_stub_runs_and_the_tpm_knows_what_has_been_started(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        done = b.loaded().run()
        block, image = secure_loader(), stub_image()
        assert done.block == BLOCK and done.measured and b.status() == LoaderStatus.MEASURED
        assert [(e.kind, e.digest) for e in done.events] == [
            (EventKind.BLOCK, sha(block)), (EventKind.STUB, sha(image)), (EventKind.KERNEL, KERNEL),
            (EventKind.DEVELOPMENT, DEVELOPMENT.digest),
        ]  # fmt: skip
        kernel = sha(sha(ZERO + sha(image)) + KERNEL)
        assert b.pcrs() == [sha(ZERO + sha(block)), kernel, sha(ZERO + DEVELOPMENT.digest)]
        assert b.link.read_block(RING_MINUS_1, CODE) == image[:CODE]
        assert b.link.poll() & 1  # the stub waits
        control = b.guard("CONTROL")
        assert GUARD["CONTROL"].field("ENABLE").get(control) and GUARD["CONTROL"].field("FORMAT").get(control) == Format.UNIFORM
        assert b.guard("LAUNCH_CONTROL") == 0
        map_base, length = (b.link.read32(Physical.GUARD + GUARD[name].at(0)) for name in ("MAP_BASE", "MAP_LENGTH"))
        assert BLOCK < map_base < BLOCK + 0x10000 and not any(b.link.read_block(map_base, length))


def test_without_a_tpm_the_stub_runs_and_the_kernel_knows() -> None:
    with bench(None) as b:
        done = b.loaded(stub_bytes=stub_image()).run()
        assert not done.measured and b.status() == LoaderStatus.NO_TPM and b.link.poll() & 1
        assert [e.kind for e in done.events][:2] == [EventKind.BLOCK, EventKind.STUB]


def test_a_tpm_that_dies_behind_the_launch_is_as_one_that_is_not_there(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.loaded()
        b.link.wait(LIMIT)  # the loader asks for the kernel's words: SKINIT has measured, nothing else has been
        assert b.tpm is not None
        b.tpm.kill()
        done = b.run()
        assert not done.measured and b.status() == LoaderStatus.NO_TPM


@pytest.mark.parametrize(
    ("stub_at", "size"),
    [(STUB_IMAGE, 0), (STUB_IMAGE, 6), (STUB_IMAGE + 2, 4), (STUB_IMAGE, 0x1_0004), (RING_MINUS_1, 4), (RING_MINUS_1 - 4, 8),
     (0xFFFF_FFFC, 8), (STUB_IMAGE, 0xFFFF_FFFC)],
)  # fmt: skip
def test_an_impossible_stub_is_not_started(stub_at: int, size: int) -> None:
    with bench(None) as b:
        b.loaded(stub_bytes=SHORT)
        program = read_multiboot(build("launcher"), b.machine.config.memory)
        b.machine.load_multiboot(program, f"block={BLOCK:#x} stub={stub_at:#x} size={size:#x}")
        with pytest.raises(LaunchError, match="the secure loader refuses the stub"):
            b.run()
        assert b.status() == LoaderStatus.STUB_REFUSED and not any(b.link.read_block(RING_MINUS_1, 64))


@pytest.mark.parametrize("base", [RING_MINUS_1 + 4, 0, 0x9_0000, BLOCK, BLOCK - 0xF000, BLOCK + 0xF000, 0xFED8_0000])
def test_ring_minus_1_does_not_begin_anywhere(base: int) -> None:
    with bench(None) as b:
        b.loaded(stub_bytes=SHORT)
        with pytest.raises(LaunchError, match="refuses the place of ring -1's memory"):
            b.run(base)
        assert b.status() == LoaderStatus.KERNEL_REFUSED


def test_who_waits_at_the_mailbox_without_a_launch_is_no_loader() -> None:
    """It may write what it likes into memory; but it has not even done that."""
    with bench(None) as b:
        b.machine.model.load(RING_MINUS_1, stub())
        b.machine.load_boot_block(_stub_block())
        with pytest.raises(LaunchError, match="no secure loader"):
            b.run()


def _stub_block() -> bytes:
    from contracts.boot import boot_block

    return boot_block(RING_MINUS_1, ebx=RING_MINUS_1)


def test_a_block_that_does_nothing_is_told_by_the_limit() -> None:
    with bench(None) as b:
        b.loaded(block=bytes.fromhex("0400 0800 fa eb fe 90"))
        with pytest.raises(MachineEnded) as raised:
            hand_over(b.link, RING_MINUS_1, KERNEL, 200_000)
        assert raised.value.ending is Ending.LIMIT


@pytest.mark.parametrize("spoilt", [(Record.LOG_SIZE, 9, "impossible size"), (Record.LOG_SIZE, 8 + 35, "impossible size"),
                                    (Record.LOG_SIZE, 0x2000, "impossible size"), (Record.LOG_SIZE, 12, "event log ends in the middle"),
                                    (Record.STATUS, 77, "does not say")])  # fmt: skip
def test_a_record_that_cannot_be_is_told(spoilt: tuple[int, int, str]) -> None:
    """The loader has gone, and what it has left is spoilt before it is read, as a loader that nobody measured may leave it."""
    offset, value, message = spoilt
    with bench(None) as b:
        b.loaded(stub_bytes=stub_image())
        original = b.link.answer
        left = [9]

        def answer(word: int) -> None:
            original(word)
            left[0] -= 1
            if not left[0]:
                b.link.wait(LIMIT)
                b.link.write32(BLOCK + offset, value)

        b.link.answer = answer  # type: ignore[method-assign]
        with pytest.raises(LaunchError, match=message):
            b.run()


def test_the_kernels_digest_is_one() -> None:
    with bench(None) as b, pytest.raises(ValueError, match="a digest of 3 bytes"):
        hand_over(b.link, RING_MINUS_1, b"abc")
