"""Retire records as text: one line an instruction, disassembled, with what it changed."""

from collections.abc import Iterable, Iterator

import capstone

from sim.model.layout import RecordView

__all__ = ["REGISTERS", "InstructionTrace"]

REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
_MASK = 0xFFFF_FFFF
_GUEST = 1  # bit of the context word that ring −1 sets in guest mode


class InstructionTrace:
    """Turns records into lines. A line shows registers that differ from the line before, and memory that the instruction touched; of a
    repeated string instruction what its first and its last iteration touched."""

    def __init__(self) -> None:
        self._disassemblers = {
            bits: capstone.Cs(capstone.CS_ARCH_X86, mode) for bits, mode in ((16, capstone.CS_MODE_16), (32, capstone.CS_MODE_32))
        }
        self._gpr: tuple[int, ...] = (0,) * len(REGISTERS)
        self._flags = 0
        self._accesses: list[str] = []  # since the last record of an instruction
        self._iterations = 0  # of an instruction that goes on, so far
        self._at: tuple[int, ...] = ()  # where that is
        self._first: list[str] = []  # what the first of them touched
        self._texts: dict[tuple[int, int, int], str] = {}

    def lines(self, records: Iterable[RecordView]) -> Iterator[str]:
        """The lines of these records; accesses are shown with the instruction they belong to."""
        for record in records:
            if record.access_valid:
                self._accesses.append(self._access(record))
            if not record.instruction_valid:
                continue
            if record.instruction_event:
                yield self._event(record)
            elif record.instruction_final:
                yield self._instruction(record)
            else:
                self._iteration(record)

    @staticmethod
    def _where(record: RecordView) -> tuple[int, ...]:
        return record.context & _GUEST, record.asid, record.instruction_cs_base, record.instruction_eip

    def _iteration(self, record: RecordView) -> None:
        """One after which the instruction goes on."""
        if self._at != self._where(record):
            self._at, self._iterations, self._first = self._where(record), 0, self._accesses
        self._iterations += 1
        self._accesses = []

    def _touched(self, record: RecordView) -> list[str]:
        """What has been touched by the instruction that ends here, or that an event interrupts; forgotten hereby."""
        count = self._iterations + (not record.instruction_event)
        goes_on = self._at == self._where(record)  # or else an exit from the guest has cut it off
        touched = [*self._first, "…", *self._accesses, f"({count} iterations)"] if goes_on else self._accesses
        self._accesses, self._at = [], ()
        return touched

    @staticmethod
    def _access(record: RecordView) -> str:
        size = record.access_size
        digits = 2 * size
        where = f"{record.access_linear:04x}" if record.access_io else f"{record.access_linear:08x}"
        if not record.access_io and record.access_physical != record.access_linear:
            where += f"@{record.access_physical:08x}"
        space = "port " if record.access_io else ""
        parts = []
        mask = (1 << 8 * size) - 1
        if record.access_read:
            parts.append(f"{space}[{where}]->{record.access_read_data & mask:0{digits}x}")
        if record.access_write:
            parts.append(f"{space}[{where}]<-{record.access_write_data & mask:0{digits}x}")
        return " ".join(parts)

    def _event(self, record: RecordView) -> str:
        return f"{self._place(record)}  *** event {record.instruction_vector:02x}h {' '.join(self._touched(record))}".rstrip()

    def _place(self, record: RecordView) -> str:
        # Guest mode is bit 0 of ring −1's context word; a machine without ring −1 has the word 0.
        guest = f"g{record.asid}" if record.context & _GUEST else "-"
        ring = f"r{record.instruction_mode_cpl}" if record.instruction_mode_pe else "rm"
        return f"{record.cycle:>10} {guest:>3} {ring} {record.instruction_cs:04x}:{record.instruction_eip:08x}"

    def _instruction(self, record: RecordView) -> str:
        code = record.instruction_bytes & ((1 << 8 * record.instruction_length) - 1)
        raw = code.to_bytes(record.instruction_length, "little")
        bits = 32 if record.instruction_mode_code32 else 16
        text = self._disassemble(raw, record.instruction_eip, bits)
        return f"{self._place(record)}  {raw.hex():<22} {text:<40} {' '.join([*self._changes(record), *self._touched(record)])}".rstrip()

    def _disassemble(self, raw: bytes, eip: int, bits: int) -> str:
        key = (int.from_bytes(raw, "little") << 4 | len(raw), eip, bits)
        if key not in self._texts:
            found = next(self._disassemblers[bits].disasm_lite(raw, eip), None)
            self._texts[key] = f"{found[2]} {found[3]}".rstrip() if found else "(unknown)"
        return self._texts[key]

    def _changes(self, record: RecordView) -> Iterator[str]:
        packed = record.instruction_gpr
        gpr = tuple((packed >> 32 * n) & _MASK for n in range(len(REGISTERS)))
        for name, old, new in zip(REGISTERS, self._gpr, gpr, strict=True):
            if old != new:
                yield f"{name}={new:08x}"
        flags = record.instruction_eflags
        if flags != self._flags:
            yield f"eflags={flags:08x}"
        self._gpr, self._flags = gpr, flags
