"""The sector buffer against a list: any mixture of steps, reading and writing, in blocks of any size."""

from chipset.devices.ide.sector_buffer import HALFWORDS, SectorBuffer
from cocotb_tests.chipset.bus_master import simulate
from contracts.ide import BLOCK_SECTORS

__all__: list[str] = []


def test_any_steps(rng):
    dut = SectorBuffer()
    kept = [0] * HALFWORDS * BLOCK_SECTORS

    async def bench(ctx):
        for sectors in (1, 1, 3, 2, BLOCK_SECTORS, 1, BLOCK_SECTORS, 2):
            end = sectors * HALFWORDS
            writes = rng.random() < 0.5
            ctx.set(dut.sectors, sectors)
            ctx.set(dut.rewind, 1)
            ctx.set(dut.step, rng.randrange(2))
            ctx.set(dut.write, writes)
            await ctx.tick()
            ctx.set(dut.rewind, 0)
            ctx.set(dut.step, 0)
            await ctx.tick().repeat(1 + rng.randrange(2))
            at = 0
            while at < end:
                assert ctx.get(dut.at) == at and not ctx.get(dut.full)
                both, step = rng.randrange(2), rng.random() < 0.8
                words = [rng.getrandbits(16), rng.getrandbits(16)]
                if not writes:
                    expected = kept[at] | (kept[at + 1] << 16 if at + 1 < end else 0)
                    assert ctx.get(dut.read_data) == expected, at
                ctx.set(dut.both, both)
                ctx.set(dut.step, step)
                ctx.set(dut.write, writes)
                ctx.set(dut.write_data, words[0] | words[1] << 16)
                await ctx.tick()
                if step:
                    moved = min(1 + both, end - at)
                    if writes:
                        kept[at : at + moved] = words[:moved]
                    at += moved
            assert ctx.get(dut.full) and ctx.get(dut.read_data) == 0
            ctx.set(dut.step, 1)
            await ctx.tick()  # nothing is beyond the end
            assert ctx.get(dut.at) == end
        stored = [ctx.get(bank[n]) for n in range(len(kept) // 2) for bank in (dut.even, dut.odd)]
        assert stored == kept

    simulate(dut, bench)
