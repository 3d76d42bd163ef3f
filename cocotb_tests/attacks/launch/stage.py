"""A launch by an attacker: what is in memory, what the launcher does, what the host answers; and what was seen of it."""

import hashlib
import random
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from chipset.boards.straps import Strap
from cocotb_tests.attacks.launch import places
from cocotb_tests.attacks.launch.evidence import LAUNCHED, Evidence
from cocotb_tests.attacks.launch.slips import Slip, loader_with
from cocotb_tests.attacks.launch.tpm import Refusing, extended, pcrs
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.event_log import DIGEST_SIZE, Pcr
from contracts.late_launch import BLOCK_SIZE
from contracts.memory_map import DMA_ENGINE_STRIDE, Physical, RamLayout
from contracts.policy_map import GUARD
from contracts.secure_loader import Parameter
from firmware.build import build
from firmware.launcher.steps import Do, Step, script
from sim.launch.hand_over import HandOver, LaunchError, hand_over
from sim.link import LinkMachine, MachineEnded
from sim.machine import Ending, Machine
from sim.multiboot import read_multiboot
from sim.tpm.bridge import TpmBridge

__all__ = ["Missing", "Stage", "engine"]

_LIMIT = 1_500_000  # cycles in which a launch gets from one answer of the host to the next
_PIECE = 8  # bytes of the secret that nobody has by chance
_REBOOTS, _SLICE = 200, 50_000  # cycles of each: together more than the scrub and the BIOS's first words take
_BIOS = b"reset ROM"
_MOMENT = 100  # cycles between two looks at a register
_ZERO = bytes(DIGEST_SIZE)
_START = DMA_ENGINE["CONTROL"].field("START").mask
_MEMORY = RamLayout().size


class Missing(Enum):
    """What a control run lacks where neither a strap nor a slip takes it away."""

    SKINIT = "the launcher jumps into the block, with the registers of SKINIT"
    SNOOP = "memory is changed without the caches' being told"
    LOCALITY = "the TPM is not told who asks"
    BUSES_APART = "what an engine is to do on the bus of the devices the processor does in its place"
    R_INIT = "the stub takes VM_CR back, so that INIT is not #SX"
    PCRS = "the host takes the word of the log"


def engine(name: str, number: int = 0) -> int:
    """The address of an engine's register."""
    return Physical.DMA_ENGINES + number * DMA_ENGINE_STRIDE + DMA_ENGINE[name].offset


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass
class Stage:
    """What an attack sets, then what a run needs.

    ``off`` says what is missing in this run. ``steps`` are the launcher's, ``launches`` ends them with a launch of ``block``. ``stub`` is
    what lies at ``STUB``, ``stub_told`` and ``stub_size`` what the loader is told of it; ``expected_stub`` what a genuine launch has.
    ``homes`` are where the secret lies lawfully, beside ring −1's memory. ``meanwhile`` is done by the host before it answers the loader,
    ``behind`` when the stub waits. ``starts`` and ``kept`` are what the judge is to hold against it: see ``Evidence``.
    """

    off: frozenset[object]
    rng: random.Random
    tpm: Refusing
    steps: list[Step] = field(default_factory=list)
    launches: bool = True
    block: int = places.BLOCK
    stub_told: int = places.STUB
    stub: bytes = field(default_factory=places.stub)
    expected_stub: bytes = field(default_factory=places.stub)
    stub_size: int | None = None
    starts: bool = False
    bridge: type[TpmBridge] = TpmBridge
    kept: bool = False  # PCR 17 and 18 must hold what the launch has left, or the reset
    limit: int = _LIMIT
    disk: bytes = b""  # what is on the drive
    meanwhile: Callable[["Stage"], None] | None = None
    behind: Callable[["Stage"], None] | None = None
    handed: HandOver | None = field(default=None, init=False)
    machine: Machine = field(init=False)
    link: LinkMachine = field(init=False)

    def __post_init__(self) -> None:
        self.secret = self.rng.randbytes(DIGEST_SIZE)
        self.loader = loader_with(*(each for each in self.off if isinstance(each, Slip)))
        self.homes = [self.block]
        self._memory: list[tuple[int, bytes]] = []

    # what the attacker prepares

    def put(self, address: int, data: bytes) -> None:
        """It lies there when the launcher starts."""
        self._memory.append((address, data))

    def do(self, *steps: Step | Iterable[Step]) -> None:
        """Further steps of the launcher's."""
        for each in steps:
            self.steps.extend([each] if isinstance(each, Step) else each)

    @staticmethod
    def guard(name: str, value: int, index: int = 0) -> Step:
        """The step that writes one of the guard's registers."""
        return Step(Do.WRITE_32, Physical.GUARD + GUARD[name].at(index), value)

    def chain(self, *descriptors: Sequence[int], number: int = 0) -> None:
        """Start an engine with that chain; a transfer that is longer than a descriptor may be is not asked for here."""
        last = [(*d[:3], d[3] | (DescriptorFlag.LAST if n == len(descriptors) - 1 else 0)) for n, d in enumerate(descriptors)]
        self.put(places.CHAINS[number], b"".join(struct.pack("<4I", *d) for d in last))
        self.do(Step(Do.WRITE_32, engine("DESCRIPTOR", number), places.CHAINS[number]))
        self.do(Step(Do.WRITE_32, engine("CONTROL", number), _START))

    def carry_out(self, steps: Iterable[Step]) -> None:
        """The same steps by the host, over its link: those that write bytes, and those that wait."""
        for what, address, value in steps:
            if what is Do.WRITE_8:
                self.link.write8(address, value)
            while what is Do.POLL and not self.link.read8(address) & value:
                self.machine.run(_MOMENT)

    # the run

    def run(self) -> Evidence:
        """From the reset vector on."""
        named = extended(_ZERO, _hash(self.stub), self.secret)
        genuine = extended(_ZERO, _hash(self.expected_stub), self.secret)
        evidence = Evidence((extended(_ZERO, _hash(self.loader)), genuine), named, starts=self.starts)
        with ExitStack() as held:
            self.machine = held.enter_context(Machine(tpm=self.bridge(self.tpm), disk=self._disk(held)))
            self._load()
            self.link = LinkMachine(self.machine, 0)
            self._play(evidence)
            self.machine.drain()
            self._look(evidence)
        return evidence

    def _disk(self, held: ExitStack) -> Path | None:
        """The file of the drive, if there is one."""
        if not self.disk:
            return None
        image = Path(held.enter_context(TemporaryDirectory()), "disk")
        image.write_bytes(self.disk)
        return image

    def _load(self) -> None:
        strap = Strap(0)
        for each in self.off:
            if isinstance(each, Strap):
                strap |= each
        self.machine.set_straps(strap)
        size = len(self.stub) if self.stub_size is None else self.stub_size
        model = self.machine.model
        model.load(places.STUB, self.stub)
        if self.block + BLOCK_SIZE <= _MEMORY:
            model.load(self.block, self.loader)
            model.load(self.block + Parameter.STUB, struct.pack("<2I", self.stub_told, size))
        for address, data in self._memory:
            model.load(address, data)
        model.load(places.SCRIPT, script([*self.steps, *self._launch()]))
        self.machine.load_multiboot(read_multiboot(build("hostile_launcher"), _MEMORY), f"script={places.SCRIPT:#x}")

    def _launch(self) -> Iterator[Step]:
        if self.launches and Missing.SKINIT in self.off:
            yield self.guard("LAUNCH_BASE", self.block)  # where the host looks
            yield Step(Do.IMITATE, self.block, self.block)
        elif self.launches:
            yield Step(Do.LAUNCH, self.block)

    def _play(self, evidence: Evidence) -> None:
        try:
            if self.meanwhile is not None:
                self.meanwhile(self)
            self.handed = hand_over(self.link, places.RING_MINUS_1, self.secret, self.limit)
            if self.behind is not None:
                self.behind(self)
        except LaunchError as error:
            evidence.refusal = str(error)
        except MachineEnded as ended:
            evidence.refusal = ended.ending.value
            if ended.ending is Ending.RESET:
                self._reboot()

    def _reboot(self) -> None:
        """To the BIOS's first words, and a little further."""
        for _ in range(_REBOOTS):
            self.machine.run(_SLICE, stop_on_reset=False)
            if _BIOS in self.machine.outputs["com1"]:
                break

    def _look(self, evidence: Evidence) -> None:
        evidence.said = self.machine.outputs["debug"].decode("latin-1")
        evidence.denied = len(self.machine.denials())
        if self.tpm.alive:
            evidence.launch, evidence.kernel = pcrs(self.tpm)
        if Missing.PCRS in self.off and self.handed is not None:
            evidence.launch = extended(_ZERO, *(event.digest for event in self.handed.events if event.kind.pcr is Pcr.LAUNCH))
            evidence.kernel = extended(_ZERO, *(event.digest for event in self.handed.events if event.kind.pcr is Pcr.KERNEL))
        if self.kept:
            begun = LAUNCHED in evidence.said
            evidence.untouched = evidence.genuine if begun else (b"\xff" * DIGEST_SIZE,) * 2
        lies = self._lies()
        evidence.survived = bool(lies) and _BIOS in self.machine.outputs["com1"]
        homes = [range(home, home + BLOCK_SIZE) for home in self.homes] + [range(places.RING_MINUS_1, _MEMORY)]
        evidence.spilt = [at for at in lies if not any(at in home for home in homes)]

    def _lies(self) -> list[int]:
        """Where parts of the secret lie in memory."""
        memory = bytes(self.machine.model.memory())
        found = []
        for part in range(0, DIGEST_SIZE, _PIECE):
            piece = self.secret[part : part + _PIECE]
            at = memory.find(piece)
            while at >= 0:
                found.append(at)
                at = memory.find(piece, at + 1)
        return found
