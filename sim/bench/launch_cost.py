"""What a late launch takes, by part, read from the retire port: from SKINIT to the first instruction of a guest."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from contracts.host_link import HOST_LINK
from contracts.memory_map import PAGE_SIZE, Physical, RamLayout
from contracts.policy_map import GUARD
from contracts.secure_loader import DIGEST_WORDS
from contracts.tpm import LOCALITIES
from sim.bench.programs import BenchError
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine, MachineConfig
from sim.model.layout import RecordView
from sim.tpm.bridge import TpmBridge
from sim.tpm.swtpm import Swtpm, TpmError

__all__ = ["PARTS", "launch_cost", "parts_of"]

PARTS = (
    "SKINIT", "loader closes memory", "kernel's words", "loader copies the stub", "loader measures it", "TPM, three extensions",
    "stub and kernel set up", "guest entered",
)  # fmt: skip
_SKINIT = (0x0F, 0x01, 0xDE)
_OPCODE_BYTES = tuple(f"instruction.bytes[{n}]" for n in range(len(_SKINIT)))
_WORDS = 1 + DIGEST_WORDS  # that the loader reads from the mailbox
_MAILBOX = Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset
_OPENS = Physical.GUARD + GUARD["LAUNCH_CONTROL"].offset
_TPM_END = Physical.TPM + LOCALITIES * PAGE_SIZE
_MEMORY = 4 << 20  # bytes of the guest


def _opcode(record: RecordView) -> tuple[int, ...]:
    return tuple(record[name] for name in _OPCODE_BYTES)


def parts_of(records: Iterator[RecordView], ring_minus_1: int) -> dict[str, int]:
    """Cycles of each part of PARTS. BenchError if one of them is not there."""
    ends: list[int] = []  # of the parts; what is before SKINIT is one
    previous = words = copied = told = 0
    for r in records:
        retired = r.instruction_valid and not r.instruction_event
        at = r.access_physical if r.access_valid else None
        at_tpm = at is not None and Physical.TPM <= at < _TPM_END
        match len(ends):
            case 0 if retired and _opcode(r) == _SKINIT:
                ends += [previous, r.cycle]
            case 2 if at == _OPENS and r.access_write:
                ends.append(r.cycle)
            case 3 if at == _MAILBOX:
                words += 1
                if words == _WORDS:
                    ends.append(r.cycle)
            case 4 if at_tpm:
                ends += [copied, r.cycle]
            case 4 if at is not None and r.access_write and at >= ring_minus_1:
                copied = r.cycle
            case 6 if at_tpm:
                told = r.cycle
            case 6 if retired and r.instruction_physical == ring_minus_1:
                ends.append(told)
            case 7 if at == _MAILBOX:
                ends.append(r.cycle)
            case 8 if retired and r.asid:
                ends.append(r.cycle)
                break
        if retired:
            previous = r.cycle
    if len(ends) != len(PARTS) + 1:
        raise BenchError(f"the late launch got no further than {PARTS[max(len(ends) - 1, 0)]!r}")
    return {name: end - begin for name, begin, end in zip(PARTS, ends, ends[1:], strict=False)}


def launch_cost(guest: Path, config: MachineConfig | None = None) -> dict[str, int]:
    """Of a launch with a TPM, above which ``guest`` is started. BenchError if there is no TPM."""
    try:
        with tempfile.TemporaryDirectory() as state, Swtpm(Path(state) / "tpm") as tpm, Machine(config, tpm=TpmBridge(tpm)) as machine:
            machine.record()
            system = GuestSystem(machine, late_launch=True)
            system.start([GuestProgram.load(guest, _MEMORY, one_to_one=True)])
            system.kernel.step()
            return parts_of(machine.records(), RamLayout(machine.config.memory).kernel_base)
    except TpmError as error:
        raise BenchError(str(error)) from None
