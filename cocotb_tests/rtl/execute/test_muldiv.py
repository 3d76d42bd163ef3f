"""Multiplication and division: results, the latch, #DE, and how long they take."""

from random import Random

import pytest
from amaranth.sim import Simulator

from cocotb_tests.rtl.execute.bench import FLAGS, WIDTHS, Answer, operand
from cocotb_tests.rtl.execute.reference import divide, multiply
from rtl.execute.muldiv import MulDivUnit
from rtl.execute.operand import OperandWidth
from rtl.microcode.uop import MulDiv

_MULTIPLY_CYCLES = 3


class _Driver:
    """Runs operations on a unit."""

    def __init__(self, ctx, unit: MulDivUnit) -> None:
        self.ctx, self.unit = ctx, unit

    async def run(self, fn: MulDiv, width: OperandWidth, a: int = 0, b: int = 0, c: int = 0) -> tuple[Answer, int, int]:
        """Answer, divide error, cycles from start to done (both included)."""
        ctx, unit = self.ctx, self.unit
        for name, value in {"fn": fn, "width": width, "a": a, "b": b, "c": c, "start": 1}.items():
            ctx.set(getattr(unit, name), value)
        cycles = 1
        while not ctx.get(unit.done):
            await ctx.tick()
            cycles += 1
            for name in ("start", "a", "b", "c"):  # what comes after start must not matter
                ctx.set(getattr(unit, name), 0)
            assert cycles < 50, "never done"
        value, mask = ctx.get(unit.flags), ctx.get(unit.flags_mask)
        flags = {name: getattr(value, name) for name in FLAGS if getattr(mask, name)}
        result = Answer(ctx.get(unit.result), flags), ctx.get(unit.divide_error), cycles
        await ctx.tick()
        ctx.set(unit.start, 0)
        assert not ctx.get(unit.done), "done for one cycle only"
        return result


def _simulate(body) -> None:
    unit = MulDivUnit()

    async def run(ctx):
        await body(_Driver(ctx, unit))

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("fn", [MulDiv.MUL, MulDiv.IMUL])
def test_multiply(fn: MulDiv, width: OperandWidth, rng: Random) -> None:
    """Both halves and the flags."""
    bits = WIDTHS[width]

    async def body(driver: _Driver) -> None:
        for _ in range(300):
            a, b = operand(rng, bits), operand(rng, bits)
            expected, high = multiply(a, b, fn == MulDiv.IMUL, bits)
            answer, error, cycles = await driver.run(fn, width, a, b, rng.randrange(1 << bits))
            assert (answer, error, cycles) == (expected, 0, _MULTIPLY_CYCLES), (hex(a), hex(b))
            answer, error, cycles = await driver.run(MulDiv.HIGH, rng.choice(list(WIDTHS)), rng.randrange(1 << 32))
            assert (answer.result, answer.flags, error, cycles) == (high, {}, 0, 1), (hex(a), hex(b))

    _simulate(body)


def _dividend(rng: Random, bits: int, divisor: int, is_signed: bool) -> int:
    """A dividend of 2n bits whose quotient lies at or near an end of the range, or anywhere, or is far too large."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randrange(1 << 2 * bits)
    half = 1 << bits - 1
    signed_divisor = divisor - 2 * half if is_signed and divisor >= half else divisor
    ends = (-half - 1, -half, -half + 1, half - 1, half, -1, 0, 1) if is_signed else (0, 1, 2 * half - 1, 2 * half, 2 * half - 2)
    quotient = rng.choice(ends) if kind < 3 else rng.randrange(2 * half) - (half if is_signed else 0)
    size = abs(signed_divisor)
    remainder = rng.choice((0, 1, size - 1, size, rng.randrange(size + 1)))
    return (quotient * signed_divisor + rng.choice((1, -1)) * remainder) % (1 << 2 * bits)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("fn", [MulDiv.DIV, MulDiv.IDIV])
def test_divide(fn: MulDiv, width: OperandWidth, rng: Random) -> None:
    """Quotient, remainder, and #DE exactly where the quotient does not fit."""
    bits = WIDTHS[width]
    mask = (1 << bits) - 1
    seen = {"error": 0, "quotient": 0}

    async def body(driver: _Driver) -> None:
        remembered = 0
        for _ in range(400):
            divisor = operand(rng, bits)
            dividend = _dividend(rng, bits, divisor, fn == MulDiv.IDIV)
            expected = divide(dividend >> bits, dividend & mask, divisor, fn == MulDiv.IDIV, bits)
            answer, error, cycles = await driver.run(fn, width, dividend & mask, divisor, dividend >> bits)
            case = hex(dividend), hex(divisor), expected
            assert cycles <= bits + 2
            assert error == (expected is None), case
            assert answer.flags == {}
            if expected is not None:
                assert answer.result == expected[0], case
                remembered = expected[1]
            seen["error" if error else "quotient"] += 1
            answer, error, cycles = await driver.run(MulDiv.HIGH, width)
            assert (answer.result, error, cycles) == (remembered, 0, 1), case

    _simulate(body)
    assert min(seen.values()) > 50, seen


def test_least_quotient_is_no_error() -> None:
    """-2^(n-1) fits; one less, and 2^(n-1), do not."""

    async def body(driver: _Driver) -> None:
        for width, bits in WIDTHS.items():
            half, mask = 1 << bits - 1, (1 << bits) - 1
            at_the_edge = ((-half, 1, 1), (half, -1, 1), (-half * 3 - 2, 3, 1), (-half, -1, 0), (half, 1, 0), (-half - 1, 1, 0))
            for dividend, divisor, fits in at_the_edge:
                low, high = dividend & mask, dividend >> bits & mask
                answer, error, _ = await driver.run(MulDiv.IDIV, width, low, divisor & mask, high)
                assert error == (not fits), (bits, dividend, divisor)
                if fits:
                    assert answer.result == half

    _simulate(body)


def test_start_again_drops_what_is_under_way() -> None:
    """A division is overtaken by a multiplication."""

    async def body(driver: _Driver) -> None:
        ctx, unit = driver.ctx, driver.unit
        for name, value in {"fn": MulDiv.DIV, "width": OperandWidth.DWORD, "a": 1000, "b": 3, "c": 0, "start": 1}.items():
            ctx.set(getattr(unit, name), value)
        await ctx.tick().repeat(1)
        ctx.set(unit.start, 0)
        await ctx.tick().repeat(5)
        answer, error, cycles = await driver.run(MulDiv.MUL, OperandWidth.DWORD, 7, 6)
        assert (answer.result, error, cycles) == (42, 0, _MULTIPLY_CYCLES)

    _simulate(body)
