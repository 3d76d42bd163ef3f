"""The tables, read back as the decoder does, say what the rows say; contradictions are refused."""

from typing import Any

import pytest

from cocotb_tests.rtl.decode.bench import LABELS
from rtl.arch.opcode_map import ROWS
from rtl.decode.row import Immediate, Row
from rtl.decode.table import Narrow, Tables


def _lookup(tables: Tables, opcode: int, modrm: int) -> dict[str, Any]:
    word = tables.first[opcode & 0xFF | (0x100 if opcode >> 8 else 0)]
    while word.get("narrow", Narrow.NONE) != Narrow.NONE:
        index = modrm & 7 if word["narrow"] == Narrow.RM else modrm >> 3 & 7 | (8 if modrm >> 6 == 3 else 0)
        word = tables.second[word["register"] + index]
    return word


def test_every_opcode_and_modrm() -> None:
    """Against a plain search through the rows: entry, attributes, and nothing where no row is."""
    extension = (
        Row(0x0F01, "vmrun", modrm=True, reg=3, rm=0),
        Row(0x0F01, "stgi", modrm=True, reg=3, rm=4, fn=3),
    )
    rows = (*ROWS, *extension)
    labels = {**LABELS, "vmrun": 4000, "stgi": 4001}
    tables = Tables(rows, labels)
    found_some = 0
    for opcode in (*range(0x100), *range(0x0F00, 0x1000)):
        for modrm in range(256):
            mod_3, reg, rm = modrm >> 6 == 3, modrm >> 3 & 7, modrm & 7
            expected = []
            for row in rows:
                as_register = mod_3 or row.ignore_mod or not row.modrm
                label = row.register if as_register else row.memory
                if row.opcode == opcode and row.reg in (None, reg) and (row.rm is None or mod_3 and row.rm == rm) and label:
                    expected.append((row, as_register, label))
            assert len(expected) <= 1
            word = _lookup(tables, opcode, modrm)
            if not expected:
                as_register = mod_3 or word.get("ignore_mod") or not word.get("modrm")
                assert not word.get("register_valid" if as_register else "memory_valid"), (hex(opcode), hex(modrm))
                continue
            found_some += 1
            row, as_register, label = expected[0]
            assert (word.get("ignore_mod", 0), word["modrm"]) == (row.ignore_mod, row.modrm)
            form = "register" if as_register else "memory"
            assert word[f"{form}_valid"] and word[form] == labels[label]
            assert (word["fn"], word["byte"], word["lock"], word["protected_only"]) == (row.fn, row.byte, row.lock, row.protected_only)
            assert word["immediate"] == row.immediate
    assert found_some > 30_000


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((Row(0x90, "a"), Row(0x90, "b")), "two rows"),
        ((Row(0x90, "a"), Row(0x90, "b", modrm=True)), "ModRM"),
        ((Row(0x90, "missing"),), "no microprogram 'missing'"),
        ((Row(0x90, "a", memory="b"),), "need a ModRM"),
        ((Row(0x90, "a", reg=1),), "need a ModRM"),
        ((Row(0xF00, "a"), Row(0x1F00, "b")), "neither"),
        ((Row(0x0F01, "a", modrm=True, reg=3), Row(0x0F01, "b", modrm=True, reg=3, rm=1)), "two rows"),
        ((Row(0xC7, "a", modrm=True, immediate=Immediate.ROW), Row(0xC7, "b", modrm=True)), "two rows"),
    ],
)
def test_contradictions(rows: tuple[Row, ...], message: str) -> None:
    """One clear error for each."""
    with pytest.raises(ValueError, match=message):
        Tables(rows, {"a": 1, "b": 2})
