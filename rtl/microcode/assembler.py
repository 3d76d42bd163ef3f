"""Assembles microprograms: readable text in, words of :class:`rtl.microcode.uop.Template` out.

A line is a label (``name:``), a constant (``define NAME = expression``) or one micro-op: clauses separated by ``;``. ``#`` is a comment.

    inc_m:      add.row mem, 1 ; rmw.row ea ; flags not_cf ; last

======================================  =====================================================================================
clause                                  meaning
======================================  =====================================================================================
``[DST =] FUNCTION[.WIDTH] [A][, B]``   the function; a function of one operand takes it as B. A number or ``$(expr)`` is the constant
``load.W ADDR``, ``store``, ``rmw``,    memory, width W. ADDR is ``ea``, ``ea + n`` or ``seg:[base + n]``; then, each optional:
``probe``, ``in``, ``out``,             ``sup`` ``lock`` ``gp`` ``ts`` ``ss`` ``np`` (fault class) ``stack`` ``newstack`` ``a32`` (size)
``special_cycle``                       ``align4`` ``align8`` ``unaligned`` (what the alignment check asks for, if not the size)
``push.W``, ``pop.W``                   store or load on the stack, with its change of ESP
``acknowledge``                         interrupt acknowledge
``flags GROUP``                         which of EFLAGS are written
``last``, ``ret``, ``goto L``,          what comes next; ``if COND`` may stand before ``goto``, ``last`` and ``call`` takes no condition
``call L``
``when COND``                           the condition of the function itself (SETCC, JUMP, RAISE)
``commit`` ``interruptible``            marks
``refetch`` ``drain``
``point NAME``                          intercept point
======================================  =====================================================================================
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from contracts.architecture import Dr6, Dr7
from rtl.arch import control, exceptions, flags, identity, registers, special
from rtl.microcode import uop

__all__ = ["AssemblyError", "Rom", "assemble"]

_ALIAS = {"mov": (uop.Unit.ALU, uop.Alu.PASS)}
_ROW = {
    "alu_row": uop.Unit.ALU,
    "shift_row": uop.Unit.SHIFT,
    "bits_row": uop.Unit.BITS,
    "muldiv_row": uop.Unit.MULDIV,
    "bcd_row": uop.Unit.BCD,
}
_UNITS: tuple[tuple[uop.Unit, type[Enum], str], ...] = (
    (uop.Unit.ALU, uop.Alu, ""),
    (uop.Unit.SHIFT, uop.Shift, ""),
    (uop.Unit.BITS, uop.Bits, ""),
    (uop.Unit.MULDIV, uop.MulDiv, ""),
    (uop.Unit.BCD, uop.Bcd, ""),
    (uop.Unit.SPECIAL, uop.SpecialFn, ""),
    (uop.Unit.SEGMENTATION, uop.Segmentation, "seg_"),
    (uop.Unit.BRANCH, uop.Branch, ""),
    (uop.Unit.TRAP, uop.Trap, ""),
)
# first operand names the constant: special register, segment or vector
_NAMES_SPECIAL = {"read", "write", "read_sreg", "write_sreg", "read_indexed", "write_indexed"}
_NAMES_SEGMENT = {"seg_load", "seg_load_real", "seg_load_null", "seg_copy"}
_NAMES_VECTOR = {"raise", "trap_exception"}
_FAULT = {
    "gp": uop.FaultClass.GP_CODE,
    "ts": uop.FaultClass.TS_CODE,
    "ss": uop.FaultClass.SS_CODE,
    "np": uop.FaultClass.NP_CODE,
}
_ALIGNMENT = {"align4": uop.Alignment.DOUBLE_WORD, "align8": uop.Alignment.QUADWORD, "unaligned": uop.Alignment.ANY}
_ADDRESS_SIZE = {"stack": uop.AddressSize.STACK, "newstack": uop.AddressSize.NEW_STACK, "a32": uop.AddressSize.A32}
_MEMORY = {
    "load": uop.Memory.LOAD,
    "store": uop.Memory.STORE,
    "rmw": uop.Memory.READ_MODIFY_WRITE,
    "probe": uop.Memory.PROBE_WRITE,
    "in": uop.Memory.IN,
    "out": uop.Memory.OUT,
    "special_cycle": uop.Memory.SPECIAL_CYCLE,
    "push": uop.Memory.STORE,
    "pop": uop.Memory.LOAD,
}
_MARKS = ("commit", "interruptible", "refetch", "drain")
_DISPLACEMENT_BITS = 12


class AssemblyError(ValueError):
    """A line that cannot be assembled; the message names file, line and cause."""


@dataclass
class Rom:
    """An assembled ROM: ``words`` (Template values), ``labels`` (addresses) and ``lines`` (source of each word)."""

    words: list[int] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def near(self, address: int) -> str:
        """``label+n`` for an address, for traces."""
        best = max((a, n) for n, a in self.labels.items() if a <= address)
        return best[1] if best[0] == address else f"{best[1]}+{address - best[0]}"


def _functions() -> dict[str, tuple[uop.Unit, Any]]:
    table: dict[str, tuple[uop.Unit, Any]] = dict(_ALIAS)
    for unit, functions, prefix in _UNITS:
        for f in functions:
            table.setdefault(prefix + f.name.lower(), (unit, f))
    return table


_FUNCTIONS = _functions()
_MICRO_OP = re.compile(r"(?:(?P<dst>\w+)\s*=\s*)?(?P<fn>\w+)(?:\.(?P<width>\w+))?(?:\s+(?P<args>.+))?$")
_ADDRESS = re.compile(r"(?:(?P<seg>\w+):\[(?P<base>\w+)?(?P<disp>[^\]]*)\]|(?P<ea>ea)(?:\s*\+\s*(?P<eadisp>\w+))?)(?P<rest>.*)$")
_DEFINE = re.compile(r"define\s+(\w+)\s*=\s*(.+)$")


def _named(space: Mapping[str, Any], name: str, what: str) -> Any:
    """A member of an enum, or an entry of a table; the error says what was looked for."""
    if name not in space:
        raise AssemblyError(f"no {what} {name.lower()!r}")
    return space[name]


def _once(f: Mapping[str, Any], key: str, what: str) -> None:
    if key in f:
        raise AssemblyError(f"a micro-op has one {what} only")


class _Assembler:
    def __init__(self, specials: Mapping[str, int], functions: Mapping[str, int], points: Mapping[str, uop.InterceptPoint]) -> None:
        self.rom = Rom()
        self.fixups: list[tuple[int, str, str]] = []
        self.pending: list[dict[str, Any]] = []
        self.extension_functions = functions
        self.points = {p.name.lower(): p for p in uop.InterceptPoint} | {n.lower(): p for n, p in points.items()}
        self.specials = {s.name.lower(): int(s) for s in special.Special} | {n.lower(): v for n, v in specials.items()}
        self.names: dict[str, Any] = {}
        for space in (control.Cr0, control.Cr4, Dr6, Dr7, special.InterruptState):
            self.names |= {f"{space.__name__}_{name}".upper(): int(m) for name, m in space.__members__.items()}
        self.names |= {f"FLAG_{b.name}": 1 << int(b) for b in flags.Bit} | {
            "IOPL_MASK": 3 << flags.Bit.IOPL,
            "FLAGS_WRITABLE": flags.WRITABLE,
        }
        self.names |= {"ARITHMETIC": flags.ARITHMETIC, "CR0_WRITABLE": int(control.CR0_WRITABLE), "CR4_WRITABLE": int(control.CR4_WRITABLE)}
        self.names |= {"CPU_SIGNATURE": identity.SIGNATURE}
        self.names |= {"CR0_FIXED": int(control.CR0_FIXED)}
        self.names |= {f"SEGMENT_{s.name}": int(s) for s in registers.Segment}
        self.names |= {f"REP_{r.name}": int(r) for r in special.Rep}
        self.names |= {f"FLUSH_{f.name}": int(f.value) for f in special.TlbFlush}

    def value(self, text: str) -> int:
        """A constant expression of numbers and defined names."""
        text = text.strip()
        if text.startswith("$"):
            text = text[1:]
        try:
            result = eval(text, {"__builtins__": {}}, self.names)  # noqa: S307 - our own sources, arithmetic only
        except NameError as error:
            raise AssemblyError(f"no operand or constant {error.name!r}") from error
        except Exception as error:
            raise AssemblyError(f"{text!r} is not an expression") from error
        if not isinstance(result, int):
            raise AssemblyError(f"{text!r} is not a number")
        return result & 0xFFFF_FFFF

    def special(self, name: str) -> int:
        """``cr0``, or ``base.cs``: the number of a special register."""
        group, _, segment = name.lower().partition(".")
        if group not in self.specials:
            raise AssemblyError(f"no special register {name!r}")
        return self.specials[group] + (int(_named(registers.Segment.__members__, segment.upper(), "segment")) if segment else 0)

    def operand(self, f: dict[str, Any], text: str) -> uop.Source:
        """A source; a constant goes into the micro-op's one constant."""
        text = text.strip()
        if text.upper() in uop.Source.__members__ and text != "CONST":
            return uop.Source[text.upper()]
        value = self.value(text)
        if "constant" in f and f["constant"] != value:
            raise AssemblyError("a micro-op has one constant only")
        f["constant"] = value
        return uop.Source.CONST

    def function(self, f: dict[str, Any], clause: str) -> None:
        m = _MICRO_OP.match(clause)
        if not m:
            raise AssemblyError(f"not a clause: {clause!r}")
        _once(f, "unit", "function")
        name = m["fn"]
        args = [a.strip() for a in m["args"].split(",")] if m["args"] else []
        if name in _ROW:
            f["unit"], f["fn_row"] = _ROW[name], 1
        elif name in self.extension_functions:
            f["unit"], f["fn"] = uop.Unit.EXTENSION, self.extension_functions[name]
        elif name in _FUNCTIONS:
            f["unit"], fn = _FUNCTIONS[name]
            f["fn"] = int(fn.value)
        else:
            raise AssemblyError(f"no function {name!r}")
        for names, what in ((_NAMES_SPECIAL, "special register"), (_NAMES_SEGMENT, "segment"), (_NAMES_VECTOR, "vector")):
            if name in names and not args:
                raise AssemblyError(f"{name} needs a {what}")
        if name in _NAMES_SPECIAL:
            f["constant"] = self.special(args.pop(0))
        elif name in _NAMES_SEGMENT:
            f["constant"] = int(_named(registers.Segment.__members__, args.pop(0).upper(), "segment"))
        elif name in _NAMES_VECTOR:
            f["constant"] = int(_named(exceptions.Vector.__members__, args.pop(0).upper(), "vector"))
        if name == "read_indexed":
            if len(args) != 1:
                raise AssemblyError(f"{name} takes a special register and an index")
            f["source1"] = self.operand(f, args[0])
        elif len(args) == 1:
            f["source2"] = self.operand(f, args[0])
        elif len(args) == 2:
            f["source1"] = self.operand(f, args[0])
            f["source2"] = self.operand(f, args[1])
        elif args:
            raise AssemblyError(f"{name} takes at most two operands")
        if m["dst"]:
            f["destination"] = _named(uop.Destination.__members__, m["dst"].upper(), "destination")
        if m["width"]:
            f["width"] = _named(uop.Width.__members__, m["width"].upper(), "width")

    def memory(self, f: dict[str, Any], word: str, rest: str) -> None:
        name, _, width = word.partition(".")
        _once(f, "memory", "memory access")
        f["memory"] = _MEMORY[name]
        f["memory_width"] = _named(uop.Width.__members__, width.upper(), "width") if width else uop.Width.D
        if name in ("push", "pop"):
            f["esp"] = uop.EspChange.PUSH if name == "push" else uop.EspChange.POP
            f["base"], f["segment"], f["address_size"] = uop.AddressBase.ESP, uop.AddressSegment.SS, uop.AddressSize.STACK
            extra = rest
        else:
            m = _ADDRESS.match(rest)
            if not m:
                raise AssemblyError(f"not an address: {rest!r}")
            if m["ea"]:
                f["base"], f["segment"] = uop.AddressBase.EA, uop.AddressSegment.EA
                disp = self.value(m["eadisp"]) if m["eadisp"] else 0
            else:
                f["segment"] = _named(uop.AddressSegment.__members__, m["seg"].upper(), "segment")
                base = m["base"] or ""
                if base.upper() in uop.AddressBase.__members__:
                    f["base"] = uop.AddressBase[base.upper()]
                    disp = self.value(m["disp"]) if m["disp"].strip() else 0
                else:
                    f["base"] = uop.AddressBase.ZERO
                    disp = self.value(base + m["disp"])
                if m["seg"].upper() in ("GDTR", "LDTR", "IDTR", "TR", "SYSTEM", "PHYSICAL"):
                    f["address_size"] = uop.AddressSize.A32
            signed = disp - (1 << 32) if disp >> 31 else disp
            if not -(1 << _DISPLACEMENT_BITS - 1) <= signed < 1 << _DISPLACEMENT_BITS - 1:
                raise AssemblyError(f"displacement {signed:#x} does not fit in {_DISPLACEMENT_BITS} bits")
            f["displacement"] = disp & ((1 << _DISPLACEMENT_BITS) - 1)
            extra = m["rest"]
        for mark in extra.split():
            if mark == "sup":
                f["privilege"] = uop.Privilege.SUPERVISOR
            elif mark == "lock":
                f["lock"] = 1
            elif mark in _FAULT:
                f["fault_class"] = _FAULT[mark]
            elif mark in _ALIGNMENT:
                f["alignment"] = _ALIGNMENT[mark]
            elif mark in _ADDRESS_SIZE:
                f["address_size"] = _ADDRESS_SIZE[mark]
            else:
                raise AssemblyError(f"unknown mark {mark!r}")

    def sequence(self, f: dict[str, Any], clause: str) -> bool:
        words = clause.split()
        if words[0] == "if":
            if not (words[2:] == ["last"] or (len(words) == 4 and words[2] == "goto")):
                raise AssemblyError("'if CONDITION' goes with goto LABEL or last")
            self.condition(f, words[1])
            words = words[2:]
            if words == ["last"]:
                _once(f, "sequence", "successor")
                f["sequence"] = uop.Sequence.LAST_IF
                return True
        simple = {"last": uop.Sequence.LAST, "ret": uop.Sequence.RETURN}
        if len(words) == 1 and words[0] in simple:
            _once(f, "sequence", "successor")
            f["sequence"] = simple[words[0]]
            return True
        if words[0] in ("goto", "call") and len(words) == 2:
            _once(f, "sequence", "successor")
            f["sequence"] = uop.Sequence.JUMP if words[0] == "goto" else uop.Sequence.CALL
            f["_label"] = words[1]
            return True
        return False

    def condition(self, f: dict[str, Any], name: str) -> None:
        _once(f, "condition", "condition")
        f["condition"] = _named(uop.Condition.__members__, name.upper(), "condition")

    def clause(self, f: dict[str, Any], clause: str) -> None:
        word, _, rest = clause.partition(" ")
        if self.sequence(f, clause):
            return
        if word.partition(".")[0] in _MEMORY and "=" not in clause:
            self.memory(f, word, rest.strip())
        elif word == "acknowledge":
            _once(f, "memory", "memory access")
            f["memory"], f["memory_width"] = uop.Memory.ACKNOWLEDGE, uop.Width.B
        elif word == "flags":
            _once(f, "flags", "flag group")
            f["flags"] = _named(uop.FlagGroup.__members__, rest.strip().upper(), "flag group")
        elif word == "when":
            self.condition(f, rest.strip())
        elif word in _MARKS and not rest.strip():
            f[word] = 1
        elif word == "point":
            _once(f, "intercept", "intercept point")
            f["intercept"] = _named(self.points, rest.strip().lower(), "intercept point")
        else:
            self.function(f, clause)

    def define(self, text: str, _where: str) -> None:
        """Takes up a constant; constants hold in all files, wherever they stand."""
        if m := _DEFINE.match(text.split("#", 1)[0].strip()):
            value = self.value(m[2])
            if self.names.get(m[1], value) != value:
                raise AssemblyError(f"{m[1]} is already {self.names[m[1]]:#x}")
            self.names[m[1]] = value

    def line(self, text: str, where: str) -> None:
        text = text.split("#", 1)[0].strip()
        while m := re.match(r"(\w+):(?!\[)\s*", text):
            if m[1] in self.rom.labels:
                raise AssemblyError(f"label {m[1]} is there twice")
            self.rom.labels[m[1]] = len(self.pending)
            text = text[m.end() :]
        if not text:
            return
        if _DEFINE.match(text):
            return
        f: dict[str, Any] = {"_where": where, "_text": text}
        for clause in text.split(";"):
            if clause.strip():
                self.clause(f, clause.strip())
        self.pending.append(f)

    def finish(self) -> Rom:
        """Resolves labels and packs the words."""
        defaults: dict[str, Any] = {
            "width": uop.Width.D, "destination": uop.Destination.NONE, "source1": uop.Source.ZERO, "source2": uop.Source.ZERO,
            "unit": uop.Unit.ALU, "fn": int(uop.Alu.PASS), "base": uop.AddressBase.ZERO,
        }  # fmt: skip
        for f in self.pending:
            where, text, label = f.pop("_where"), f.pop("_text"), f.pop("_label", None)
            if label is not None:
                if label not in self.rom.labels:
                    raise AssemblyError(f"{where}: no label {label!r}")
                f["label"] = self.rom.labels[label]
            if f.get("fn_row"):
                f["fn"] = 0
            self.rom.words.append(uop.Template.const({**defaults, **f}).as_value().value)
            self.rom.lines.append(text)
        if len(self.rom.words) > 1 << uop.LABEL_WIDTH:
            raise AssemblyError(f"{len(self.rom.words)} micro-ops do not fit in {uop.LABEL_WIDTH} address bits")
        return self.rom


def assemble(
    sources: list[Path],
    specials: Mapping[str, int],
    functions: Mapping[str, int],
    points: Mapping[str, uop.InterceptPoint],
    generated: str = "",
    constants: Mapping[str, int] | None = None,
) -> Rom:
    """Assembles files, then generated text, into one ROM.

    ``specials``, ``functions``, ``points`` and ``constants`` are the extension's names. Raises AssemblyError with file, line and cause.
    """
    a = _Assembler(specials, functions, points)
    a.names |= dict(constants or {})
    texts = [(p.name, p.read_text()) for p in sources] + [("generated", generated)]
    for act in (a.define, a.line):
        _each_line(act, texts)
    return a.finish()


def _each_line(act: Callable[..., None], texts: list[tuple[str, str]]) -> None:
    """Carries out a pass over all lines; errors get file and line."""
    for name, text in texts:
        for number, line in enumerate(text.splitlines(), 1):
            where = f"{name}:{number}"
            try:
                act(line, where)
            except AssemblyError as error:
                raise AssemblyError(f"{where}: {line.strip()!r}: {error}") from error
