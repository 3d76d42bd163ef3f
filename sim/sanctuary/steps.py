"""Retire records of guest 1 as the judge reads them."""

import struct
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from elftools.elf.elffile import ELFFile

from contracts.architecture import Gpr
from sim.model.layout import RecordDecoder
from sim.sanctuary.evidence import Access, Step

__all__ = ["entered", "functions", "steps"]

_GUEST = 1  # bit of the context word
_REGISTERS = struct.Struct(f"<{len(Gpr)}I")  # a whole array of a record, by Gpr


def functions(elf: Path, kind: str = "STT_FUNC") -> Mapping[str, int]:
    """Addresses of an image's functions by name, or of its objects (``STT_OBJECT``)."""
    return {name: at for name, at, its_kind in _symbols(elf, elf.stat().st_mtime_ns) if its_kind == kind}


@cache
def _symbols(elf: Path, changed: int) -> tuple[tuple[str, int, str], ...]:
    """Names, addresses and kinds: read once of each image, and again if it has ``changed``."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return tuple((s.name, s["st_value"], s["st_info"]["type"]) for s in table.iter_symbols())


def steps(decoder: RecordDecoder, raw: Iterable[bytes], kernel_base: int, context: int = _GUEST) -> list[Step]:
    """Instructions and events in guest mode (``context`` 0: outside it), each with its data accesses; of a guest not the VMRUN of ring −1,
    which ends in guest mode."""
    found: list[Step] = []
    accesses: list[Access] = []
    for data in raw:
        for r in decoder.decode(data):
            if r.context & _GUEST != context:
                accesses.clear()
                continue
            if r.access_valid:
                value = r.access_write_data if r.access_write else r.access_read_data
                accesses.append(Access(r.access_linear, r.access_physical, bool(r.access_write), bool(r.access_io), value, r.access_size))
            if not r.instruction_valid:
                continue
            if context and r.instruction_physical >= kernel_base and not r.instruction_event:
                accesses.clear()
                continue
            if r.instruction_event:
                found.append(Step(r.cycle, r.instruction_eip, b"", r.instruction_mode_cpl, (), r.instruction_vector))
            else:
                length = r.instruction_length
                code = (r.instruction_bytes & ((1 << 8 * length) - 1)).to_bytes(length, "little")
                registers = _REGISTERS.unpack(r.instruction_gpr.to_bytes(_REGISTERS.size, "little"))
                found.append(Step(r.cycle, r.instruction_eip, code, r.instruction_mode_cpl, tuple(accesses), registers=registers))
            accesses.clear()
    return found


def entered(elf: Path, found: Iterable[Step]) -> dict[str, int]:
    """The cycles in which functions of an image retired their first instruction for the first time, by name."""
    first: dict[int, int] = {}
    for step in found:
        if step.code:
            first.setdefault(step.eip, step.cycle)
    return {name: first[at] for name, at in functions(elf).items() if at in first}
