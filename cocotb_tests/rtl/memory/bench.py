"""A MemoryUnit, the memory behind it, and agents that stand for the pipeline, the prefetch queue and another bus master."""

import random
from collections.abc import Callable

from cocotb_tests import verilated
from cocotb_tests.rtl.bus_memory import BusMemory
from cocotb_tests.rtl.memory.unit import unit
from rtl.memory.port import AccessKind
from rtl.params import CoreParams

__all__ = ["Bench", "Fault", "Refused"]

_PATIENCE = 3000
_LINE = 16


class Fault(Exception):
    """#PF as the unit reports it."""

    def __init__(self, error: int, address: int) -> None:
        super().__init__(f"#PF({error}) at {address:#x}")
        self.error = error
        self.address = address


class Refused(Exception):
    """#AC as the unit reports it."""


class Bench:
    """``stores`` collects every line announced, ``snoops`` is sent to the unit one a cycle."""

    def __init__(self, rng: random.Random, params: CoreParams | None = None, **memory_options) -> None:
        self.rng = rng
        self._unit = unit(params or CoreParams.tiny())
        self.dut = self._unit.dut
        self.memory = BusMemory(self.dut.bus, rng, **memory_options)
        self.snoops: list[int] = []
        self.announced: list[tuple[int, int]] = []  # cycle, line
        self.cycle = 0
        self.done_cycles = 0  # from the accepted request of the last access to its done
        self._agents: list[Callable] = []

    def agent(self, process: Callable) -> None:
        """A further process, in the background."""
        self._agents.append(process)

    def run(self, program: Callable) -> None:
        """Simulates until ``program`` ends."""

        async def count(ctx):
            async for _ in ctx.tick():
                self.cycle += 1

        async def snoop(ctx):
            while True:
                ctx.set(self.dut.snoop.valid, bool(self.snoops))
                if self.snoops:
                    ctx.set(self.dut.snoop.payload.line, self.snoops.pop(0))
                await ctx.tick()

        async def announcements(ctx):
            async for _, _, valid, line in ctx.tick().sample(self.dut.store_line.valid, self.dut.store_line.line):
                if valid:
                    self.announced.append((self.cycle - 1, line))

        background = (self.memory.serve, snoop, announcements, *self._agents)
        verilated.simulate(self._unit.spec, self._unit, program, ahead=(count,), background=background)

    async def until(self, ctx, signal, *samples):
        """Ticks until ``signal`` is 1 before an edge; the samples of that moment."""
        for _ in range(_PATIENCE):
            _, _, done, *values = await ctx.tick().sample(signal, *samples)
            if done:
                return values
        raise AssertionError(f"{signal!r} never came")

    async def request(self, ctx, kind: AccessKind, linear: int, size: int, *, translate=0, user=0, lock=0, misaligned=0):
        """The first half of an access: its result, or Fault, or Refused."""
        access = self.dut.access
        ctx.set(access.valid, 1)
        ctx.set(access.request, {
            "kind": kind, "linear": linear, "size": size, "translate": translate, "user": user, "lock": lock, "misaligned": misaligned,
        })  # fmt: skip
        await self.until(ctx, access.ready)
        ctx.set(access.valid, 0)
        ctx.set(access.request.linear, self.rng.randrange(1 << 32))
        started = self.cycle
        (result,) = await self.until(ctx, access.done, access.result)
        self.done_cycles = self.cycle - started
        if result.fault and result.alignment:
            raise Refused
        if result.fault:
            raise Fault(result.error, result.fault_address)
        return result

    async def commit(self, ctx, value: int) -> None:
        """The second half of a store."""
        access = self.dut.access
        while ctx.get(access.busy):
            await ctx.tick()
        ctx.set(access.commit, 1)
        ctx.set(access.store_data, value)
        await ctx.tick()
        ctx.set(access.commit, 0)
        ctx.set(access.store_data, self.rng.randrange(1 << 32))

    async def cancel(self, ctx) -> None:
        """Drops it."""
        ctx.set(self.dut.access.cancel, 1)
        await ctx.tick()
        ctx.set(self.dut.access.cancel, 0)

    async def load(self, ctx, linear: int, size: int = 4, **options) -> int:
        """A load's data."""
        return (await self.request(ctx, AccessKind.LOAD, linear, size, **options)).data

    async def store(self, ctx, linear: int, value: int, size: int = 4, **options) -> None:
        """A store, with a pause of up to two cycles before its commit."""
        await self.request(ctx, AccessKind.STORE, linear, size, **options)
        for _ in range(self.rng.randrange(3)):
            await ctx.tick()
        await self.commit(ctx, value)

    async def drain(self, ctx) -> None:
        """Until all stores have reached memory."""
        for _ in range(_PATIENCE):
            if ctx.get(self.dut.access.idle):
                return
            await ctx.tick()
        raise AssertionError("stores never reached memory")

    async def maintain(self, ctx, order: str, operand: int = 0) -> None:
        """One of ``invalidate_page``, ``flush_tlb``, ``flush_caches``."""
        port = self.dut.maintenance
        ctx.set(port.valid, 1)
        ctx.set(port.operand, operand)
        ctx.set(port[order] if isinstance(port, dict) else getattr(port, order), 1)
        await self.until(ctx, port.done)
        ctx.set(port.valid, 0)
        ctx.set(getattr(port, order), 0)

    async def fetch(self, ctx, linear: int, *, demand: int = 1) -> tuple[int, int]:
        """A line of code: its bytes as a number and its physical number, or Fault."""
        port = self.dut.lines
        ctx.set(port.request_valid, 1)
        ctx.set(port.request_line, linear // _LINE)
        ctx.set(port.demand, demand)
        await self.until(ctx, port.request_ready)
        ctx.set(port.request_valid, 0)
        started = self.cycle
        data, physical, fault, error = await self.until(
            ctx, port.response_valid, port.response_data, port.response_physical, port.response_fault, port.response_error
        )  # fmt: skip
        self.fetch_cycles = self.cycle - started
        if fault:
            raise Fault(error, linear)
        return data, physical

    def state(self, ctx, *, fetch: bool = True, **values) -> None:
        """Sets ``mode`` bits (pg, wp, pse, pge, cpl), ``cr3``, ``asid``, ``ring_minus_1``, for the fetch side too if ``fetch``."""
        for name, value in values.items():
            sides = [self.dut] + ([self.dut.fetch] if fetch else [])
            for side in sides:
                ctx.set(getattr(side, name) if name in ("cr3", "asid", "ring_minus_1") else getattr(side.mode, name), value)
