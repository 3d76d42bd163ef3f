"""The serial shifter, against the frame it sends and its own receiver."""

import pytest

from chipset.devices.serial_shifter import SerialShifter
from cocotb_tests.chipset.bus_master import simulate

__all__: list[str] = []

BIT = 8


def test_frame_on_the_line():
    dut = SerialShifter(BIT)

    async def bench(ctx):
        assert ctx.get(dut.tx) == 1
        ctx.set(dut.bytes_out.payload, 0xA3)
        ctx.set(dut.bytes_out.valid, 1)
        await ctx.tick()
        ctx.set(dut.bytes_out.valid, 0)
        seen = []
        for _ in range(10):
            await ctx.tick().repeat(BIT // 2)
            seen.append(ctx.get(dut.tx))
            await ctx.tick().repeat(BIT - BIT // 2)
        assert seen == [0, 1, 1, 0, 0, 0, 1, 0, 1, 1]

    simulate(dut, bench)


@pytest.mark.parametrize("skew", [0, 1, -1])
def test_what_is_sent_is_received(rng, skew):
    """A partner whose bits are an eighth longer or shorter by a cycle in two is still understood."""
    dut = SerialShifter(BIT)
    sent = [rng.randrange(256) for _ in range(20)]
    got: list[int] = []

    async def partner(ctx):
        ctx.set(dut.rx, 1)
        for byte in sent:
            for n, bit in enumerate((0, *(byte >> k & 1 for k in range(8)), 1)):
                ctx.set(dut.rx, bit)
                await ctx.tick().repeat(BIT + (skew if n % 4 == 0 else 0))
        await ctx.tick().repeat(3 * BIT)

    async def reader(ctx):
        ctx.set(dut.bytes_in.ready, 1)
        async for *_, valid, byte in ctx.tick().sample(dut.bytes_in.valid, dut.bytes_in.payload):
            if valid:
                got.append(byte)

    simulate(dut, partner, background=[reader])
    assert got == sent


def test_a_glitch_is_no_byte():
    dut = SerialShifter(BIT)

    async def bench(ctx):
        ctx.set(dut.rx, 0)
        await ctx.tick().repeat(2)
        ctx.set(dut.rx, 1)
        for _ in range(12 * BIT):
            assert not ctx.get(dut.bytes_in.valid)
            await ctx.tick()

    simulate(dut, bench)
