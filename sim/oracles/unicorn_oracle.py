"""unicorn as an oracle for single instructions: the state that a case must leave behind."""

from collections.abc import Sequence
from typing import Any

import unicorn
from unicorn import x86_const as x86

from sim.programs.builder import FLAT_SELECTORS, USER_SELECTORS
from sim.programs.case import NO_VECTOR, SEGMENT_NAMES, Case, Mode, Result
from sim.programs.lockstep_image import LockstepImage

__all__ = ["DESCRIPTORS", "Machine", "expected_results"]

_GPRS = (
    x86.UC_X86_REG_EAX, x86.UC_X86_REG_ECX, x86.UC_X86_REG_EDX, x86.UC_X86_REG_EBX,
    x86.UC_X86_REG_ESP, x86.UC_X86_REG_EBP, x86.UC_X86_REG_ESI, x86.UC_X86_REG_EDI,
)  # fmt: skip
_SEGMENTS = dict(zip(SEGMENT_NAMES, (
    x86.UC_X86_REG_ES, x86.UC_X86_REG_CS, x86.UC_X86_REG_SS, x86.UC_X86_REG_DS, x86.UC_X86_REG_FS, x86.UC_X86_REG_GS,
), strict=True))  # fmt: skip
_STATE = (*_GPRS, x86.UC_X86_REG_EFLAGS, *_SEGMENTS.values())
_MEMORY = 16 << 20
DESCRIPTORS = _MEMORY - 4096  # where the descriptor table lies
_OF_RING_0 = {USER_SELECTORS[name]: selector for name, selector in FLAT_SELECTORS.items()}  # the same bases
_VECTOR_UD, _VECTOR_BP = 6, 3
_TRAPS = (3, 4)  # with INT n: the saved EIP is the next instruction's


class Machine:
    """One unicorn with the whole image in its memory; every case has its own window, so nothing needs restoring."""

    def __init__(self, image: LockstepImage) -> None:
        self.mode = image.cases[0].mode
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_16 if self.mode is Mode.REAL_16 else unicorn.UC_MODE_32)
        self.uc.mem_map(0, _MEMORY)
        for piece in image.memory:
            self.uc.mem_write(piece.address, piece.data)
        self.vector = NO_VECTOR
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self._interrupt)
        self.uc.hook_add(unicorn.UC_HOOK_INSN_INVALID, self._invalid)
        if self.mode is not Mode.REAL_16:
            self._descriptors()
        self.clean = self.uc.context_save()  # with no exception half delivered

    def _descriptors(self) -> None:
        """The same GDT as the image's, in memory that the image does not use."""
        at = DESCRIPTORS
        rows = (0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF, 0x00CF93110000FFFF, 0x00CF93080000FFFF)
        self.uc.mem_write(at, b"".join(r.to_bytes(8, "little") for r in rows))
        self.uc.reg_write(x86.UC_X86_REG_GDTR, (0, at, 8 * len(rows) - 1, 0))
        for name, selector in (("cs", "cs"), ("ss", "flat"), ("fs", "pool"), ("gs", "high"), ("ds", "flat"), ("es", "flat")):
            self.uc.reg_write(_SEGMENTS[name], FLAT_SELECTORS[selector])

    def _interrupt(self, uc: unicorn.Uc, number: int, data: Any) -> None:
        del data
        self.vector = number
        uc.emu_stop()

    def _invalid(self, uc: unicorn.Uc, data: Any) -> bool:
        del uc, data
        self.vector = _VECTOR_UD
        return False

    def run(self, case: Case) -> Result:
        """Execute the instruction, and the INT3 that it may have jumped to."""
        uc = self.uc
        uc.context_restore(self.clean)
        state = [
            (_SEGMENTS[name], _OF_RING_0.get(selector, selector) if self.mode is Mode.USER_32 else selector)
            for name, (selector, _) in case.segments.items()
            if self.mode is Mode.REAL_16 or name in ("es", "ds")
        ]
        uc.reg_write_batch([*state, *zip(_GPRS, case.gprs, strict=True), (x86.UC_X86_REG_EFLAGS, case.eflags)])
        self.vector = NO_VECTOR
        try:
            uc.emu_start(case.code_address, case.code_address + len(case.code))
        except unicorn.UcError as error:
            if error.errno != unicorn.UC_ERR_INSN_INVALID:
                raise RuntimeError(f"unicorn: {error} in\n{case.describe()}") from error
            self.vector = _VECTOR_UD
        *gprs, eflags, es, cs, ss, ds, fs, gs = uc.reg_read_batch(_STATE)
        eip = 0
        if self.vector == NO_VECTOR:
            cs = 0
        else:
            eip = self._saved_eip(case)
        window = bytes(uc.mem_read(case.window_address, len(case.window)))
        return Result(tuple(gprs), eflags, self.vector, eip, (es, cs, ss, ds, fs, gs), window)

    def _saved_eip(self, case: Case) -> int:
        if self.vector == _VECTOR_BP and case.family != "trap":
            return self.uc.reg_read(x86.UC_X86_REG_EIP)
        traps = case.family == "trap" and (self.vector in _TRAPS or case.name == "int")
        return case.offset + (len(case.code) if traps else 0)


def expected_results(image: LockstepImage, cases: Sequence[Case] = ()) -> list[Result]:
    """What the image's cases must leave behind."""
    machine = Machine(image)
    return [machine.run(c) for c in cases or image.cases]
