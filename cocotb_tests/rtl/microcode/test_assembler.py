"""The microcode assembler: each clause by the fields it sets, each mistake by one clear message."""

from pathlib import Path
from typing import Any

import pytest

from cocotb_tests.rtl.packed import unpack
from rtl.microcode.assembler import AssemblyError, Rom, assemble
from rtl.microcode.uop import (
    AddressBase,
    AddressSegment,
    AddressSize,
    Alignment,
    Alu,
    Bits,
    Branch,
    Condition,
    Destination,
    EspChange,
    FaultClass,
    FlagGroup,
    InterceptPoint,
    Memory,
    Privilege,
    Segmentation,
    Sequence,
    Shift,
    Source,
    SpecialFn,
    Template,
    Trap,
    Unit,
    Width,
)  # fmt: skip

__all__: list[str] = []

BARE: dict[str, Any] = {
    "unit": Unit.ALU, "fn": Alu.PASS, "width": Width.D, "destination": Destination.NONE, "source1": Source.ZERO, "source2": Source.ZERO,
    "base": AddressBase.ZERO,
}  # fmt: skip
EA = {"base": AddressBase.EA, "segment": AddressSegment.EA}
STACK = {"base": AddressBase.ESP, "segment": AddressSegment.SS, "address_size": AddressSize.STACK}
CONST2 = {"source2": Source.CONST}


def rom(text: str, **extension: Any) -> Rom:
    return assemble([], extension.get("specials", {}), extension.get("functions", {}), extension.get("points", {}), text,
                    extension.get("constants"))  # fmt: skip


def fields(text: str, **extension: Any) -> dict[str, int]:
    """Fields of the last micro-op of ``text``."""
    return unpack(Template, rom(text, **extension).words[-1])


CLAUSES: dict[str, dict[str, Any]] = {
    "mov.d t1": {"source2": Source.T1},
    "t0 = add.row mem, 1": {"fn": Alu.ADD, "width": Width.ROW, "destination": Destination.T0, "source1": Source.MEM, **CONST2,
                            "constant": 1},
    "reg = mov.b rm": {"destination": Destination.REG, "source2": Source.RM, "width": Width.B},
    "ah = mov.b ah": {"destination": Destination.AH, "source2": Source.AH, "width": Width.B},
    "eax = not.operand opreg": {"fn": Alu.NOT, "width": Width.OPERAND, "destination": Destination.EAX, "source2": Source.OPREG},
    "t7 = shl.address esi, imm": {"unit": Unit.SHIFT, "fn": Shift.SHL, "width": Width.ADDRESS, "destination": Destination.T7,
                                  "source1": Source.ESI, "source2": Source.IMM},
    "and.stack t0, -1": {"fn": Alu.AND, "width": Width.STACK, "source1": Source.T0, **CONST2, "constant": 0xFFFF_FFFF},
    "and.d t0, 0xF0 | 3 << 2": {"fn": Alu.AND, "source1": Source.T0, **CONST2, "constant": 0xFC},
    "alu_row.row mem, reg": {"fn_row": 1, "fn": 0, "width": Width.ROW, "source1": Source.MEM, "source2": Source.REG},
    "bts.operand rm, imm": {"unit": Unit.BITS, "fn": Bits.BTS, "width": Width.OPERAND, "source1": Source.RM, "source2": Source.IMM},
    "t0 = read cr0": {"unit": Unit.SPECIAL, "fn": SpecialFn.READ, "destination": Destination.T0, "constant": 0x40},
    "write base.gs, t0": {"unit": Unit.SPECIAL, "fn": SpecialFn.WRITE, "constant": 0x15, "source2": Source.T0},
    "t0 = read_indexed limit, t1": {"unit": Unit.SPECIAL, "fn": SpecialFn.READ_INDEXED, "destination": Destination.T0,
                                   "constant": 0x20, "source1": Source.T1},
    "write_indexed selector, t1, t2": {"unit": Unit.SPECIAL, "fn": SpecialFn.WRITE_INDEXED, "constant": 0, "source1": Source.T1,
                                       "source2": Source.T2},
    "seg_load ldtr, t1, t2": {"unit": Unit.SEGMENTATION, "fn": Segmentation.LOAD, "constant": 6, "source1": Source.T1,
                              "source2": Source.T2},
    "raise gp, t0": {"unit": Unit.TRAP, "fn": Trap.RAISE, "constant": 13, "source2": Source.T0},
    "jump.operand imm, next_eip ; when cc": {"unit": Unit.BRANCH, "fn": Branch.JUMP, "width": Width.OPERAND, "source1": Source.IMM,
                                             "source2": Source.NEXT_EIP, "condition": Condition.CC},
    "load.w ea": {"memory": Memory.LOAD, "memory_width": Width.W, **EA},
    "store.row ea + 4": {"memory": Memory.STORE, "memory_width": Width.ROW, "displacement": 4, **EA},
    "load.d ea align8": {"memory": Memory.LOAD, "memory_width": Width.D, "alignment": Alignment.QUADWORD, **EA},
    "store.w ea align4": {"memory": Memory.STORE, "memory_width": Width.W, "alignment": Alignment.DOUBLE_WORD, **EA},
    "probe.d ea unaligned": {"memory": Memory.PROBE_WRITE, "memory_width": Width.D, "alignment": Alignment.ANY, **EA},
    "rmw ea lock": {"memory": Memory.READ_MODIFY_WRITE, "memory_width": Width.D, "lock": 1, **EA},
    "probe.d ss:[t5 - 4] newstack": {"memory": Memory.PROBE_WRITE, "memory_width": Width.D, "base": AddressBase.T5,
                                     "segment": AddressSegment.SS, "displacement": 0xFFC, "address_size": AddressSize.NEW_STACK},
    "load.d gdtr:[t3 + 4] sup gp": {"memory": Memory.LOAD, "memory_width": Width.D, "segment": AddressSegment.GDTR,
                                    "base": AddressBase.T3, "displacement": 4, "address_size": AddressSize.A32,
                                    "privilege": Privilege.SUPERVISOR, "fault_class": FaultClass.GP_CODE},
    "load.w tr:[0x66] ts": {"memory": Memory.LOAD, "memory_width": Width.W, "segment": AddressSegment.TR, "displacement": 0x66,
                            "address_size": AddressSize.A32, "fault_class": FaultClass.TS_CODE},
    "load.d physical:[t0]": {"memory": Memory.LOAD, "memory_width": Width.D, "segment": AddressSegment.PHYSICAL, "base": AddressBase.T0,
                             "address_size": AddressSize.A32},
    "store.d scratch:[t5] stack ss": {"memory": Memory.STORE, "memory_width": Width.D, "segment": AddressSegment.SCRATCH,
                                      "base": AddressBase.T5, "address_size": AddressSize.STACK, "fault_class": FaultClass.SS_CODE},
    "load.d data:[esi] a32 np": {"memory": Memory.LOAD, "memory_width": Width.D, "segment": AddressSegment.DATA,
                                 "base": AddressBase.ESI, "address_size": AddressSize.A32, "fault_class": FaultClass.NP_CODE},
    "in.row physical:[t0]": {"memory": Memory.IN, "memory_width": Width.ROW, "segment": AddressSegment.PHYSICAL,
                             "base": AddressBase.T0, "address_size": AddressSize.A32},
    "out.b physical:[edx]": {"memory": Memory.OUT, "memory_width": Width.B, "segment": AddressSegment.PHYSICAL,
                             "base": AddressBase.EDX, "address_size": AddressSize.A32},
    "push.operand": {"memory": Memory.STORE, "memory_width": Width.OPERAND, "esp": EspChange.PUSH, **STACK},
    "pop.w": {"memory": Memory.LOAD, "memory_width": Width.W, "esp": EspChange.POP, **STACK},
    "acknowledge": {"memory": Memory.ACKNOWLEDGE, "memory_width": Width.B},
    "flags not_cf": {"flags": FlagGroup.NOT_CF},
    "last": {"sequence": Sequence.LAST},
    "ret": {"sequence": Sequence.RETURN},
    "here: goto here": {"sequence": Sequence.JUMP, "label": 0},
    "here: call here": {"sequence": Sequence.CALL, "label": 0},
    "last\nhere: mov.d t1 ; if nz goto here": {"source2": Source.T1, "sequence": Sequence.JUMP, "condition": Condition.NZ, "label": 1},
    "if rep_prefix last": {"sequence": Sequence.LAST_IF, "condition": Condition.REP_PREFIX},
    "commit ; interruptible ; refetch ; drain": {"commit": 1, "interruptible": 1, "refetch": 1, "drain": 1},
    "point hlt": {"intercept": InterceptPoint.HLT},
    "define N = 3 << 4\n mov.d N + 1 # a remark": {**CONST2, "constant": 0x31},
}  # fmt: skip


@pytest.mark.parametrize("text", CLAUSES, ids=lambda text: text.replace("\n", " "))
def test_clause(text):
    wanted: dict[str, Any] = dict.fromkeys(fields("last"), 0) | BARE | CLAUSES[text]
    assert fields(text) == {name: int(getattr(value, "value", value)) for name, value in wanted.items()}


def test_an_extension_adds_names():
    extension = {"specials": {"world": 0x90}, "functions": {"spin": 7}, "points": {"leap": InterceptPoint.EXTENSION_3},
                 "constants": {"SIZE": 12}}  # fmt: skip
    got = fields("t0 = spin t1, SIZE ; point leap", **extension)
    assert (got["unit"], got["fn"], got["constant"]) == (Unit.EXTENSION.value, 7, 12)
    assert got["intercept"] == InterceptPoint.EXTENSION_3.value
    assert fields("t0 = read world", **extension)["constant"] == 0x90


MISTAKES = {
    "t0 = frobnicate t1": "no function 'frobnicate'",
    "t9 = mov.d t1": "no destination 't9'",
    "mov.q t1": "no width 'q'",
    "mov.d nothing": "no operand or constant 'nothing'",
    "mov.d 1 +": "'1 +' is not an expression",
    "mov.d 1 << -1": "'1 << -1' is not an expression",
    "mov.d 1.5": "'1.5' is not a number",
    "add.d 1, 2": "a micro-op has one constant only",
    "write cr0, 5": "a micro-op has one constant only",
    "add.d t0, t1, t2": "add takes at most two operands",
    "mov.d t0 ; add.d t0, t1": "a micro-op has one function only",
    "read": "read needs a special register",
    "t0 = read cr7": "no special register 'cr7'",
    "t0 = read base.hs": "no segment 'hs'",
    "read_indexed base": "read_indexed takes a special register and an index",
    "seg_copy": "seg_copy needs a segment",
    "seg_copy xs": "no segment 'xs'",
    "raise": "raise needs a vector",
    "raise xx, t0": "no vector 'xx'",
    "load.w": "not an address: ''",
    "load.w [t0]": "not an address: '[t0]'",
    "load.x ea": "no width 'x'",
    "load.w zs:[t0]": "no segment 'zs'",
    "load.w ds:[t0 + 0x800]": "displacement 0x800 does not fit in 12 bits",
    "load.w ea quickly": "unknown mark 'quickly'",
    "load.w ea ; store.w ea": "a micro-op has one memory access only",
    "acknowledge ; pop.w": "a micro-op has one memory access only",
    "flags some": "no flag group 'some'",
    "flags all ; flags zf": "a micro-op has one flag group only",
    "last ; ret": "a micro-op has one successor only",
    "if": "'if CONDITION' goes with goto LABEL or last",
    "if z": "'if CONDITION' goes with goto LABEL or last",
    "if z ret": "'if CONDITION' goes with goto LABEL or last",
    "if sometimes last": "no condition 'sometimes'",
    "jump t0, t1 ; when cc ; if z last": "a micro-op has one condition only",
    "mov.d t0 ; if z last ; when cc": "a micro-op has one condition only",
    "point nowhere": "no intercept point 'nowhere'",
    "point hlt ; point rdtsc": "a micro-op has one intercept point only",
    "goto nowhere": "no label 'nowhere'",
    "a: last\na: last": "label a is there twice",
    "define N = 1\ndefine N = 2": "N is already 0x1",
    "define N = M": "no operand or constant 'M'",
    "!": "not a clause: '!'",
}


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: text.replace("\n", " "))
def test_mistake(text, tmp_path: Path):
    """One line: file, line, cause; the line before it and the one after it are in order."""
    source = tmp_path / "wrong.uasm"
    source.write_text(f"start: last\n{text}\n    last\n")
    with pytest.raises(AssemblyError) as caught:
        assemble([source], {}, {}, {})
    message = str(caught.value)
    assert message.startswith(f"wrong.uasm:{2 + text.count(chr(10))}: ")
    assert message.endswith(MISTAKES[text])
    assert "\n" not in message


def test_more_micro_ops_than_addresses():
    with pytest.raises(AssemblyError, match="4097 micro-ops do not fit in 12 address bits"):
        rom("    last\n" * 4097)


def test_labels_span_files_and_lines_are_kept(tmp_path: Path):
    (tmp_path / "one.uasm").write_text("# nothing\nfirst:  goto second   # on\nmid: far:\n        last\n")
    (tmp_path / "two.uasm").write_text("second: t0 = mov.d LATE ; goto far\ndefine LATE = 9\n")
    got = assemble([tmp_path / "one.uasm", tmp_path / "two.uasm"], {}, {}, {}, "made: last\n")
    assert got.labels == {"first": 0, "mid": 1, "far": 1, "second": 2, "made": 3}
    assert got.lines == ["goto second", "last", "t0 = mov.d LATE ; goto far", "last"]
    assert unpack(Template, got.words[0])["label"] == 2
    assert unpack(Template, got.words[2])["constant"] == 9
    assert (got.near(2), got.near(1)) == ("second", "mid")
