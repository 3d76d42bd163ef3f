"""Random cases from a seed: a form of the table, a builder, the bytes."""

import random
from collections.abc import Sequence

from sim.programs.builder import ESP, Builder, Retry
from sim.programs.case import LAYOUTS, Case, Mode
from sim.programs.families import FORMS, Form
from sim.programs.setups import SETUPS, Body

__all__ = ["draw", "generate"]

_SIZES = {"b": 1, "w": 2, "8": 8}
_STACK_FAMILIES = ("stack", "segment_pop", "call")
_REAL_POINTER_EXTRA = 2


def _size(letter: str, b: Builder) -> int:
    if letter == "p":
        return b.operand_size + _REAL_POINTER_EXTRA
    return _SIZES.get(letter, b.operand_size)


def _immediate(letter: str, b: Builder, fixed: int | None) -> bytes:
    size = 1 if letter in "bs" else b.operand_size
    value = b.value() if fixed is None else fixed
    return (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def draw(form: Form, b: Builder) -> Case:
    """A case of this form, with the state and the place that the builder has; Retry if this draw does not work out."""
    rng = b.rng
    body = Body()
    sized = any(token[1] in "vzsp" for token in form.operands.split()) or not form.operands or form.setup
    if sized and form.sizes != (2, 4) or sized and rng.random() < 0.35:
        b.set_operand_size(rng.choice(form.sizes))
    if form.family == "string":
        b.meta["string_byte"] = int(form.name.endswith("b"))
    tokens = form.operands.split()
    byte_form = bool(tokens) and tokens[0][1] == "b"
    size = 1 if byte_form else b.operand_size
    if byte_form and form.setup in ("divide", "compare", "scan"):
        b.operand_size = 1
    if form.setup:
        SETUPS[form.setup](b, body)
    if b.operand_size == 1:
        b.operand_size = b.native
    size = 1 if byte_form else b.operand_size
    opcode = bytearray(form.opcode)
    modrm, immediates = b"", b""
    in_memory = False
    register_field = (
        body.field if body.field is not None else form.digit if form.digit is not None and form.digit >= 0 else rng.randrange(8)
    )
    if form.setup in ("far_memory", "bound"):
        operand = b.memory_operand(register_field, _operand_bytes(form, b), body.address, writes=False)
        modrm = operand.encoding
    for token in tokens:
        kind, letter = token[0], token[1]
        if kind in "EMR":
            wide = _size(letter, b)
            memory = kind == "M" or (kind == "E" and (body.memory or rng.random() < 0.6)) and "register" not in b.meta
            if memory:
                in_memory = True
                operand = b.memory_operand(register_field, wide, body.address, writes=not form.reads_only)
            else:
                operand = b.register_operand(register_field, b.meta.get("register"))
            modrm = operand.encoding
        elif kind == "Z":
            opcode[-1] += rng.randrange(8)
        elif kind == "I":
            immediates += _immediate(letter, b, body.immediate)
        elif kind == "O":
            immediates += b.absolute_operand(_size(letter, b), not form.reads_only)
    lock = form.lock and in_memory and rng.random() < 0.15
    code = bytes(opcode) + modrm + immediates + body.tail
    b.meta["size"] = size
    case = b.finish(form.family, form.name, code, lock=lock, extra=body.prefixes)
    return _complete(form, b, case)


def _operand_bytes(form: Form, b: Builder) -> int:
    return 2 * b.operand_size if form.setup == "bound" else b.operand_size + _REAL_POINTER_EXTRA


def _complete(form: Form, b: Builder, case: Case) -> Case:
    """What is known only when all is chosen: shift counts, relative displacements."""
    meta = dict(case.meta)
    if form.setup == "shift_cl":
        meta["count"] = case.gprs[1] & 0x1F
    elif form.setup == "shift_immediate":
        meta["count"] = case.code[-1] & 0x1F
    code = case.code
    if "relative" in meta:
        size = meta["relative"]
        displacement = meta["landing"] - (case.offset + len(code))
        code = code[:-size] + (displacement & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    if form.family == "double_shift" and meta["count"] > 8 * meta["size"]:
        raise Retry("result undefined")
    if form.family not in _STACK_FAMILIES and case.gprs[ESP] != b.gprs[ESP]:
        raise AssertionError("ESP moved")
    return Case(**{**case.__dict__, "code": code, "meta": meta})


def generate(seed: int, mode: Mode, count: int, families: Sequence[str] = (), forms: Sequence[Form] = FORMS) -> list[Case]:
    """``count`` cases (at most what the layout has room for), of the given families or of all; the same for the same seed."""
    layout = LAYOUTS[mode]
    if count > layout.cases:
        raise ValueError(f"{mode.value}: at most {layout.cases} cases in one image")
    rng = random.Random(f"{seed}/{mode.value}/{','.join(families)}")
    table = [f for f in forms if (not families or f.family in families) and not (f.real_only and mode is not Mode.REAL_16)]
    weights = [f.weight for f in table]
    cases: list[Case] = []
    pool = 0
    while len(cases) < count:
        form = rng.choices(table, weights)[0]
        wants_pool = pool < layout.pool_cases and form.family != "call" and rng.random() < 0.12
        try:
            case = draw(form, Builder(rng, mode, len(cases), pool if wants_pool else None))
        except Retry:
            continue
        pool += wants_pool
        cases.append(case)
    return cases
