"""The TLB against a model: random fills, drops, lookups and flushes in several address spaces."""

import pytest
from amaranth.sim import Simulator

from rtl.mmu.entry import PAGE_WIDTH
from rtl.mmu.tlb import Tlb

PAGES = (0x00000, 0x00001, 0x00400, 0x00401, 0x12345, 0x12745, 0xFFC00, 0xFFFFF)
FIELDS = ("frame", "user", "writable", "dirty", "cache_disable", "global_", "large")


class Model:
    """What may be in the TLB: slot by slot, the last fill that no flush has covered."""

    def __init__(self, entries: int, asid_width: int) -> None:
        self.bits = entries.bit_length() - 1
        self.asid_width = asid_width
        self.slots: dict[int, tuple[int, int, dict]] = {}

    def slot(self, page: int, asid: int) -> int:
        slot = int(f"{asid:08b}"[::-1], 2) & ((1 << self.bits) - 1)
        for low in range(0, PAGE_WIDTH, self.bits):
            slot ^= page >> low & ((1 << self.bits) - 1)
        return slot

    def fits(self, asid: int) -> bool:
        return asid < 1 << self.asid_width

    def fill(self, page: int, asid: int, entry: dict) -> None:
        if self.fits(asid):
            self.slots[self.slot(page, asid)] = (page, asid, entry)

    def drop(self, page: int, asid: int) -> None:
        if self.fits(asid):
            self.slots.pop(self.slot(page, asid), None)

    def lookup(self, page: int, asid: int) -> dict | None:
        found = self.slots.get(self.slot(page, asid))
        return found[2] if found and found[:2] == (page, asid) else None

    def flush(self, order: dict) -> None:
        def covered(page: int, asid: int, entry: dict) -> bool:
            if order["everything"]:
                return True
            same = page == order["page"] or (entry["large"] and page >> 10 == order["page"] >> 10)
            return (
                asid == order["asid"]
                and not (order["keep_global"] and entry["global_"])
                and (same or not order["page_only"])
            )  # fmt: skip

        self.slots = {s: content for s, content in self.slots.items() if not covered(*content)}


@pytest.mark.parametrize(("entries", "asid_width", "steps"), [(2, 1, 1500), (8, 2, 2500), (16, 6, 1500)])
def test_against_model(rng, entries, asid_width, steps):
    dut = Tlb(entries=entries, asid_width=asid_width)
    port = dut.port
    model = Model(entries, asid_width)
    seen = {"hit": 0, "miss": 0, "flush": 0}
    asids = (0, 1, (1 << asid_width) - 1, 1 << asid_width)  # the last does not fit (and would alias ASID 0)

    def some_page():
        return rng.choice(PAGES) if rng.random() < 0.8 else rng.randrange(1 << PAGE_WIDTH)

    async def look(ctx, page, asid):
        ctx.set(port.lookup, 1)
        ctx.set(port.page, page)
        ctx.set(port.asid, asid)
        await ctx.tick()
        ctx.set(port.lookup, 0)
        for _ in range(rng.choice((0, 0, 1))):  # the answer stays
            ctx.set(port.page, some_page())
            await ctx.tick()
        hit, entry = ctx.get(port.hit), ctx.get(port.entry)
        expected = model.lookup(page, asid)
        assert bool(hit) == (expected is not None), f"page {page:#x} ASID {asid}"
        if expected is not None:
            assert {name: getattr(entry, name) for name in FIELDS} == expected
        seen["hit" if hit else "miss"] += 1

    async def bench(ctx):
        for _ in range(steps):
            page, asid = some_page(), rng.choice(asids)
            action = rng.random()
            if action < 0.55:
                await look(ctx, page, asid)
            elif action < 0.9:
                entry = {name: rng.randrange(1 << (PAGE_WIDTH if name == "frame" else 1)) for name in FIELDS}
                ctx.set(port.fill, 1)
                ctx.set(port.fill_page, page)
                ctx.set(port.fill_asid, asid)
                ctx.set(port.fill_entry, entry)
                await ctx.tick()
                ctx.set(port.fill, 0)
                model.fill(page, asid, entry)
                if rng.random() < 0.7:
                    await look(ctx, page, asid)
            elif action < 0.93:
                ctx.set(port.drop, 1)
                ctx.set(port.fill_page, page)
                ctx.set(port.fill_asid, asid)
                await ctx.tick()
                ctx.set(port.drop, 0)
                model.drop(page, asid)
            else:
                order = {
                    "everything": int(rng.random() < 0.1), "keep_global": rng.randrange(2), "page_only": rng.randrange(2),
                    "asid": asid, "page": page,
                }  # fmt: skip
                ctx.set(dut.flush, 1)
                ctx.set(dut.order, order)
                await ctx.tick()
                ctx.set(dut.flush, 0)
                ctx.set(dut.order.asid, rng.choice(asids))  # the order was taken: changes do not matter
                cycles = 0
                while ctx.get(dut.busy):
                    cycles += 1
                    assert cycles <= entries + 2
                    await ctx.tick()
                model.flush(order)
                seen["flush"] += 1

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert min(seen.values()) > 20, seen


@pytest.mark.parametrize("parameters", [{"entries": 3, "asid_width": 1}, {"entries": 1, "asid_width": 1}, {"entries": 4, "asid_width": 9}])
def test_bad_parameters(parameters):
    with pytest.raises(ValueError, match="must be"):
        Tlb(**parameters)
