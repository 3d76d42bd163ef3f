"""The report's numbers and its text."""

import random
from decimal import ROUND_DOWN, Decimal

import pytest
from amaranth.sim import Simulator

from chipset.boards.guard_demo.decimal import DecimalDigits
from chipset.boards.guard_demo.demo import TEXT
from chipset.boards.guard_demo.report import NUMBER_DIGITS, Number, Ratio, Report, ReportText

__all__: list[str] = []

WIDTH = 27
LIMIT = 3000  # cycles
SMALL = ReportText(("a=", Number(0), " b=", Number(1), " r=", Ratio(), "\n"), passed="good\n", failed="bad\n")


def quotient(dividend: int, divisor: int, digits: int) -> str:
    """The first digits of the ratio, cut off."""
    return f"{(Decimal(dividend) / divisor).quantize(Decimal(1).scaleb(1 - digits), ROUND_DOWN):f}"


def test_digits_of_ratios(rng: random.Random) -> None:
    pairs = [(1, 1), (0, 7), (9, 1), (123_456, 123_457), (99_999_999, 10_000_000), ((1 << WIDTH) - 2, (1 << WIDTH) - 1)]
    pairs += [(rng.randrange(min(10 * d, 1 << WIDTH)), d) for d in (rng.randrange(1, 1 << WIDTH) for _ in range(20))]
    dut = DecimalDigits(WIDTH)

    async def bench(ctx) -> None:
        for dividend, divisor in pairs:
            ctx.set(dut.dividend, dividend)
            ctx.set(dut.divisor, divisor)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            found = ""
            for _ in range(LIMIT):
                take = rng.random() < 0.5
                ctx.set(dut.digits.ready, take)
                _, _, valid, digit = await ctx.tick().sample(dut.digits.valid, dut.digits.payload)
                if valid and take:
                    found += str(digit)
                if len(found) == 8:
                    break
            assert found == quotient(dividend, divisor, 8).replace(".", ""), (dividend, divisor)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("passed", [False, True])
def test_text_with_its_numbers(passed: bool, rng: random.Random) -> None:
    numbers = [rng.choice((0, 7, 10**NUMBER_DIGITS - 1)), rng.randrange(10**NUMBER_DIGITS)]
    divisor = rng.randrange(1000, 100_000)
    dividend = rng.randrange(2 * divisor)
    dut = Report(SMALL, width=WIDTH, numbers=2)
    said = ""

    async def bench(ctx) -> None:
        nonlocal said
        for n, number in enumerate(numbers):
            ctx.set(dut.numbers[n], number)
        ctx.set(dut.dividend, dividend)
        ctx.set(dut.divisor, divisor)
        ctx.set(dut.passed, passed)
        for _ in range(2):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(LIMIT):
                take = rng.random() < 0.5
                ctx.set(dut.bytes_out.ready, take)
                _, _, busy, valid, byte = await ctx.tick().sample(dut.busy, dut.bytes_out.valid, dut.bytes_out.payload)
                if not busy:
                    break
                if valid and take:
                    said += chr(byte)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    line = f"a={numbers[0]:{NUMBER_DIGITS}} b={numbers[1]:{NUMBER_DIGITS}} r={quotient(dividend, divisor, 5)}\n"
    assert said == 2 * (line + ("good\n" if passed else "bad\n"))


def test_the_text_fits_one_block_ram() -> None:
    assert len(TEXT.code()[0]) <= 512
