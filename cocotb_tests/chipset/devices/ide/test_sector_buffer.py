"""The sector buffer against a list: any mixture of steps, reading and writing."""

from chipset.devices.ide.sector_buffer import HALFWORDS, SectorBuffer
from cocotb_tests.chipset.bus_master import simulate

__all__: list[str] = []


def test_any_steps(rng):
    dut = SectorBuffer()
    kept = [0] * HALFWORDS

    async def bench(ctx):
        for _ in range(6):
            writes = rng.random() < 0.5
            ctx.set(dut.rewind, 1)
            ctx.set(dut.step, rng.randrange(2))
            ctx.set(dut.write, writes)
            await ctx.tick()
            ctx.set(dut.rewind, 0)
            ctx.set(dut.step, 0)
            await ctx.tick().repeat(1 + rng.randrange(2))
            at = 0
            while at < HALFWORDS:
                assert ctx.get(dut.at) == at and not ctx.get(dut.full)
                both, step = rng.randrange(2), rng.random() < 0.8
                words = [rng.getrandbits(16), rng.getrandbits(16)]
                if not writes:
                    expected = kept[at] | (kept[at + 1] << 16 if at + 1 < HALFWORDS else 0)
                    assert ctx.get(dut.read_data) == expected, at
                ctx.set(dut.both, both)
                ctx.set(dut.step, step)
                ctx.set(dut.write, writes)
                ctx.set(dut.write_data, words[0] | words[1] << 16)
                await ctx.tick()
                if step:
                    moved = min(1 + both, HALFWORDS - at)
                    if writes:
                        kept[at : at + moved] = words[:moved]
                    at += moved
            assert ctx.get(dut.full) and ctx.get(dut.read_data) == 0
            ctx.set(dut.step, 1)
            await ctx.tick()  # nothing is beyond the end
            assert ctx.get(dut.at) == HALFWORDS
        stored = [ctx.get(bank[n]) for n in range(HALFWORDS // 2) for bank in (dut.even, dut.odd)]
        assert stored == kept

    simulate(dut, bench)
