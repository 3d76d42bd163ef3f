"""Retire records of guest 1 as the judge reads them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from elftools.elf.elffile import ELFFile

from sim.model.layout import RecordDecoder
from sim.sanctuary.evidence import Access, Step

__all__ = ["functions", "steps"]

_GUEST = 1  # bit of the context word


def functions(elf: Path) -> Mapping[str, int]:
    """Addresses of an image's functions by name."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {s.name: s["st_value"] for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"}


def steps(decoder: RecordDecoder, raw: Iterable[bytes], kernel_base: int) -> list[Step]:
    """Instructions and events in guest mode, each with its data accesses; not the VMRUN of ring −1, which ends in guest mode."""
    found: list[Step] = []
    accesses: list[Access] = []
    for data in raw:
        for r in decoder.decode(data):
            if not r.context & _GUEST:
                accesses.clear()
                continue
            if r.access_valid:
                value = r.access_write_data if r.access_write else r.access_read_data
                accesses.append(Access(r.access_linear, r.access_physical, bool(r.access_write), bool(r.access_io), value))
            if not r.instruction_valid:
                continue
            if r.instruction_physical >= kernel_base and not r.instruction_event:
                accesses.clear()
                continue
            if r.instruction_event:
                found.append(Step(r.cycle, r.instruction_eip, b"", r.instruction_mode_cpl, (), r.instruction_vector))
            else:
                length = r.instruction_length
                code = (r.instruction_bytes & ((1 << 8 * length) - 1)).to_bytes(length, "little")
                found.append(Step(r.cycle, r.instruction_eip, code, r.instruction_mode_cpl, tuple(accesses)))
            accesses.clear()
    return found
