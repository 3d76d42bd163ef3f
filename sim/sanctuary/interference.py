"""No interference: guest 2 retires the same instructions with the same results alone, beside guest 1, and beside guest 1 attacking."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contracts.configuration import Right
from contracts.devices import DeviceNumber
from contracts.protections import Protections
from contracts.report import Step
from firmware.build import guest
from firmware.guests.layout import Trusted
from sim.guests import GuestProgram, GuestSystem
from sim.link import LinkMachine
from sim.machine import Machine
from sim.model.layout import RecordDecoder
from sim.sanctuary.evidence import Answer
from sim.sanctuary.world import GUEST_MEMORY, KERNEL_CONFIG, Correspondent, Targets, expected, trusted

__all__ = ["COMPANIES", "LEAST", "MESSAGES", "Retired", "Stream", "retired_by_guest2", "same"]

COMPANIES = ("alone", "beside guest 1", "beside guest 1 attacking by DMA", "beside guest 1 starving others")
_ATTACKS = {COMPANIES[2]: "dma_write_guest2", COMPANIES[3]: "starve_faults"}
MESSAGES = (
    b"KEY:" + bytes(range(0x20, 0x40)), b"first letter", b"second letter, " + b"which is longer " * 20, b"third letter",
    b"fourth letter, " + b"by which the attack has come " * 10,
)  # fmt: skip
LEAST = 75_000  # instructions: nearly what guest 2 retires; agreement in fewer would say little
_STEPS = 4000
_GUEST = 1  # bit of the context word
_NOTHING = hashlib.sha256().hexdigest()


class Stream:
    """The digest of what a guest retires: instructions, registers, flags, linear addresses and data; not when, nor where in the
    machine's memory.

    What an instruction had read before an exit took it away counts when it is retired. A repeated string instruction counts access by
    access and once as a whole, so that it does not matter where an interrupt to ring −1 cut it.
    """

    def __init__(self, decoder: RecordDecoder, kernel_base: int) -> None:
        self._decoder = decoder
        self._kernel = kernel_base
        fields = decoder.fields
        code = fields["instruction.bytes"]
        longest = code.width // 8
        names = ("vector", "final", "eip", "next_eip", "cs", "cs_base", "length", "gpr", "eflags")
        whole = _mask(decoder, *(f"instruction.{n}" for n in names), *(n for n in fields if n.startswith("instruction.mode.")))
        self._instructions = [whole | ((1 << 8 * n) - 1) << code.offset for n in range(longest + 1)]
        common = ("access.read", "access.write", "access.io", "access.size", "access.linear")
        data = {(0, 1): ("write_data",), (1, 0): ("read_data",), (1, 1): ("read_data", "write_data"), (0, 0): ()}
        self._accesses = {rw: _mask(decoder, *common, *(f"access.{n}" for n in names)) for rw, names in data.items()}
        self._bytes = (decoder.width + 7) // 8
        self._hash = hashlib.sha256()
        self._waiting: list[bytes] = []
        self.count = 0

    def add(self, raw: bytes) -> None:
        """Records from one entry of the guest to its exit."""
        for r in self._decoder.decode(raw):
            if not r.context & _GUEST or (r.instruction_valid and not r.instruction_event and r.instruction_physical >= self._kernel):
                self._waiting.clear()
                continue
            if r.access_valid:
                self._keep(r.word & self._accesses[r.access_read, r.access_write])
            if not r.instruction_valid:
                continue
            ended = r.instruction_event or r.instruction_next_eip != r.instruction_eip
            if ended:
                self._keep(r.word & self._instructions[0 if r.instruction_event else r.instruction_length])
                self.count += 1
            self._hash.update(b"".join(self._waiting))
            self._waiting.clear()
        self._waiting.clear()

    def _keep(self, word: int) -> None:
        self._waiting.append(word.to_bytes(self._bytes, "little"))

    def digest(self) -> str:
        """Of all so far."""
        return self._hash.hexdigest()


def _mask(decoder: RecordDecoder, *names: str) -> int:
    mask = 0
    for name in names:
        field = decoder.fields[name]
        mask |= ((1 << field.width) - 1) << field.offset
    return mask


class _Recorder:
    """The kernel's machine, with the retired instructions of one guest kept."""

    def __init__(self, link: LinkMachine, ran: Callable[[bytes], None]) -> None:
        self._link, self._ran = link, ran
        self.block: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def run(self, block: int) -> None:
        model = self._link.machine.model
        model.record("retire", on=block == self.block)
        self._link.run(block)
        model.record("retire", on=False)
        if block == self.block:
            self._ran(model.take_record_bytes("retire"))


@dataclass(frozen=True)
class Retired:
    """What guest 2 did in one company. ``asked`` messages were to be answered; ``refusals`` DMA accesses were refused meanwhile."""

    company: str
    instructions: int
    digest: str
    answers: tuple[Answer, ...]
    cycles: int
    asked: int = len(MESSAGES)
    refusals: int = 0

    @property
    def right(self) -> bool:
        """Whether all answers are there and right."""
        return len(self.answers) == self.asked and all(a.answer == expected(a) for a in self.answers)

    @property
    def enough(self) -> bool:
        """Whether so much was retired, and digested, that agreement says something."""
        return self.instructions >= LEAST and self.digest != _NOTHING


def _company(name: str, targets: Targets, number: int) -> GuestProgram | None:
    if name == COMPANIES[0]:
        return None
    attack = _ATTACKS.get(name)
    line = "work=2 pit=2000"
    if attack is not None:
        line = f"attack={attack} partition={number} guest2={targets.of_guest2(Trusted.PAGE):#x} spin=12000"
    program = GuestProgram.load(
        guest("mass_market" if attack is None else "attacker"), GUEST_MEMORY, "guest 1", one_to_one=True,
        devices=frozenset({DeviceNumber.DMA0}), rights=frozenset({Right.MESSAGES}),
    )  # fmt: skip
    return replace(program, command_line=line)


def retired_by_guest2(
    company: str,
    machine: Machine | None = None,
    guest2: GuestProgram | None = None,
    messages: Sequence[bytes] = MESSAGES,
    protections: Protections = Protections(),
) -> Retired:
    """Run guest 2 in that company. What is not given is as the demonstration has it; the rest is for runs that must turn out otherwise."""
    with machine or Machine() as m:
        recorders: list[_Recorder] = []
        streams: list[Stream] = []

        def record(link: object) -> _Recorder:
            recorders.append(_Recorder(link, lambda raw: streams[0].add(raw)))  # type: ignore[arg-type]
            return recorders[0]

        system = GuestSystem(m, replace(KERNEL_CONFIG, protections=protections), record=record)
        streams.append(Stream(m.model.decoder("retire"), system.config.layout.kernel_base))
        (partition,) = system.start([guest2 or trusted()])
        recorders[0].block = partition.vcpu.block
        beside = _company(company, Targets(system, partition), partition.number)
        if beside is not None:
            system.start([beside])
        mail = Correspondent(system, partition)
        posted = 0
        for _ in range(_STEPS):
            if not mail.waiting:
                if posted == len(messages):
                    break
                mail.post(messages[posted])
                posted += 1
            if system.kernel.step() in (Step.IDLE, Step.OVER) or not partition.alive:
                break
            mail.collect()
        answers = tuple(mail.letters)
        return Retired(company, streams[0].count, streams[0].digest(), answers, m.cycle, len(messages), len(m.denials()))


def same(runs: Sequence[Retired]) -> bool:
    """Whether guest 2 retired the same in all companies, enough of it, and was right in each."""
    complete = sorted(r.company for r in runs) == sorted(COMPANIES)
    return complete and all(r.right and r.enough for r in runs) and len({(r.instructions, r.digest) for r in runs}) == 1
