"""The declared table of instruction forms that random cases are drawn from.

Operands are the manual's letters: E (ModRM r/m), M (memory only), R (register only), G (ModRM reg), I (immediate), O (moffs), Z (register
in the opcode); sizes b, w, v (operand size), z (immediate of operand size), s (8 bits, sign-extended), d. Implied operands are not listed.
"""

from dataclasses import dataclass

__all__ = ["FORMS", "Form", "families"]


@dataclass(frozen=True)
class Form:
    """One row: ``digit`` is the ModRM reg field where the opcode needs it, ``setup`` names a function of ``sim.programs.setups``."""

    family: str
    name: str
    opcode: bytes
    operands: str = ""
    digit: int | None = None
    setup: str = ""
    lock: bool = False  # LOCK is legal with a memory destination
    sizes: tuple[int, ...] = (2, 4)  # of v operands
    reads_only: bool = False  # memory is not written: CS overrides are fine in protected mode
    real_only: bool = False
    weight: int = 1


_ALU = ("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp")
_CONDITIONS = ("o", "no", "b", "ae", "z", "nz", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g")
_SHIFTS = ("rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar")


def _op(text: str) -> bytes:
    return bytes.fromhex(text)


def _alu() -> list[Form]:
    rows = []
    for n, name in enumerate(_ALU):
        first, writes = n * 8, name != "cmp"
        for extra, operands in enumerate(("Eb Gb", "Ev Gv", "Gb Eb", "Gv Ev", "Ib", "Iz")):
            rows.append(
                Form("alu", name, bytes([first + extra]), operands, lock=writes and extra < 2, reads_only=not writes or extra in (2, 3))
            )
        for opcode, operands in (("80", "Eb Ib"), ("81", "Ev Iz"), ("82", "Eb Ib"), ("83", "Ev Is")):
            rows.append(Form("alu", name, _op(opcode), operands, digit=n, lock=writes, reads_only=not writes))
    rows += [
        Form("alu", "test", _op("84"), "Eb Gb", reads_only=True),
        Form("alu", "test", _op("85"), "Ev Gv", reads_only=True),
        Form("alu", "test", _op("A8"), "Ib"),
        Form("alu", "test", _op("A9"), "Iz"),
        Form("alu", "test", _op("F6"), "Eb Ib", digit=0, reads_only=True),
        Form("alu", "test", _op("F7"), "Ev Iz", digit=0, reads_only=True),
    ]
    for digit, name in ((2, "not"), (3, "neg")):
        rows += [Form("alu", name, _op("F6"), "Eb", digit=digit, lock=True), Form("alu", name, _op("F7"), "Ev", digit=digit, lock=True)]
    for digit, name in ((0, "inc"), (1, "dec")):
        rows += [Form("alu", name, _op("FE"), "Eb", digit=digit, lock=True), Form("alu", name, _op("FF"), "Ev", digit=digit, lock=True)]
        rows.append(Form("alu", name, bytes([0x40 + 8 * digit]), "Zv"))
    return rows


def _shifts() -> list[Form]:
    rows = []
    for n, name in enumerate(_SHIFTS):
        for opcode, operands, setup in (
            ("C0", "Eb Ib", "shift_immediate"), ("C1", "Ev Ib", "shift_immediate"), ("D0", "Eb", "shift_one"), ("D1", "Ev", "shift_one"),
            ("D2", "Eb", "shift_cl"), ("D3", "Ev", "shift_cl"),
        ):  # fmt: skip
            rows.append(Form("shift", name, _op(opcode), operands, digit=n, setup=setup))
    for opcode, name in (("0FA4", "shld"), ("0FAC", "shrd")):
        rows.append(Form("double_shift", name, _op(opcode), "Ev Gv Ib", setup="shift_immediate", weight=4))
        rows.append(Form("double_shift", name, bytes([0x0F, _op(opcode)[1] + 1]), "Ev Gv", setup="shift_cl", weight=4))
    return rows


def _bits() -> list[Form]:
    rows = []
    for digit, name in enumerate(("bt", "bts", "btr", "btc"), 4):
        read = name == "bt"
        rows.append(
            Form("bit", name, bytes([0x0F, 0x83 + 8 * digit]), "Ev Gv", setup="bit_offset", lock=not read, reads_only=read, weight=2)
        )
        rows.append(Form("bit", name, _op("0FBA"), "Ev Ib", digit=digit, lock=not read, reads_only=read))
    rows += [
        Form("bit", "bsf", _op("0FBC"), "Gv Ev", setup="scan", reads_only=True, weight=2),
        Form("bit", "bsr", _op("0FBD"), "Gv Ev", setup="scan", reads_only=True, weight=2),
    ]
    return rows


def _multiply() -> list[Form]:
    rows = []
    for digit, name, setup in ((4, "mul", ""), (5, "imul", ""), (6, "div", "divide"), (7, "idiv", "divide")):
        rows.append(Form("muldiv", name, _op("F6"), "Eb", digit=digit, setup=setup, reads_only=True, weight=2))
        rows.append(Form("muldiv", name, _op("F7"), "Ev", digit=digit, setup=setup, reads_only=True, weight=2))
    rows += [
        Form("muldiv", "imul", _op("0FAF"), "Gv Ev", reads_only=True, weight=2),
        Form("muldiv", "imul", _op("69"), "Gv Ev Iz", reads_only=True),
        Form("muldiv", "imul", _op("6B"), "Gv Ev Is", reads_only=True),
    ]
    return rows


_MOVES = [
    Form("move", "mov", _op("88"), "Eb Gb"),
    Form("move", "mov", _op("89"), "Ev Gv"),
    Form("move", "mov", _op("8A"), "Gb Eb", reads_only=True),
    Form("move", "mov", _op("8B"), "Gv Ev", reads_only=True),
    Form("move", "mov", _op("A0"), "Ob", reads_only=True),
    Form("move", "mov", _op("A1"), "Ov", reads_only=True),
    Form("move", "mov", _op("A2"), "Ob"),
    Form("move", "mov", _op("A3"), "Ov"),
    Form("move", "mov", _op("B0"), "Zb Ib"),
    Form("move", "mov", _op("B8"), "Zv Iz"),
    Form("move", "mov", _op("C6"), "Eb Ib", digit=0),
    Form("move", "mov", _op("C7"), "Ev Iz", digit=0),
    Form("move", "mov_sreg", _op("8C"), "Mw", setup="store_segment"),
    Form("move", "mov_sreg", _op("8C"), "Rv", setup="store_segment"),
    Form("move", "movzx", _op("0FB6"), "Gv Eb", reads_only=True, weight=2),
    Form("move", "movzx", _op("0FB7"), "Gv Ew", reads_only=True, weight=2),
    Form("move", "movsx", _op("0FBE"), "Gv Eb", reads_only=True, weight=2),
    Form("move", "movsx", _op("0FBF"), "Gv Ew", reads_only=True, weight=2),
    Form("move", "lea", _op("8D"), "Gv Mv", reads_only=True, weight=3),
    Form("move", "xchg", _op("86"), "Eb Gb", lock=True),
    Form("move", "xchg", _op("87"), "Ev Gv", lock=True),
    Form("move", "xchg", _op("90"), "Zv", weight=2),
    Form("move", "bswap", _op("0FC8"), "Zv", sizes=(4,), weight=2),
    Form("move", "xlat", _op("D7"), setup="xlat", weight=2),
    Form("exchange", "cmpxchg", _op("0FB0"), "Eb Gb", setup="compare", lock=True, weight=2),
    Form("exchange", "cmpxchg", _op("0FB1"), "Ev Gv", setup="compare", lock=True, weight=2),
    Form("exchange", "xadd", _op("0FC0"), "Eb Gb", lock=True, weight=2),
    Form("exchange", "xadd", _op("0FC1"), "Ev Gv", lock=True, weight=2),
    Form("exchange", "cmpxchg8b", _op("0FC7"), "M8", digit=1, setup="compare8", lock=True, weight=3),
]

_STACK = [
    Form("stack", "push", _op("50"), "Zv"),
    Form("stack", "pop", _op("58"), "Zv"),
    Form("stack", "push", _op("68"), "Iz"),
    Form("stack", "push", _op("6A"), "Is"),
    Form("stack", "push", _op("FF"), "Ev", digit=6, reads_only=True, weight=2),
    Form("stack", "pop", _op("8F"), "Ev", digit=0, weight=2),
    Form("stack", "pusha", _op("60")),
    Form("stack", "popa", _op("61")),
    Form("stack", "push_es", _op("06")),
    Form("stack", "push_cs", _op("0E")),
    Form("stack", "push_ss", _op("16")),
    Form("stack", "push_ds", _op("1E")),
    Form("stack", "push_fs", _op("0FA0")),
    Form("stack", "push_gs", _op("0FA8")),
    Form("segment_pop", "pop_es", _op("07"), real_only=True),
    Form("segment_pop", "pop_ds", _op("1F"), real_only=True),
    Form("segment_pop", "pop_fs", _op("0FA1"), real_only=True),
    Form("segment_pop", "pop_gs", _op("0FA9"), real_only=True),
    Form("stack", "pushf", _op("9C"), weight=2),
    Form("stack", "popf", _op("9D"), setup="popf", weight=2),
    Form("stack", "enter", _op("C8"), setup="enter", weight=3),
    Form("stack", "leave", _op("C9"), setup="leave", weight=2),
]


def _strings() -> list[Form]:
    rows = []
    for opcode, name in ((0xA4, "movs"), (0xA6, "cmps"), (0xAA, "stos"), (0xAC, "lods"), (0xAE, "scas")):
        rows.append(Form("string", f"{name}b", bytes([opcode]), setup="string", weight=3))
        rows.append(Form("string", f"{name}v", bytes([opcode + 1]), setup="string", weight=4))
    return rows


_ADJUST = [
    *(Form("bcd", name, _op(code)) for name, code in (("daa", "27"), ("das", "2F"), ("aaa", "37"), ("aas", "3F"))),
    Form("bcd", "aam", _op("D4"), "Ib", setup="aam"),
    Form("bcd", "aad", _op("D5"), "Ib"),
    Form("convert", "cbw", _op("98"), sizes=(2,)),
    Form("convert", "cwde", _op("98"), sizes=(4,)),
    Form("convert", "cwd", _op("99"), sizes=(2,)),
    Form("convert", "cdq", _op("99"), sizes=(4,)),
    *(Form("flags", n, _op(c)) for n, c in (("cmc", "F5"), ("clc", "F8"), ("stc", "F9"), ("cld", "FC"), ("std", "FD"), ("cli", "FA"))),
    Form("flags", "sahf", _op("9E"), weight=2),
    Form("flags", "lahf", _op("9F"), weight=2),
]


def _control() -> list[Form]:
    rows = []
    for n, condition in enumerate(_CONDITIONS):
        rows.append(Form("jump", f"j{condition}", bytes([0x70 + n]), setup="relative8"))
        rows.append(Form("jump", f"j{condition}", bytes([0x0F, 0x80 + n]), setup="relative"))
        rows.append(Form("setcc", f"set{condition}", bytes([0x0F, 0x90 + n]), "Eb", digit=-1))
    for opcode, name in ((0xE0, "loopne"), (0xE1, "loope"), (0xE2, "loop"), (0xE3, "jcxz")):
        rows.append(Form("jump", name, bytes([opcode]), setup="loop", weight=3))
    rows += [
        Form("jump", "jmp", _op("EB"), setup="relative8", weight=2),
        Form("jump", "jmp", _op("E9"), setup="relative", weight=2),
        Form("jump", "jmp", _op("FF"), "Ev", digit=4, setup="indirect", reads_only=True, weight=4),
        Form("call", "call", _op("E8"), setup="relative", weight=3),
        Form("call", "call", _op("FF"), "Ev", digit=2, setup="indirect", reads_only=True, weight=4),
        Form("call", "ret", _op("C3"), setup="ret", weight=3),
        Form("call", "ret", _op("C2"), setup="ret_pop", weight=3),
        Form("call", "jmp_far", _op("EA"), setup="far_immediate", real_only=True, weight=3),
        Form("call", "call_far", _op("9A"), setup="far_immediate", real_only=True, weight=3),
        Form("call", "jmp_far", _op("FF"), setup="far_memory", digit=5, real_only=True, weight=3),
        Form("call", "call_far", _op("FF"), setup="far_memory", digit=3, real_only=True, weight=3),
        Form("call", "retf", _op("CB"), setup="retf", real_only=True, weight=3),
        Form("call", "retf", _op("CA"), setup="retf_pop", real_only=True, weight=3),
        Form("call", "iret", _op("CF"), setup="iret", real_only=True, weight=3),
    ]
    return rows


_TRAPS = [
    Form("trap", "int3", _op("CC")),
    Form("trap", "int", _op("CD"), setup="int_n", weight=2),
    Form("trap", "into", _op("CE"), weight=2),
    Form("trap", "bound", _op("62"), setup="bound", weight=4),
    Form("trap", "ud2", _op("0F0B")),
    Form("trap", "lea_register", _op("8D"), "Gv Rv"),
    Form("trap", "mov_cs", _op("8E"), "Rw", digit=1),
    Form("trap", "group4", _op("FE"), "Rb", digit=7),
    Form("trap", "group5", _op("FF"), "Rv", digit=7),
    *(
        Form("far_pointer", n, _op(c), "Gv Mp", reads_only=True, real_only=True, weight=3)
        for n, c in (("les", "C4"), ("lds", "C5"), ("lfs", "0FB4"), ("lgs", "0FB5"))
    ),
]  # fmt: skip

FORMS: tuple[Form, ...] = (
    *_alu(), *_shifts(), *_bits(), *_multiply(), *_MOVES, *_STACK, *_strings(), *_ADJUST, *_control(), *_TRAPS,
)  # fmt: skip


def families() -> tuple[str, ...]:
    """The families' names, in the order of the table."""
    return tuple(dict.fromkeys(form.family for form in FORMS))
