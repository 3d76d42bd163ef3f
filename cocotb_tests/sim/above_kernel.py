"""Two guests above the isolation kernel on the RTL, watched by the judge of stale translations: what several tests run."""

import hashlib
import hmac
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TextIO, cast

from contracts.configuration import KernelConfig
from contracts.devices import DeviceNumber
from contracts.machine import Machine as KernelsMachine
from contracts.report import Step
from firmware.build import guest
from firmware.guests.layout import DEFAULT_KEY
from isolation_kernel.guest_memory import NOWHERE
from isolation_kernel.model.recorder import RecordingMachine
from isolation_kernel.partition import Partition
from sim.checks.ownership import OwnershipChecker
from sim.checks.translations import TranslationChecker
from sim.guests import GuestProgram, GuestSystem
from sim.link import LinkMachine
from sim.machine import Machine

__all__ = ["GUEST_MEMORY", "MAX_CYCLES", "JudgedLink", "Pair", "mac", "mass_market"]

GUEST_MEMORY = 2 << 20
MAX_CYCLES = 12_000_000
_GUEST_LIMIT = 2_000_000  # cycles without an exit
_DELAYS = (0, 1, 50, 1000, 1013, 4000)  # cycles that the kernel may think; far less than its timer's period, or nobody gets on


def mac(message: bytes) -> bytes:
    """What the trusted guest has to answer."""
    return hmac.new(DEFAULT_KEY, message, hashlib.sha256).digest()


def mass_market(command_line: str = "", dma: bool = False) -> GuestProgram:
    """Guest 1: page tables of its own, processes, a timer; it drives DMA engine 0 if asked."""
    devices = frozenset({DeviceNumber.DMA0} if dma else ())
    program = GuestProgram.load(guest("mass_market"), GUEST_MEMORY, "mass_market", one_to_one=True, devices=devices)
    return replace(program, command_line=f"dma={int(dma)} {command_line}")


class JudgedLink:
    """The kernel's machine, with a judge of stale translations told of every retire record and of every write over the link.

    Made while the stub waits and paging is off. ``delay`` gives the cycles that the kernel thinks before a guest is entered. ``own`` says
    whether a page belongs to the guest in a vCPU block; it is set once there is a kernel to ask. With ``deaf``, the processor does not
    hear the kernel's INVLPGA, but the judge does. DMA is not told: a guest that is judged so must not write its page tables by DMA.
    """

    def __init__(self, link: LinkMachine, delay: Callable[[], int] | None = None, deaf: bool = False) -> None:
        self._link, self._machine, self._delay, self._deaf = link, link.machine, delay, deaf
        self._block = 0
        self.own: Callable[[int, int], bool] = lambda block, page: False
        self.owners = OwnershipChecker()
        self._machine.record()
        self.judge = TranslationChecker(self._machine.model.dump(0, self._machine.config.memory))
        link.each_slice = self._feed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def _feed(self) -> None:
        records = list(self._machine.records())
        self.judge.feed(records)
        self.owners.feed(records, lambda page: self.own(self._block, page))

    def run(self, block: int) -> None:
        """Enter a guest."""
        self._block = block
        if self._delay is not None:
            self._link.cycles_per_exit = self._delay()
        self._link.run(block)

    def invlpga(self, block: int, linear: int, asid: int) -> None:
        """Flush one page, or make believe."""
        if self._deaf:
            self.judge.external_flush(asid, linear)
        else:
            self._link.invlpga(block, linear, asid)

    def write32(self, address: int, value: int) -> None:
        """A word, told to the judge behind all that has retired."""
        self._link.write32(address, value)
        self._feed()
        self.judge.external_write(address, value.to_bytes(4, "little"))

    def write_block(self, address: int, data: bytes) -> None:
        """Bytes, told to the judge behind all that has retired."""
        self._link.write_block(address, data)
        self._feed()
        self.judge.external_write(address, data)

    def clear(self, address: int, length: int) -> None:
        """Zeros, told to the judge behind all that has retired."""
        self._link.clear(address, length)
        self._feed()
        self.judge.external_write(address, bytes(length))


@dataclass
class Pair:
    """A mass-market guest and the trusted one above the kernel. ``run`` goes on until both have ended; messages are posted now and then.

    ``program`` takes the place of mass_market; ``delays`` makes the kernel think for random times; ``out`` gets the record of the run.
    """

    machine: Machine
    config: KernelConfig = field(default_factory=KernelConfig)
    program: GuestProgram = field(default_factory=mass_market)
    messages: tuple[bytes, ...] = (b"", b"a" * 100, b"END:")
    every: int = 100_000  # cycles between two messages, at least
    delays: random.Random | None = None
    deaf: bool = False
    out: TextIO | None = None

    def __post_init__(self) -> None:
        self.recorder: RecordingMachine | None = None
        self.system = GuestSystem(self.machine, self.config, guest_limit=_GUEST_LIMIT, record=self._wrap)
        self.answers: list[bytes] = []
        self.programs = (self.program, GuestProgram.load(guest("trusted"), GUEST_MEMORY, "trusted", clock=False))
        self.link.own = self._owns
        self.first, self.second = (self._load(program) for program in self.programs)

    def _wrap(self, link: KernelsMachine) -> KernelsMachine:
        delay = partial(self.delays.choice, _DELAYS) if self.delays else None
        self.link = JudgedLink(cast(LinkMachine, link), delay, self.deaf)
        if self.out is None:
            return self.link
        self.recorder = RecordingMachine(self.link, self.out)
        return cast(KernelsMachine, self.recorder)

    def _owns(self, block: int, page: int) -> bool:
        kernel = self.system.kernel
        running = next((p for p in kernel.partitions.values() if p.vcpu.block == block), None)
        return running is not None and (kernel.frames.owner(page) == running.number or page in running.memory.device_pages | {NOWHERE})

    def _note(self, event: str, *arguments: object) -> None:
        if self.recorder is not None:
            self.recorder.note(event, *arguments)

    def _load(self, program: GuestProgram) -> Partition:
        self._note("load_guest", program.name)
        return self.system.kernel.load_guest(program.configuration())

    @property
    def judge(self) -> TranslationChecker:
        """The judge of stale translations."""
        return self.link.judge

    def run(self, max_cycles: int = MAX_CYCLES, until: Callable[[], bool] = lambda: False) -> Step:
        """The last step's outcome; the run ends early when ``until`` holds."""
        kernel, start, posted = self.system.kernel, self.machine.cycle, 0
        outcome = Step.RAN
        while outcome is not Step.OVER and not until() and self.machine.cycle - start < max_cycles:
            due = posted < len(self.messages) and self.machine.cycle - start >= posted * self.every
            if posted < len(self.messages) and posted == len(self.answers) and (due or outcome is Step.IDLE):
                self._note("post_message", self.second.number, self.messages[posted])
                kernel.post_message(self.second.number, self.messages[posted])
                posted += 1
            elif outcome is Step.IDLE:
                break
            self._note("step")
            outcome = kernel.step()
            if self.second.answers:
                self._note("take_answers", self.second.number)
                self.answers += kernel.take_answers(self.second.number)
        return outcome
