"""The retire port says of each instruction what unicorn says: address, bytes, registers, flags, stores, exceptions."""

from pathlib import Path

import pytest

from sim.machine import Ending, Machine
from sim.model.layout import RecordView
from sim.multiboot import read_multiboot
from sim.oracles.undefined import ORACLE_ERRORS, flag_mask
from sim.oracles.unicorn_oracle import expected_results
from sim.programs.case import NO_VECTOR, Case, Mode, Result
from sim.programs.generate import generate
from sim.programs.lockstep_image import build_image

COUNT = 400
CYCLES = 20_000_000


def _run(path: Path) -> list[RecordView]:
    records: list[RecordView] = []
    with Machine() as machine:
        machine.load_multiboot(read_multiboot(path, machine.config.memory))
        machine.record()
        outcome = machine.run(CYCLES, each_slice=lambda: records.extend(machine.records()))
        records.extend(machine.records())
        assert outcome.ending is Ending.EXIT, outcome
    return records


class _Seen:
    """What the port said between two instructions of the image."""

    def __init__(self) -> None:
        self.retired: RecordView | None = None
        self.vectors: list[int] = []
        self.stores: dict[int, int] = {}


def _collect(records: list[RecordView], cases: list[Case]) -> dict[int, _Seen]:
    """Case index to what was said of it: all from the case's address on, until another instruction retires or an event is taken."""
    at = {c.code_address: c for c in cases}
    seen: dict[int, _Seen] = {c.index: _Seen() for c in cases}
    stores: dict[int, int] = {}
    for r in records:
        if r.access_valid and r.access_write and not r.access_io:
            data = r.access_write_data
            for n in range(r.access_size):
                page_left = 0x1000 - (r.access_physical & 0xFFF)
                physical = r.access_physical + n if n < page_left else r.access_physical_last - (r.access_size - 1 - n)
                stores[physical] = data >> 8 * n & 0xFF
        if not r.instruction_valid:
            continue
        case = at.get(r.instruction_cs_base + r.instruction_eip & 0xFFFF_FFFF)
        if case is not None:
            entry = seen[case.index]
            if r.instruction_event:
                entry.vectors.append(r.instruction_vector)
            else:
                entry.stores |= stores
                if r.instruction_final:
                    entry.retired = r
        stores = {}
    return seen


def _check(case: Case, want: Result, seen: _Seen) -> list[str]:
    landed = want.vector == 3 and case.family != "trap"  # it retired, and jumped to an INT3
    if want.vector != NO_VECTOR and not landed:
        return [] if seen.vectors[:1] == [want.vector] else [f"event {seen.vectors}, expected {want.vector}"]
    r = seen.retired
    if r is None:
        return ["never retired"]
    out = []
    if (r.instruction_physical, r.instruction_length) != (case.code_address, len(case.code)):
        out.append(f"at {r.instruction_physical:#x}, {r.instruction_length} bytes")
    code = bytes(r[f"instruction.bytes[{n}]"] for n in range(r.instruction_length))
    if code != case.code:
        out.append(f"bytes {code.hex(' ')}")
    gprs = tuple(r[f"instruction.gpr[{n}]"] for n in range(8))
    if gprs != want.gprs:
        out.append(f"registers {[f'{g:08x}' for g in gprs]}, expected {[f'{g:08x}' for g in want.gprs]}")
    if (r.instruction_eflags ^ want.eflags) & flag_mask(case):
        out.append(f"flags {r.instruction_eflags:08x}, expected {want.eflags:08x}")
    window = bytearray(case.window)
    for address, value in seen.stores.items():
        if 0 <= address - case.window_address < len(window):
            window[address - case.window_address] = value
    if bytes(window) != want.window:
        out.append(f"stores {[(hex(a), hex(v)) for a, v in seen.stores.items()]}")
    return out


@pytest.mark.parametrize("mode", [Mode.PROTECTED_32, Mode.REAL_16], ids=lambda m: m.value)
def test_records_agree_with_unicorn(mode: Mode, seed: int, tmp_path: Path) -> None:
    cases = [c for c in generate(seed, mode, COUNT) if not any(row.matches(c) for row in ORACLE_ERRORS)]
    image = build_image(cases, low_loader=True)
    path = tmp_path / "image.elf"
    path.write_bytes(image.elf)
    seen = _collect(_run(path), cases)
    failures = []
    for case, want in zip(cases, expected_results(image), strict=True):
        lines = _check(case, want, seen[case.index])
        if lines:
            failures.append("\n  ".join([case.describe(), *lines]))
    assert not failures, f"{len(failures)} of {len(cases)}\n" + "\n".join(failures[:5])
