"""Lookup tables made of the rows of the opcode map.

The first table has a word for each of the 512 opcodes. Where that is not enough, the word is *narrowed*: it names a block of the second,
of 16 words chosen by the ModRM byte's mod (is it 3?) and reg. A word there may be narrowed once more, by rm, with a block of 8.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from amaranth.lib import data, enum

from rtl.decode.row import Immediate, Row
from rtl.microcode.uop import LABEL_WIDTH

__all__ = ["FIRST_DEPTH", "Narrow", "RowWord", "Tables"]

FIRST_DEPTH = 512
_TWO_BYTE = 0x0F00
_REGS = 8
_MOD_3 = 8  # in the index of a block of 16


class Narrow(enum.Enum, shape=2):
    """What else must be known of the instruction."""

    NONE = 0
    REG = 1  # {mod = 3, reg}
    RM = 2


class RowWord(data.Struct):
    """A word of either table. An entry that is not valid is #UD."""

    narrow: Narrow
    register: LABEL_WIDTH  # entry for mod = 3 or without ModRM; of a narrowed word: where the block begins
    memory: LABEL_WIDTH
    register_valid: 1
    memory_valid: 1
    modrm: 1
    ignore_mod: 1
    byte: 1
    lock: 1
    protected_only: 1
    immediate: Immediate
    fn: 5


def _key(row: Row) -> Row:
    """What two rows must share to stand in one word."""
    return replace(row, register=None, memory=None, reg=None, rm=None)


class Tables:
    """Contents of the two tables.

    Parameters
    ----------
    rows
        The opcode map, the extension's rows included.
    labels
        Addresses of the microprograms.

    Members
    -------
    first, second : list of dict
        Initial values for memories of :class:`RowWord`; ``first`` is indexed by {two-byte opcode, opcode}.

    Raises
    ------
    ValueError
        A row contradicts another or names a label that is not there.
    """

    def __init__(self, rows: Iterable[Row], labels: Mapping[str, int]) -> None:
        self.first: list[dict[str, Any]] = [{} for _ in range(FIRST_DEPTH)]
        self.second: list[dict[str, Any]] = []
        self._labels = labels
        by_opcode: dict[int, list[Row]] = {}
        for row in rows:
            index = row.opcode & 0xFF | (0x100 if row.opcode & _TWO_BYTE == _TWO_BYTE else 0)
            if row.opcode not in (index & 0xFF, _TWO_BYTE | index & 0xFF):
                raise ValueError(f"opcode {row.opcode:#x} is neither 00h–FFh nor 0F00h–0FFFh")
            if not row.modrm and (row.memory or row.reg is not None or row.rm is not None):
                raise ValueError(f"opcode {row.opcode:02X}: memory, reg and rm need a ModRM byte")
            by_opcode.setdefault(index, []).append(row)
        for index, group in by_opcode.items():
            self.first[index] = self._opcode(group)
        self.second = self.second or [{}]

    def _opcode(self, rows: list[Row]) -> dict[str, Any]:
        if len({row.modrm for row in rows}) > 1:
            raise ValueError(f"opcode {rows[0].opcode:02X}: some rows have a ModRM byte, some have not")
        if len({_key(row) for row in rows}) == 1 and all(row.reg is None and row.rm is None for row in rows):
            return self._word(rows)
        words = []
        for index in range(2 * _REGS):
            here = [row for row in rows if row.reg in (None, index % _REGS)]
            mod_3 = bool(index & _MOD_3)
            here = [row for row in here if (row.register if mod_3 or row.ignore_mod else row.memory)]
            words.append(self._narrowed(here))
        return self._block(Narrow.REG, words)

    def _narrowed(self, rows: list[Row]) -> dict[str, Any]:
        if all(row.rm is None for row in rows):
            return self._word(rows)
        return self._block(Narrow.RM, [self._word(here) for here in ([r for r in rows if r.rm in (None, n)] for n in range(_REGS))])

    def _block(self, narrow: Narrow, words: list[dict[str, Any]]) -> dict[str, Any]:
        """Puts a block into the second table (once, if it is there already) and gives the word that leads to it."""
        for start in range(0, len(self.second) - len(words) + 1, _REGS):
            if self.second[start : start + len(words)] == words:
                break
        else:
            start = len(self.second)
            self.second += words
        return {"narrow": narrow, "register": start, "modrm": 1}

    def _word(self, rows: list[Row]) -> dict[str, Any]:
        """The word of rows that differ at most in having a register or a memory form."""
        if not rows:
            return {}
        row = rows[0]
        register = [row for row in rows if row.register]
        memory = [row for row in rows if row.memory]
        if len(register) > 1 or len(memory) > 1:
            raise ValueError(f"opcode {row.opcode:02X}: two rows for the same instruction: {rows}")
        word: dict[str, Any] = {
            "modrm": int(row.modrm), "ignore_mod": int(row.ignore_mod), "byte": int(row.byte), "lock": int(row.lock),
            "protected_only": int(row.protected_only), "immediate": row.immediate, "fn": row.fn,
        }  # fmt: skip
        for name, found in (("register", register), ("memory", memory)):
            if found:
                label = getattr(found[0], name)
                if label not in self._labels:
                    raise ValueError(f"opcode {row.opcode:02X}: there is no microprogram {label!r}")
                word |= {name: self._labels[label], f"{name}_valid": 1}
        return word
