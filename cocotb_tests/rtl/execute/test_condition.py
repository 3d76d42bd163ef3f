"""Conditions against the manual's table, and the merge of flags into EFLAGS."""

from random import Random

import pytest
from amaranth.sim import Simulator

from cocotb_tests.rtl.execute.bench import flags_of
from rtl.arch.flags import Bit
from rtl.execute.condition import ConditionUnit
from rtl.execute.flags import FlagMerge
from rtl.microcode.uop import Condition, FlagGroup

# Intel SDM vol. 1, appendix B: condition codes 0 to F
_CODES = (
    lambda f: f["of"], lambda f: not f["of"],
    lambda f: f["cf"], lambda f: not f["cf"],
    lambda f: f["zf"], lambda f: not f["zf"],
    lambda f: f["cf"] or f["zf"], lambda f: not (f["cf"] or f["zf"]),
    lambda f: f["sf"], lambda f: not f["sf"],
    lambda f: f["pf"], lambda f: not f["pf"],
    lambda f: f["sf"] != f["of"], lambda f: f["sf"] == f["of"],
    lambda f: f["zf"] or f["sf"] != f["of"], lambda f: not f["zf"] and f["sf"] == f["of"],
)  # fmt: skip


def _eflags(rng: Random) -> dict[str, int]:
    return {
        **flags_of(rng.randrange(64)),
        "one": 1, "iopl": rng.randrange(4), "nt": rng.randrange(2), "vm": rng.randrange(2), "if_": rng.randrange(2), "df": rng.randrange(2),
    }  # fmt: skip


def _expected(condition: Condition, case: dict) -> bool:
    f, own, mode = case["eflags"], case["result_flags"], case["mode"]
    protected = mode["pe"] and not f["vm"]
    repeat = {0: False, 1: f["zf"] == 1, 2: f["zf"] == 0}[case["rep"]]
    pairs = {
        (Condition.Z, Condition.NZ): own["zf"],
        (Condition.C, Condition.NC): own["cf"],
        (Condition.S, Condition.NS): own["sf"],
        (Condition.PROTECTED, Condition.REAL): protected,
        (Condition.OPERAND32, Condition.OPERAND16): case["operand32"],
        (Condition.REP_PREFIX, Condition.NO_REP_PREFIX): case["rep"] in (1, 2),
        (Condition.REPEAT_ZF, Condition.STOP_ZF): repeat,
        (Condition.CPL0, Condition.NOT_CPL0): mode["cpl"] == 0,
        (Condition.IOPL_OK, Condition.IOPL_LOW): not mode["pe"] or mode["cpl"] <= f["iopl"],
        (Condition.EXTENSION, Condition.NOT_EXTENSION): case["extension"],
        (Condition.FLAG_ZF, Condition.FLAG_NZ): f["zf"],
        (None, Condition.ADDRESS16): case["address32"],
        (None, Condition.STACK16): mode["stack32"],
        (Condition.EVENT_HAS_ERROR, None): case["event_has_error"],
        (Condition.EVENT_SOFTWARE, None): case["event_software"],
        (Condition.FLAG_OF, None): f["of"],
        (Condition.FLAG_NT, None): f["nt"],
        (Condition.ALWAYS, None): True,
    }
    if condition == Condition.CC:
        return bool(_CODES[case["opcode"] & 15](f))
    for (positive, negative), value in pairs.items():
        if condition in (positive, negative):
            return bool(value) == (condition == positive)
    raise AssertionError(f"no expectation for {condition}")


@pytest.mark.parametrize("condition", Condition)
def test_condition(condition: Condition, rng: Random) -> None:
    """Random states; each condition must have been seen true and false."""
    unit = ConditionUnit()
    seen = set()

    async def run(ctx):
        for number in range(300):
            case = {
                "condition": condition,
                "opcode": rng.randrange(16) << 4 | number % 16,
                "result_flags": flags_of(rng.randrange(64)),
                "eflags": _eflags(rng),
                "mode": {"pe": rng.randrange(2), "cpl": rng.randrange(4), "stack32": rng.randrange(2), "code32": rng.randrange(2)},
                "rep": rng.randrange(3),
            }
            for name in ("operand32", "address32", "event_has_error", "event_software", "extension"):
                case[name] = rng.randrange(2)
            for name, value in case.items():
                ctx.set(getattr(unit, name), value)
            expected = _expected(condition, case)
            assert ctx.get(unit.holds) == expected, case
            own = condition in (Condition.Z, Condition.NZ, Condition.C, Condition.NC, Condition.S, Condition.NS)
            assert ctx.get(unit.holds_before) == (expected and not own), case
            seen.add(expected)

    simulator = Simulator(unit)
    simulator.add_testbench(run)
    simulator.run()
    assert seen == ({True} if condition == Condition.ALWAYS else {True, False})


_WRITES = {
    FlagGroup.NONE: (),
    FlagGroup.ALL: (Bit.CF, Bit.PF, Bit.AF, Bit.ZF, Bit.SF, Bit.OF),
    FlagGroup.NOT_CF: (Bit.PF, Bit.AF, Bit.ZF, Bit.SF, Bit.OF),
    FlagGroup.ZF: (Bit.ZF,),
    FlagGroup.CF: (Bit.CF,),
}


@pytest.mark.parametrize("group", FlagGroup)
def test_merge(group: FlagGroup, rng: Random) -> None:
    """Only the group's flags change, and of these only those that the unit defines."""
    unit = FlagMerge()

    async def run(ctx):
        for _ in range(300):
            before = rng.randrange(1 << 32)
            value, mask = flags_of(rng.randrange(64)), flags_of(rng.choice((63, rng.randrange(64))))
            for name, given in {"group": group, "value": value, "mask": mask}.items():
                ctx.set(getattr(unit, name), given)
            ctx.set(unit.eflags.as_value(), before)
            expected = before
            for bit in _WRITES[group]:
                if mask[bit.name.lower()]:
                    expected = expected & ~(1 << bit) | value[bit.name.lower()] << bit
            assert ctx.get(unit.result.as_value()) == expected

    simulator = Simulator(unit)
    simulator.add_testbench(run)
    simulator.run()
