"""What the manual leaves undefined, and where unicorn is wrong: the declared tables that mask comparisons of single instructions."""

from collections.abc import Callable
from dataclasses import dataclass

from sim.programs.case import Case, Flag, Mode

__all__ = ["ALWAYS_MASKED", "ORACLE_ERRORS", "UNDEFINED", "OracleError", "Undefined", "flag_mask"]

CF, PF, AF, ZF, SF, OF = Flag.CF, Flag.PF, Flag.AF, Flag.ZF, Flag.SF, Flag.OF
ALWAYS_MASKED = Flag.RF  # in the image of flags that a fault pushes: QEMU leaves it clear


@dataclass(frozen=True)
class Undefined:
    """Flags that these instructions leave undefined under a condition."""

    names: tuple[str, ...]
    flags: int
    reason: str
    when: Callable[[Case], bool] = lambda case: True


def _count(case: Case) -> int:
    return case.meta.get("count", 1)


UNDEFINED: tuple[Undefined, ...] = (
    Undefined(("and", "or", "xor", "test"), AF, "logical operations leave AF undefined"),
    Undefined(("mul", "imul"), PF | AF | ZF | SF, "only CF and OF tell whether the high half is used"),
    Undefined(("div", "idiv"), Flag.STATUS, "all six are undefined"),
    Undefined(("shl", "sal", "shr", "sar"), AF, "AF is undefined when the count is not 0", lambda c: _count(c) > 0),
    Undefined(("shl", "sal", "shr", "sar"), OF, "OF is defined for a count of 1 only", lambda c: _count(c) > 1),
    Undefined(("shl", "sal", "shr"), CF, "CF is undefined when the count is not below the size", lambda c: _count(c) >= 8 * c.meta["size"]),
    Undefined(("rol", "ror", "rcl", "rcr"), OF, "OF is defined for a count of 1 only", lambda c: _count(c) > 1),
    Undefined(("shld", "shrd"), AF, "AF is undefined when the count is not 0", lambda c: _count(c) > 0),
    Undefined(("shld", "shrd"), OF, "OF is defined for a count of 1 only", lambda c: _count(c) > 1),
    Undefined(("bsf", "bsr"), CF | OF | SF | AF | PF, "only ZF is defined"),
    Undefined(("bt", "bts", "btr", "btc"), OF | SF | AF | PF, "CF is defined, ZF unchanged"),
    Undefined(("daa", "das"), OF, "OF is undefined"),
    Undefined(("aaa", "aas"), OF | SF | ZF | PF, "only AF and CF are defined"),
    Undefined(("aam", "aad"), OF | AF | CF, "only SF, ZF and PF are defined"),
)


def flag_mask(case: Case) -> int:
    """The flags that are compared."""
    masked = ALWAYS_MASKED
    for row in UNDEFINED:
        if case.name in row.names and row.when(case):
            masked |= row.flags
    return 0xFFFF_FFFF & ~masked


@dataclass(frozen=True)
class OracleError:
    """Cases that unicorn answers wrongly or cannot run; they are generated and run, but not compared."""

    reason: str
    matches: Callable[[Case], bool]


_LOCK, _OPERAND_SIZE = 0xF0, 0x66
_PREFIXES = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3)


def _prefixes(case: Case) -> set[int]:
    found = set()
    for byte in case.code:
        if byte not in _PREFIXES:
            break
        found.add(byte)
    return found


def _wide_enter(case: Case) -> bool:
    return case.mode is Mode.REAL_16 and case.name == "enter" and _OPERAND_SIZE in _prefixes(case)


ORACLE_ERRORS: tuple[OracleError, ...] = (
    OracleError(
        "LOCK NEG: unicorn takes the flags from the operand before the negation", lambda c: c.name == "neg" and _LOCK in _prefixes(c)
    ),
    OracleError(
        "ENTER with 32-bit operands on a 16-bit stack: editions of the manual differ on EBP's high half, so do QEMU and unicorn",
        _wide_enter,
    ),
)
