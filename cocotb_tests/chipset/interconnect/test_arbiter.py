"""The arbiter: fairness, bursts in one piece, the lock."""

from chipset.interconnect.arbiter import MemoryArbiter
from cocotb_tests.chipset.bus_master import simulate

__all__: list[str] = []

PORTS = 4


def offer(ctx, port, **fields) -> None:
    ctx.set(port.valid, 1)
    defaults = {"write": 0, "last": 1, "lock": 0, "burst": 0}
    for name, value in (defaults | fields).items():
        ctx.set(getattr(port.payload.request, name), value)


def granted(ctx, dut) -> int | None:
    """The port that is served in this cycle."""
    ready = [n for n in range(PORTS) if ctx.get(dut.ports[n].ready)]
    assert len(ready) <= 1
    return ready[0] if ready else None


def test_everyone_is_served_in_turn():
    dut = MemoryArbiter(PORTS)

    async def bench(ctx):
        ctx.set(dut.out.ready, 1)
        for n in range(PORTS):
            offer(ctx, dut.ports[n])
        served = []
        for _ in range(12):
            served.append(granted(ctx, dut))
            await ctx.tick()
        assert set(served[:4]) == {0, 1, 2, 3}
        assert served[:4] * 3 == served
        ctx.set(dut.ports[1].valid, 0)
        served = []
        for _ in range(9):
            served.append(granted(ctx, dut))
            await ctx.tick()
        assert set(served) == {0, 2, 3}
        assert [served.count(n) for n in (0, 2, 3)] == [3, 3, 3]

    simulate(dut, bench)


def test_nobody_waits_longer_than_one_round(rng):
    dut = MemoryArbiter(PORTS)

    async def bench(ctx):
        waiting = [0] * PORTS
        active = [False] * PORTS
        for _ in range(2000):
            for n in range(PORTS):
                if not active[n] and rng.random() < 0.6:
                    active[n] = True
                    waiting[n] = 0
                    offer(ctx, dut.ports[n])
                elif not active[n]:
                    ctx.set(dut.ports[n].valid, 0)
            ctx.set(dut.out.ready, rng.random() < 0.7)
            served = granted(ctx, dut)
            if served is not None:
                assert active[served]
                active[served] = False
                for n in range(PORTS):
                    waiting[n] += active[n]
                    assert waiting[n] < PORTS
            await ctx.tick()

    simulate(dut, bench)


def test_a_burst_write_is_not_interrupted():
    dut = MemoryArbiter(PORTS)

    async def bench(ctx):
        ctx.set(dut.out.ready, 1)
        offer(ctx, dut.ports[2], write=1, burst=1, last=0)
        assert granted(ctx, dut) == 2
        await ctx.tick()
        for n in (0, 1, 3):
            offer(ctx, dut.ports[n])
        ctx.set(dut.ports[2].valid, 0)  # a master that hesitates keeps its turn
        assert granted(ctx, dut) is None
        await ctx.tick()
        offer(ctx, dut.ports[2], write=1, burst=1, last=1)
        assert granted(ctx, dut) == 2
        await ctx.tick()
        assert granted(ctx, dut) == 3

    simulate(dut, bench)


def test_lock_excludes_the_others_until_an_unlocked_request():
    dut = MemoryArbiter(PORTS)

    async def bench(ctx):
        ctx.set(dut.out.ready, 1)
        offer(ctx, dut.ports[0], lock=1)
        await ctx.tick()
        for n in (1, 2, 3):
            offer(ctx, dut.ports[n])
        ctx.set(dut.ports[0].valid, 0)
        for _ in range(5):
            assert granted(ctx, dut) is None
            await ctx.tick()
        ctx.set(dut.unlock, 0b0010)  # somebody else's business
        await ctx.tick()
        ctx.set(dut.unlock, 0)
        assert granted(ctx, dut) is None
        offer(ctx, dut.ports[0], write=1)
        assert granted(ctx, dut) == 0
        await ctx.tick()
        assert granted(ctx, dut) == 1

    simulate(dut, bench)


def test_lock_ends_where_the_master_is_served_elsewhere():
    dut = MemoryArbiter(PORTS)

    async def bench(ctx):
        ctx.set(dut.out.ready, 1)
        offer(ctx, dut.ports[0], lock=1)
        await ctx.tick()
        ctx.set(dut.ports[0].valid, 0)
        offer(ctx, dut.ports[1])
        ctx.set(dut.unlock, 0b0001)
        await ctx.tick()
        ctx.set(dut.unlock, 0)
        assert granted(ctx, dut) == 1

    simulate(dut, bench)
