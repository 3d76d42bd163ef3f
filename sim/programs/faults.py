"""Random instructions in ring 3 whose operands lie in pages that are missing or read-only, or reach from one page into another."""

import random
from dataclasses import replace

from sim.programs.case import Case, Flag, Mode
from sim.programs.families import FORMS
from sim.programs.generate import generate

__all__ = ["PAGE_CHOICES", "generate_faults"]

PRESENT, WRITABLE, USER = 1, 2, 4
PAGE_CHOICES = (PRESENT | WRITABLE | USER, PRESENT | USER, WRITABLE | USER, PRESENT | WRITABLE)
_WEIGHTS = (6, 2, 3, 1)
_FAMILIES = ("alu", "shift", "double_shift", "bit", "muldiv", "move", "exchange", "stack", "string", "setcc", "call", "trap")
_LEFT_OUT = {
    "mov_sreg", "push_es", "push_cs", "push_ss", "push_ds", "push_fs", "push_gs",  # unicorn runs in ring 0, with other selectors
    "popf",  # and with other rights
    "int", "into", "int3", "ud2", "mov_cs", "group4", "group5", "lea_register",  # no operand in memory
}  # fmt: skip
_FORMS = [f for f in FORMS if f.family in _FAMILIES and f.name not in _LEFT_OUT]


def generate_faults(seed: int, count: int) -> list[Case]:
    """``count`` cases with the entries of their two pages in ``meta``; the same for the same seed."""
    rng = random.Random(f"{seed}/faults")
    cases = generate(seed, Mode.USER_32, count, forms=_FORMS)
    out = []
    for case in cases:
        pages = rng.choices(PAGE_CHOICES, _WEIGHTS, k=2)
        out.append(replace(case, eflags=case.eflags & ~Flag.AC, meta=case.meta | {"page_0": pages[0], "page_1": pages[1]}))
    return out
