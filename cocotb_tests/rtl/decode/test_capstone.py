"""Random instructions against capstone, an independent disassembler: lengths, fields, addressing forms, immediates."""

from random import Random
from typing import Any

import capstone
import pytest
from capstone import x86_const

from cocotb_tests.rtl.decode.bench import LABELS, decode, simulate
from rtl.arch.opcode_map import ROWS
from rtl.arch.registers import Gpr, Segment
from rtl.decode.row import Immediate, Row

_PREFIXES = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF2, 0xF3)
_CODE_BYTES = 16
_INSTRUCTIONS = 1200  # some that capstone reads otherwise are not judged
_REGISTERS = {name: gpr for gpr in Gpr for name in (gpr.name.lower(), gpr.name[1:].lower())}
_SEGMENTS = {s.name.lower(): s for s in Segment if s <= Segment.GS}


def _instruction(rng: Random) -> bytes:
    """Prefixes, an opcode of the map, random bytes behind it."""
    row = rng.choice(ROWS)
    prefixes = bytes(rng.choice(_PREFIXES) for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3))))
    opcode = bytes([0x0F, row.opcode & 0xFF]) if row.opcode >> 8 else bytes([row.opcode])
    code = prefixes + opcode
    if row.modrm:
        modrm = rng.randrange(256)
        if row.reg is not None:
            modrm = modrm & 0xC7 | row.reg << 3
        code += bytes([modrm])
    return (code + rng.randbytes(_CODE_BYTES))[:_CODE_BYTES]


def _find(code: bytes) -> tuple[Row, int, int, dict[str, Any]] | None:
    """Row, position of the ModRM byte, of the opcode's last byte, and prefixes, by a search through the rows."""
    at = 0
    prefixes: dict[str, Any] = {"override": None, "rep": 0, "operand": False, "address": False}
    while code[at] in _PREFIXES:
        byte = code[at]
        if byte in (0x66, 0x67):
            prefixes["operand" if byte == 0x66 else "address"] = True
        elif byte in (0xF2, 0xF3):
            prefixes["rep"] = 1 if byte == 0xF3 else 2
        else:
            names = {0x26: "es", 0x2E: "cs", 0x36: "ss", 0x3E: "ds", 0x64: "fs", 0x65: "gs"}
            prefixes["override"] = _SEGMENTS[names[byte]]
        at += 1
    opcode = code[at]
    if opcode == 0x0F:
        at += 1
        opcode = 0x0F00 | code[at]
    modrm = code[at + 1]
    for row in ROWS:
        if row.opcode == opcode and row.reg in (None, modrm >> 3 & 7):
            return row, at + 1, at, prefixes
    return None


def _memory_operand(insn: capstone.CsInsn):
    return next((op.mem for op in insn.operands if op.type == x86_const.X86_OP_MEM), None)


def _check(code: bytes, code32: int, got, disassembler: capstone.Cs) -> bool:
    """Compare; False if capstone has no opinion."""
    found = _find(code)
    assert found, "the generator makes rows of the map only"
    row, modrm_at, opcode_at, prefixes = found
    if modrm_at + 2 > len(code):
        return False
    modrm = code[modrm_at]
    memory_form = row.modrm and modrm >> 6 != 3 and not row.ignore_mod
    label = row.memory if memory_form else row.register
    if label is None:
        assert (got.fault.valid, got.fault.vector) == (1, 6), "no such form: #UD"
        return True
    insn = next(disassembler.disasm(code, 0x1000, 1), None)
    if insn is None or row.ignore_mod:
        return False
    assert not got.fault.valid
    assert got.length == insn.size, insn
    assert got.entry == LABELS[label]
    assert (got.fn, got.byte, got.opcode, got.two_byte) == (row.fn, row.byte, code[opcode_at], row.opcode >> 8 != 0)
    assert (got.eip, got.next_eip) == (0x1000, 0x1000 + insn.size)
    assert bytes(got.bytes)[: insn.size] == code[: insn.size] == bytes(insn.bytes)
    operand32, address32 = code32 ^ prefixes["operand"], code32 ^ prefixes["address"]
    assert (got.operand32, got.address32, got.rep, got.lock) == (operand32, address32, prefixes["rep"], 0)
    assert got.data_segment == (Segment.DS if prefixes["override"] is None else prefixes["override"])
    if row.modrm:
        assert got.modrm == insn.modrm
    if memory_form:
        _check_address(code, got, insn, address32, prefixes["override"])
    _check_immediate(code, got, insn, row, operand32, address32)
    return True


def _check_address(code: bytes, got, insn: capstone.CsInsn, address32: int, override: Segment | None) -> None:
    memory = _memory_operand(insn)
    if memory is None:
        return
    ea = got.ea
    bits = 32 if address32 else 16
    names = [insn.reg_name(r) for r in (memory.base, memory.index)]
    wanted = {n: f for n, f in zip(names, (1, memory.scale), strict=True) if n and n not in ("eiz", "riz")}
    ours: dict[object, int] = {}
    if ea.base_valid:
        ours[Gpr(ea.base)] = 1
    if ea.index_valid:
        ours[Gpr(ea.index)] = ours.get(Gpr(ea.index), 0) + (1 << ea.scale)
    theirs: dict[object, int] = {}
    for n, f in ((n, f) for n, f in zip(names, (1, memory.scale), strict=True) if n in wanted):
        theirs[_REGISTERS[n]] = theirs.get(_REGISTERS[n], 0) + f
    assert ours == theirs, insn
    assert (ea.displacement - memory.disp) % (1 << bits) == 0, insn
    base = names[0]
    default = Segment.SS if base in ("esp", "ebp", "bp") else Segment.DS
    assert ea.segment == (default if override is None else override), insn


def _check_immediate(code: bytes, got, insn: capstone.CsInsn, row: Row, operand32: int, address32: int) -> None:
    """Immediates end the instruction: read them from its end, by their own definition."""
    body = code[: insn.size]
    wide = 4 if operand32 else 2

    def tail(size: int, signed: bool = False) -> int:
        return int.from_bytes(body[-size:], "little", signed=signed)

    kind = row.immediate
    if kind == Immediate.BYTE:
        assert got.immediate == tail(1)
    elif kind == Immediate.BYTE_SIGNED:
        assert got.immediate == tail(1, True) % (1 << 32)
    elif kind == Immediate.WORD:
        assert got.immediate == tail(2)
    elif kind == Immediate.ROW:
        size = 1 if row.byte else wide
        assert got.immediate % (1 << 8 * size) == tail(size)
    elif kind == Immediate.OFFSET:
        assert got.ea.displacement == tail(4 if address32 else 2)
        assert not got.ea.base_valid and not got.ea.index_valid
        assert got.ea.segment == got.data_segment
    elif kind == Immediate.FAR:
        assert got.immediate == int.from_bytes(body[-wide - 2 : -2], "little")
        assert got.immediate2 == tail(2)
    elif kind == Immediate.WORD_BYTE:
        assert (got.immediate, got.immediate2) == (int.from_bytes(body[-3:-1], "little"), tail(1))
    elif kind == Immediate.REL:
        assert got.immediate == tail(wide, True) % (1 << 32)
    if kind in (Immediate.BYTE, Immediate.WORD, Immediate.ROW) and insn.imm_size:
        assert insn.imm_offset + insn.imm_size == insn.size


@pytest.mark.parametrize("code32", [0, 1])
def test_random_instructions(code32: int, rng: Random) -> None:
    """Rows of the map with random operands and prefixes."""
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32 if code32 else capstone.CS_MODE_16)
    disassembler.detail = True
    mode = {"pe": 1, "code32": code32}
    judged = 0

    async def body(feed) -> None:
        nonlocal judged
        for _ in range(_INSTRUCTIONS):
            code = _instruction(rng)
            got = await decode(feed, code, mode)
            assert got is not None, code.hex()
            try:
                judged += _check(code, code32, got, disassembler)
            except AssertionError as error:
                raise AssertionError(f"{code.hex(' ')}: decoded as {got.length} bytes, fault {got.fault.valid}") from error

    simulate(body)
    assert judged > 0.8 * _INSTRUCTIONS, judged
