"""The mask of flags that a micro-op reads: what the manual says, and true. Issue and stage X work on micro-ops at random, once more with
flags changed. Those outside the mask change nothing; of those in it each has been seen to change something."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any

import pytest
from amaranth import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from cocotb_tests.rtl.packed import Bench, simulate, unpack
from rtl.arch.flags import WRITABLE, Bit, Eflags
from rtl.arch.registers import Mode
from rtl.arch.special import Special
from rtl.decode.decoded import Decoded, Prediction
from rtl.execute.flags import ArithmeticFlags
from rtl.execute.stage import ExecuteStage
from rtl.microcode.issue import REGISTERS, Issue
from rtl.microcode.operation import FlagsRead
from rtl.microcode.uop import (
    Alu,
    Bcd,
    Bits,
    Branch,
    Condition,
    FlagGroup,
    MulDiv,
    Segmentation,
    Shift,
    Source,
    SpecialFn,
    Template,
    Trap,
    Unit,
    Width,
)  # fmt: skip
from rtl.segment.registers import FIELDS
from rtl.trap.fault import Fault

__all__: list[str] = []

FLAGS = ("CF", "PF", "AF", "ZF", "SF", "OF", "DF")
ALL = frozenset(FLAGS)
NONE: frozenset[str] = frozenset()
FUNCTIONS: dict[Unit, Iterable[Enum]] = {
    Unit.ALU: Alu, Unit.SHIFT: Shift, Unit.BITS: Bits, Unit.MULDIV: MulDiv, Unit.BCD: Bcd, Unit.SPECIAL: SpecialFn,
    Unit.SEGMENTATION: Segmentation, Unit.BRANCH: Branch, Unit.TRAP: Trap,
}  # fmt: skip
# Intel SDM vol. 2, "Operation" of each instruction; whoever is not here reads none
READ_BY_FUNCTION: dict[tuple[Unit, Enum], Set[str]] = {
    (Unit.ALU, Alu.ADC): {"CF"}, (Unit.ALU, Alu.SBB): {"CF"}, (Unit.SHIFT, Shift.RCL): {"CF"}, (Unit.SHIFT, Shift.RCR): {"CF"},
    (Unit.BCD, Bcd.DAA): {"AF", "CF"}, (Unit.BCD, Bcd.DAS): {"AF", "CF"}, (Unit.BCD, Bcd.AAA): {"AF"}, (Unit.BCD, Bcd.AAS): {"AF"},
    (Unit.SPECIAL, SpecialFn.FLAGS_READ): ALL, (Unit.SPECIAL, SpecialFn.TOGGLE_CF): {"CF"},
}  # fmt: skip
READ_BY_CONDITION = {
    Condition.REPEAT_ZF: {"ZF"}, Condition.STOP_ZF: {"ZF"}, Condition.FLAG_ZF: {"ZF"}, Condition.FLAG_NZ: {"ZF"},
    Condition.FLAG_OF: {"OF"},
}  # fmt: skip
# the same, Jcc: O, B, Z, BE, S, P, L, LE, each with its opposite behind it
READ_BY_CODE = ({"OF"}, {"CF"}, {"ZF"}, {"CF", "ZF"}, {"SF"}, {"PF"}, {"SF", "OF"}, {"ZF", "SF", "OF"})

SEGMENT_GROUPS = (Special.SELECTOR, Special.BASE, Special.LIMIT, Special.ATTRIBUTES)
PLAIN_SOURCES = tuple(s for s in Source if s != Source.ROW_BYTES)
PLAIN_SPECIALS = tuple(s for s in Special if Special.CR0 <= s < Special.EXTENSION and s != Special.EFLAGS)
LONGEST = 40  # cycles: a division takes a bit of the quotient in each


class Stages(wiring.Component):
    """Issue, and X behind it without a latch; EFLAGS is where programs find it."""

    template: In(Template)
    instruction: In(Decoded)
    registers: In(32 * REGISTERS)
    eflags: In(Eflags)
    mode: In(Mode)
    loaded: In(32)
    special: In(32)  # each special register but EFLAGS
    first: In(1)
    read: Out(FlagsRead)
    executed: Out(1)
    a: Out(32)
    b: Out(32)
    result: Out(32)
    condition: Out(1)
    flags_write: Out(1)
    flags: Out(Eflags)
    special_write: Out(1)
    segment_write: Out(len(FIELDS))
    shadow: Out(1)
    halt: Out(1)
    branch: Out(1)
    target: Out(32)
    fault: Out(1)
    fault_data: Out(Fault)
    length: Out(4)
    instructions: Out(2)
    prediction: Out(Prediction)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.issue = issue = Issue()
        m.submodules.x = x = ExecuteStage()
        op = issue.resolved
        m.d.comb += [
            issue.template.eq(self.template), issue.instruction.eq(self.instruction), issue.gpr.as_value().eq(self.registers),
            issue.temporary.as_value().eq(~self.registers), issue.direction.eq(self.eflags.df),
            x.valid.eq(1), x.first.eq(self.first), x.operation.eq(op), x.loaded.eq(self.loaded), x.instruction.eq(self.instruction),
            x.eflags.eq(self.eflags), x.mode.eq(self.mode), x.cs_limit.eq(self.special), x.maintenance_done.eq(1),
            x.special_value.eq(Mux(x.number == Special.EFLAGS, self.eflags, self.special)),
            self.read.eq(op.flags_read), self.length.eq(op.length), self.instructions.eq(op.instructions),
            self.prediction.eq(op.prediction),
        ]  # fmt: skip
        for name in ("executed", "a", "b", "result", "condition", "flags_write", "flags", "special_write", "segment_write", "shadow",
                     "halt", "branch", "target", "fault", "fault_data"):  # fmt: skip
            m.d.comb += getattr(self, name).eq(getattr(x, name))
        return m


@dataclass
class Judge:
    """Carries out micro-ops twice."""

    bench: Bench
    rng: Random

    def template(self, unit: Unit, fn: int, **fields: Any) -> dict[str, Any]:
        """A micro-op with this function, the rest at random; no condition and no source that reads flags."""
        rng = self.rng
        constant = rng.getrandbits(32)
        if unit is Unit.SPECIAL:
            of_segments = fn not in (SpecialFn.READ, SpecialFn.WRITE)
            constant = int(rng.choice(SEGMENT_GROUPS if of_segments else PLAIN_SPECIALS))
        row = rng.randrange(2)
        return {
            "unit": unit, "fn_row": row, "fn": rng.getrandbits(5) if row else fn, "width": rng.choice(list(Width)),
            "source1": rng.choice(PLAIN_SOURCES), "source2": rng.choice(PLAIN_SOURCES), "constant": constant,
            "flags": rng.choice(list(FlagGroup)), **fields,
        }  # fmt: skip

    def inputs(self, fn: int, template: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The state that it works on."""
        rng = self.rng
        instruction = {
            "fn": fn, "opcode": rng.getrandbits(8), "modrm": rng.getrandbits(8), "rep": rng.randrange(3), "immediate": rng.getrandbits(32),
            **{name: rng.getrandbits(1) for name in ("byte", "operand32", "address32")}, **fields,
        }  # fmt: skip
        return {
            "template": template, "instruction": instruction, "registers": rng.getrandbits(32 * REGISTERS),
            "mode": {"pe": rng.getrandbits(1), "cpl": rng.randrange(4)}, "loaded": rng.getrandbits(32), "special": rng.getrandbits(32),
        }  # fmt: skip

    async def answer(self, inputs: dict[str, Any], eflags: int) -> dict[str, int]:
        """What has become of it in the cycle in which it takes effect."""
        outputs = self.bench.set({**inputs, "eflags": eflags, "first": 1})
        for _ in range(LONGEST):
            if outputs["executed"]:
                return outputs
            await self.bench.ctx.tick()
            outputs = self.bench.set({**inputs, "eflags": eflags})
        raise AssertionError("it never ends")

    async def sees(self, inputs: dict[str, Any], eflags: int, changed: Iterable[str]) -> bool:
        """Whether it makes a difference that these flags are otherwise. A flag that is left as it was makes none."""
        flipped = sum(1 << Bit[name] for name in changed)
        one, two = await self.answer(inputs, eflags), await self.answer(inputs, eflags ^ flipped)
        otherwise = one.pop("flags") ^ two["flags"]
        left = ~(two.pop("flags") ^ eflags ^ flipped)
        return one != two or bool(otherwise & ~(flipped & left))

    async def judge(self, inputs: dict[str, Any], expected: Iterable[str]) -> set[str]:
        """The mask must be as expected, and no flag outside it be seen. Those inside that are."""
        eflags = self.rng.getrandbits(32) & WRITABLE
        expected = set(expected)
        assert self.mask(self.bench.set({**inputs, "eflags": eflags})) == expected, inputs
        outside = [name for name in FLAGS if name not in expected]
        for changed in (outside, self.rng.sample(outside, self.rng.randint(0, len(outside)))):
            assert not changed or not await self.sees(inputs, eflags, changed), (inputs, hex(eflags), changed)
        return {name for name in expected if await self.sees(inputs, eflags, [name])}

    @staticmethod
    def mask(outputs: dict[str, int]) -> set[str]:
        members = unpack(FlagsRead, outputs["read"])
        arithmetic = unpack(ArithmeticFlags, members["arithmetic"])
        return {name for name in FLAGS if (members["df"] if name == "DF" else arithmetic[name.lower()])}


def judged(rng: Random, program: Any) -> None:
    async def run(bench: Bench) -> None:
        await program(Judge(bench, rng))

    simulate(Stages(), run)


CASES = 30  # of each; each flag of a mask shows in a good part of them


@pytest.mark.regress
def test_what_functions_read(rng: Random) -> None:
    async def program(judge: Judge) -> None:
        for unit, fn in ((unit, fn) for unit, functions in FUNCTIONS.items() for fn in functions):
            expected = READ_BY_FUNCTION.get((unit, fn), NONE)
            number, seen = int(fn.value), set()
            for _ in range(CASES if unit is not Unit.MULDIV else 2):
                seen |= await judge.judge(judge.inputs(number, judge.template(unit, number)), expected)
            assert seen == expected, (unit, fn)

    judged(rng, program)


def test_what_a_read_of_eflags_reads(rng: Random) -> None:
    async def program(judge: Judge) -> None:
        fn = int(SpecialFn.READ)
        template = judge.template(Unit.SPECIAL, fn, constant=int(Special.EFLAGS))
        assert await judge.judge(judge.inputs(fn, template), ALL) == ALL

    judged(rng, program)


@pytest.mark.regress
def test_what_conditions_read(rng: Random) -> None:
    async def program(judge: Judge) -> None:
        plain = [(condition, None) for condition in Condition if condition is not Condition.CC]
        for condition, code in (*plain, *((Condition.CC, code) for code in range(16))):
            expected = READ_BY_CONDITION.get(condition, NONE) if code is None else READ_BY_CODE[code >> 1]
            seen = set()
            for unit, fn in ((Unit.ALU, Alu.SETCC), (Unit.BRANCH, Branch.JUMP), (Unit.TRAP, Trap.RAISE)) * (CASES // 3):
                opcode = judge.rng.getrandbits(8) if code is None else judge.rng.getrandbits(4) << 4 | code
                template = judge.template(unit, int(fn), condition=condition)
                seen |= await judge.judge(judge.inputs(int(fn), template, opcode=opcode), expected)
            assert seen == expected, (condition, code)

    judged(rng, program)


def test_the_step_of_a_string_instruction_reads_the_direction(rng: Random) -> None:
    async def program(judge: Judge) -> None:
        for source in ("source1", "source2"):
            template = judge.template(Unit.ALU, Alu.ADD, **{source: Source.ROW_BYTES})
            assert await judge.judge(judge.inputs(Alu.ADD, template), {"DF"}) == {"DF"}, source

    judged(rng, program)


def test_micro_ops_at_random(rng: Random) -> None:
    """All of it at once; the mask is the union."""

    async def program(judge: Judge) -> None:
        for _ in range(400):
            unit = rng.choice([unit for unit in FUNCTIONS if unit is not Unit.MULDIV])
            fn, condition = rng.choice(list(FUNCTIONS[unit])), rng.choice(list(Condition))
            number, opcode = int(fn.value), rng.getrandbits(8)
            expected = READ_BY_FUNCTION.get((unit, fn), NONE) | READ_BY_CONDITION.get(condition, NONE)
            template = judge.template(unit, number, condition=condition)
            if condition is Condition.CC:
                expected |= READ_BY_CODE[opcode >> 1 & 7]
            if rng.randrange(4) == 0:
                template["source2"], expected = Source.ROW_BYTES, expected | {"DF"}
            await judge.judge(judge.inputs(number, template, opcode=opcode), expected)

    judged(rng, program)


def test_a_micro_op_knows_what_of_its_instruction_fetch_knew(rng: Random) -> None:
    known = {"length": 7, "instructions": 2, "prediction": {"taken": 1, "target": 0x1234_5678}}

    async def program(judge: Judge) -> None:
        outputs = judge.bench.set(judge.inputs(0, judge.template(Unit.ALU, 0), **known))
        prediction = unpack(Prediction, outputs["prediction"])
        assert {"length": outputs["length"], "instructions": outputs["instructions"], "prediction": prediction} == known

    judged(rng, program)
