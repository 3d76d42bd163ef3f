"""Cases of several instructions in a row, each made for the state that the ones before it have left: for hazards between instructions.

unicorn executes each instruction as it is drawn, so that the next one's addresses fall into the window. Instructions that leave flags
undefined are drawn only where nothing reads the flags any more: as the last.
"""

import random
from dataclasses import replace

import unicorn
from unicorn import x86_const as x86

from sim.oracles.undefined import ORACLE_ERRORS
from sim.programs.builder import Builder, Retry
from sim.programs.case import LAYOUTS, Case, Layout, Mode
from sim.programs.families import FORMS, Form
from sim.programs.generate import draw

__all__ = ["generate_streams"]

_DEFINED = {
    "add", "adc", "sbb", "sub", "cmp", "not", "neg", "inc", "dec", "mov", "movzx", "movsx", "lea", "xchg", "bswap", "xlat", "cmpxchg",
    "xadd",
    "push", "pop", "cbw", "cwde", "cwd", "cdq", "cmc", "clc", "stc", "cld", "std", "sahf", "lahf",
    "pushf",
}  # fmt: skip
# CMPXCHG8B is missing: behind another instruction QEMU and unicorn keep the flags of a wrong one (stepped one by one unicorn is right).
_FAMILIES = {"alu", "move", "exchange", "stack", "convert", "flags", "setcc"}
_FORMS = [f for f in FORMS if f.family in _FAMILIES and (f.name in _DEFINED or f.family == "setcc") and not f.real_only]
_GPRS = (
    x86.UC_X86_REG_EAX, x86.UC_X86_REG_ECX, x86.UC_X86_REG_EDX, x86.UC_X86_REG_EBX,
    x86.UC_X86_REG_ESP, x86.UC_X86_REG_EBP, x86.UC_X86_REG_ESI, x86.UC_X86_REG_EDI,
)  # fmt: skip
_ROOM = Layout.AFTER[0] - Layout.INSTRUCTION - 5  # bytes: what a slot holds beside the jump behind it
_ESP = 4
_LOWEST, _HIGHEST = 130, 230  # where ESP may wander in the window
_SPAN = 0x0100_0000


class _State:
    """Protected mode without segments' bases: what unicorn makes of the instructions so far."""

    def __init__(self, first: Builder) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        self.uc.mem_map(0, _SPAN)
        self.window_address = first.window_address
        self.start = first.offset
        self.uc.mem_write(first.window_address, bytes(first.window))
        for register, value in zip(_GPRS, first.gprs, strict=True):
            self.uc.reg_write(register, value)
        self.uc.reg_write(x86.UC_X86_REG_EFLAGS, first.eflags)

    def gprs(self) -> list[int]:
        return list(self.uc.reg_read_batch(_GPRS))

    def window(self, size: int) -> bytes:
        return bytes(self.uc.mem_read(self.window_address, size))

    def step(self, code: bytes) -> bool:
        """Execute; False if it faulted."""
        self.uc.mem_write(self.start, code)
        try:
            self.uc.emu_start(self.start, self.start + len(code))
        except unicorn.UcError:
            return False
        return True


def _flat(builder: Builder) -> None:
    """Only flat segments: FS and GS would need unicorn's descriptor table."""
    flat = builder.segments["ss"]
    builder.segments |= {"es": flat, "ds": flat}


def _draw_next(rng: random.Random, index: int, state: _State, forms: list[Form]) -> Case | None:
    form = rng.choices(forms, [f.weight for f in forms])[0]
    builder = Builder(rng, Mode.PROTECTED_32, index, None)
    _flat(builder)
    builder.overrides = False
    builder.gprs = state.gprs()
    builder.pinned = set(range(8))
    builder.window = bytearray(state.window(len(builder.window)))
    before = (list(builder.gprs), bytes(builder.window))
    try:
        case = draw(form, builder)
    except Retry:
        return None
    if any(row.matches(case) for row in ORACLE_ERRORS):
        return None
    return case if (list(case.gprs), case.window) == before else None


def _stream(rng: random.Random, index: int) -> Case | None:
    first = Builder(rng, Mode.PROTECTED_32, index, None)
    _flat(first)
    first.offset = LAYOUTS[Mode.PROTECTED_32].slot(index) + Layout.INSTRUCTION
    state = _State(first)
    code = b""
    count = 0
    for _ in range(60):
        case = _draw_next(rng, index, state, _FORMS)
        if case is None or len(code) + len(case.code) > _ROOM:
            continue
        saved = state.uc.context_save()
        window = state.window(len(first.window))
        low = state.window_address
        if not state.step(case.code) or not low + _LOWEST <= state.gprs()[_ESP] <= low + _HIGHEST:
            state.uc.context_restore(saved)
            state.uc.mem_write(low, window)
            continue
        code += case.code
        count += 1
    if count < 3:
        return None
    return Case(
        Mode.PROTECTED_32, index, "stream", f"{count}_instructions", code, first.offset, tuple(first.gprs), first.eflags,
        dict(first.segments), False, bytes(first.window), {"size": 4},
    )  # fmt: skip


def generate_streams(seed: int, count: int) -> list[Case]:
    """``count`` cases of three to a dozen instructions; the same for the same seed."""
    rng = random.Random(f"{seed}/streams")
    cases: list[Case] = []
    while len(cases) < count:
        case = _stream(rng, len(cases))
        if case is not None:
            cases.append(replace(case))
    return cases
