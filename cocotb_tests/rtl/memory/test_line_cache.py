"""The storage of the caches against a model, with everything at once: lookups, fills, writes and invalidations in any cycle."""

import pytest
from amaranth.sim import Simulator

from rtl.memory.line_cache import LineCache

LINE_BYTES = 16


@pytest.mark.parametrize(("lines", "tags"), [(4, 3), (512, 4)])
def test_against_model(rng, lines, tags):
    """A hit has the right bytes, and never a line that was invalidated; a line that is there is missed only while its set is filled."""
    dut = LineCache(lines=lines)
    sets = min(lines, 256)
    numbers = [s + sets * t for s in (0, 1) for t in range(tags)]
    present: dict[int, int] = {}
    seen = {"hit": 0, "miss": 0, "excused": 0, "dropped": 0, "written": 0}

    async def bench(ctx):
        while ctx.get(dut.busy):
            await ctx.tick()
        asked = None  # the line looked up in the cycle before
        hit_before = None  # line and way of an answer that a write may use
        before: dict[int, tuple[int, ...]] = {}
        disturbed: set[int] = set()  # sets of which a lookup made in the cycle before may miss
        for _ in range(4000):
            lookup = rng.choice(numbers) if rng.random() < 0.7 else None
            invalidate = rng.choice(numbers) if rng.random() < 0.15 else None
            absent = [n for n in numbers if n not in present]
            fill = rng.choice(absent) if absent and rng.random() < 0.3 else None
            fill_data = rng.randrange(1 << 8 * LINE_BYTES)
            write = hit_before if hit_before and hit_before[0] in present and fill is None and rng.random() < 0.5 else None
            mask, write_data = rng.randrange(1 << LINE_BYTES), rng.randrange(1 << 8 * LINE_BYTES)
            ctx.set(dut.lookup, lookup is not None)
            ctx.set(dut.lookup_set, (lookup or 0) % sets)
            ctx.set(dut.line, asked if asked is not None else rng.choice(numbers))
            ctx.set(dut.invalidate, invalidate is not None)
            ctx.set(dut.invalidate_line, invalidate if invalidate is not None else rng.choice(numbers))
            ctx.set(dut.fill, fill is not None)
            ctx.set(dut.fill_line, fill if fill is not None else 0)
            ctx.set(dut.fill_data, fill_data)
            ctx.set(dut.write, write is not None)
            if write:
                ctx.set(dut.write_set, write[0] % sets)
                ctx.set(dut.write_way, write[1])
            ctx.set(dut.write_mask, mask)
            ctx.set(dut.write_data, write_data)
            _, _, hit, way, data, filled = await ctx.tick().sample(dut.hit, dut.way, dut.data, dut.filled)

            hit_before = None
            if asked is not None:
                if hit:
                    assert asked in present, f"line {asked:#x} is not there"
                    assert data in (present[asked], *before.get(asked, ()))
                    seen["hit"] += 1
                    hit_before = (asked, way)
                elif asked in present:
                    assert asked % sets in disturbed
                    seen["excused"] += 1
                else:
                    seen["miss"] += 1
            before = {}
            if write:
                old = present[write[0]]
                bits = sum(0xFF << 8 * n for n in range(LINE_BYTES) if mask >> n & 1)
                before[write[0]] = (old,)  # a lookup in the cycle of a write may see either
                present[write[0]] = old & ~bits | write_data & bits
                seen["written"] += 1
            disturbed = set()
            if filled:
                assert fill is not None
                rivals = [n for n in present if n % sets == fill % sets]
                unsure.extend(rivals)
                present[fill] = fill_data
                disturbed.add(fill % sets)
            elif fill is not None:
                seen["dropped"] += 1
            if invalidate is not None:
                present.pop(invalidate, None)
            asked = lookup
            if unsure:  # which way has been replaced is the cache's affair: look
                for line in unsure:
                    if not await there(ctx, line):
                        present.pop(line, None)
                unsure.clear()
                asked = hit_before = None

    async def there(ctx, line):
        for name in ("fill", "write", "invalidate"):
            ctx.set(getattr(dut, name), 0)
        await ctx.tick()
        await ctx.tick()
        ctx.set(dut.lookup, 1)
        ctx.set(dut.lookup_set, line % sets)
        await ctx.tick()
        ctx.set(dut.lookup, 0)
        ctx.set(dut.line, line)
        return ctx.get(dut.hit)

    unsure: list[int] = []
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert min(count for name, count in seen.items() if name != "excused") > 10, seen
