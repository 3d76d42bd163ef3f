"""Queue and decoder together: a program from memory, stale instructions, and when the pipeline presses."""

from random import Random

import capstone
from amaranth.sim import Simulator

from cocotb_tests.rtl.decode.bench import LABELS
from cocotb_tests.rtl.fetch.bench import LineServer, physical_line
from rtl.arch.opcode_map import ROWS
from rtl.fetch.frontend import Frontend
from rtl.fetch.port import LINE_BYTES

_LIMIT = (1 << 32) - 1
_START = 0x3F7  # of the program, linear
_PIECES = ("90", "0fa2", "8184980123456789abcdef", "c8123456", "9a112233440055", "66b81234", "f3a4", "6764668b07", "c1e004", "e811111111")


class _Machine:
    """A front end with memory behind it."""

    def __init__(self, ctx, frontend: Frontend, rng: Random, code: bytes) -> None:
        self.ctx, self.frontend = ctx, frontend
        self.code = code
        self.server = LineServer(ctx, frontend.lines, rng, read=lambda at: code[at - _START] if 0 <= at - _START < len(code) else 0x90)

    async def tick(self) -> None:
        self.server.before()
        self.server.sample()
        await self.ctx.tick()
        self.server.after()

    async def redirect(self, eip: int) -> None:
        ctx, frontend = self.ctx, self.frontend
        ctx.set(frontend.redirect.valid, 1)
        ctx.set(frontend.redirect.eip, eip)
        ctx.set(frontend.context, {"cs_base": 0x300, "cs_limit": _LIMIT, "mode": {"pe": 1, "code32": 1}})
        await self.tick()
        ctx.set(frontend.redirect.valid, 0)

    async def announce(self, line: int) -> tuple[int, int]:
        """A store: ``stale`` in its cycle and after it has been forgotten."""
        ctx, stores = self.ctx, self.frontend.stores
        ctx.set(stores.valid, 1)
        ctx.set(stores.line, line)
        now = ctx.get(self.frontend.stale)
        await self.tick()
        ctx.set(stores.valid, 0)
        await self.tick()
        await self.tick()
        return now, ctx.get(self.frontend.stale)


def _simulate(body) -> None:
    frontend = Frontend(ROWS, LABELS)

    async def run(ctx) -> None:
        await body(ctx, frontend)

    simulator = Simulator(frontend)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()


def test_program(rng: Random) -> None:
    """Instructions come one after the other with their addresses, whatever memory and pipeline do; redirects in between."""
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    code = b"".join(bytes.fromhex(rng.choice(_PIECES)) for _ in range(150))
    expected = [(i.address, i.size, bytes(i.bytes)) for i in disassembler.disasm(code, _START - 0x300)]

    async def body(ctx, frontend: Frontend) -> None:
        machine = _Machine(ctx, frontend, rng, code)
        decoded = frontend.decoded
        at = 0
        await machine.redirect(expected[0][0])
        while at < len(expected):
            ctx.set(decoded.ready, rng.random() < 0.5)
            if ctx.get(decoded.valid) and ctx.get(decoded.ready):
                got = ctx.get(decoded.payload)
                eip, size, raw = expected[at]
                assert (got.fault.valid, got.eip, got.length, bytes(got.bytes)[:size]) == (0, eip, size, raw)
                first, last = eip + 0x300, eip + 0x300 + size - 1
                assert got.physical == physical_line(first // LINE_BYTES) * LINE_BYTES + first % LINE_BYTES
                assert got.physical_last == physical_line(last // LINE_BYTES) * LINE_BYTES + last % LINE_BYTES
                at += 1
            if rng.random() < 0.03:
                ctx.set(decoded.ready, 0)
                at = rng.randrange(at, min(at + 5, len(expected)))
                await machine.redirect(expected[at][0])
                continue
            await machine.tick()
        assert not ctx.get(frontend.stale)

    _simulate(body)


def test_stale(rng: Random) -> None:
    """Stores to what has been fetched are seen wherever it is: in the queue, in the decoder, waiting decoded. A redirect clears it."""
    # each: where the instruction begins in its line, its bytes
    cases = ((0x0, "8184980123456789abcdef"), (0xB, "8184980123456789abcdef"), (0xF, "66666766b81234"), (0xF, "90"))

    async def body(ctx, frontend: Frontend) -> None:
        for offset, text in cases:
            start = 0x400 + offset
            raw = bytes.fromhex(text)
            code = bytes([0x90] * (start - _START)) + raw
            machine = _Machine(ctx, frontend, rng, code)
            lines = {at // LINE_BYTES for at in range(start, start + len(raw))}
            for wait in (0, 3, 6, 40):
                for line in sorted(lines | {min(lines) - 1, min(lines) + 256}):
                    await machine.redirect(start - 0x300)
                    while not machine.server.asked:
                        await machine.tick()
                    for _ in range(wait):
                        await machine.tick()
                    fetched = ctx.get(frontend.decoded.valid)
                    now, later = await machine.announce(physical_line(line))
                    machine.server.asked.clear()
                    if line not in lines:
                        assert (now, later) == (0, 0), (text, hex(line))
                    elif fetched:
                        assert (now, later) == (1, 1), (text, hex(line), wait)
                    while machine.server.pending:
                        await machine.tick()
            await machine.redirect(start - 0x300)
            assert not ctx.get(frontend.stale)

    _simulate(body)


def test_stale_while_an_instruction_is_incomplete(rng: Random) -> None:
    """The first line has left the queue, its prefix is in the decoder, the second line has not come yet."""

    async def body(ctx, frontend: Frontend) -> None:
        lines = frontend.lines
        await ctx.tick()
        for announced, expected in ((0x55, 1), (0x54, 0)):
            ctx.set(frontend.redirect.valid, 1)
            ctx.set(frontend.redirect.eip, 0xF)
            ctx.set(frontend.context, {"cs_limit": _LIMIT, "mode": {"pe": 1, "code32": 1}})
            await ctx.tick()
            ctx.set(frontend.redirect.valid, 0)
            ctx.set(lines.request_ready, 1)
            await ctx.tick()
            ctx.set(lines.response_valid, 1)
            ctx.set(lines.response_data, 0x66 << 120)
            ctx.set(lines.response_physical, 0x55)
            await ctx.tick()
            ctx.set(lines.response_valid, 0)
            for _ in range(5):
                await ctx.tick()
            for ready in (1, 0):
                ctx.set(frontend.decoded.ready, ready)
                await ctx.tick()
                assert ctx.get(lines.demand) == ready
            ctx.set(frontend.stores.valid, 1)
            ctx.set(frontend.stores.line, announced)
            assert ctx.get(frontend.stale) == expected
            await ctx.tick()
            ctx.set(frontend.stores.valid, 0)
            await ctx.tick()
            assert ctx.get(frontend.stale) == expected
            ctx.set(lines.response_valid, 1)  # let the second line come before the next round
            await ctx.tick()
            ctx.set(lines.response_valid, 0)
            ctx.set(lines.request_ready, 0)

    _simulate(body)


def test_demand_only_when_the_pipeline_is_empty(rng: Random) -> None:
    """While an instruction waits to be taken, or the pipeline is not ready, lines are asked for ahead only."""

    async def body(ctx, frontend: Frontend) -> None:
        machine = _Machine(ctx, frontend, rng, b"\x90" * 64)
        decoded = frontend.decoded
        pressed = 0
        empty = False  # one cycle ago the pipeline was ready and nothing there for it
        for cycle in range(400):
            if cycle % 20 == 0:  # each jump empties the pipeline; whether it is pressed for then depends on what comes ahead of need
                await machine.redirect(_START - 0x300)
                empty = ctx.get(decoded.ready)
            ctx.set(decoded.ready, rng.random() < 0.7)
            if ctx.get(frontend.lines.demand):
                assert empty
                pressed += 1
            empty = ctx.get(decoded.ready) and not ctx.get(decoded.valid)
            await machine.tick()
        assert pressed

    _simulate(body)
