"""The memory controller: timing, order, what is not memory, snoops, and random traffic of several requesters against a plain model."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import MemoryRequest, MemoryResponse
from chipset.memory_controller.controller import MemoryController, WriteEvent
from chipset.memory_controller.ram import BlockRam
from chipset.memory_controller.rom import Rom
from chipset.memory_controller.scrubber import Scrubber
from cocotb_tests.chipset.bus_master import simulate
from contracts.bus import SnoopSignature
from contracts.requesters import Requester

__all__: list[str] = []

MEMORY = 16 << 10
ONES = 0xFFFF_FFFF
ROM = bytes(range(1, 33))


class Bench(wiring.Component):
    """Controller, RAM and ROM."""

    def __init__(self, latency: int) -> None:
        self._latency = latency
        super().__init__({
            "request": In(stream.Signature(MemoryRequest)), "response": Out(MemoryResponse), "snoop": Out(SnoopSignature()),
            "written": Out(WriteEvent),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.controller = controller = MemoryController(memory_bytes=MEMORY, latency=self._latency)
        m.submodules.ram = ram = BlockRam(MEMORY // 4)
        m.submodules.rom = rom = Rom(ROM)
        wiring.connect(m, wiring.flipped(self.request), controller.request)
        wiring.connect(m, controller.ram, ram.port)
        wiring.connect(m, controller.snoop, wiring.flipped(self.snoop))
        m.d.comb += [
            rom.enable.eq(controller.rom_enable), rom.address.eq(controller.rom_address), controller.rom_data.eq(rom.data),
            self.response.eq(controller.response), self.written.eq(controller.written),
        ]  # fmt: skip
        return m


class Machine:
    """Issues requests and keeps answers and snoops with the cycle they came in."""

    def __init__(self, latency: int = 6) -> None:
        self.dut = Bench(latency)
        self.now = 0
        self.answers: list[tuple[int, int, int, int, int, int]] = []  # cycle, requester, data, error, last, walker
        self.snoops: list[tuple[int, int]] = []

    async def watch(self, ctx) -> None:
        dut = self.dut
        async for *_, answer, snoop, line in ctx.tick().sample(dut.response, dut.snoop.valid, dut.snoop.payload.line):
            self.now += 1
            if answer.valid:
                part = answer.response
                self.answers.append((self.now, answer.requester, part.data, part.error, part.last, answer.walker))
            if snoop:
                self.snoops.append((self.now, line << 4))

    async def issue(self, ctx, address: int, requester: int, *, write=None, mask=15, burst=False, admitted=1, walker=0) -> int:
        """The cycle in which the (last beat of the) request is taken."""
        dut = self.dut
        beats = [0] if write is None else write
        for n, beat in enumerate(beats):
            request = dut.request.payload.request
            for name, value in {"address": address + (4 * n if len(beats) > 1 else 0), "write": write is not None, "mask": mask,
                                "data": beat, "burst": burst, "last": n == len(beats) - 1, "requester": requester}.items():  # fmt: skip
                ctx.set(getattr(request, name), value)
            ctx.set(dut.request.payload.admitted, admitted)
            ctx.set(dut.request.payload.walker, walker)
            ctx.set(dut.request.valid, 1)
            while True:
                _, _, ready = await ctx.tick().sample(dut.request.ready)
                if ready:
                    break
            ctx.set(dut.request.valid, 0)
        return self.now + 1  # ``watch`` counts this edge after us

    def run(self, program) -> None:
        async def bench(ctx):
            await program(ctx)
            await ctx.tick().repeat(20)

        simulate(self.dut, bench, background=[self.watch])


@pytest.mark.parametrize("latency", [2, 3, 6])
def test_answers_after_the_latency_then_one_word_a_cycle(latency):
    machine = Machine(latency)
    taken: list[int] = []

    async def program(ctx):
        taken.append(await machine.issue(ctx, 0x100, Requester.CPU, write=[1, 2, 3, 4], burst=True))
        taken.append(await machine.issue(ctx, 0x100, Requester.CPU, burst=True))
        taken.append(await machine.issue(ctx, 0x104, Requester.CPU))
        taken.append(await machine.issue(ctx, 0x104, Requester.CPU, write=[9]))

    machine.run(program)
    assert [a - taken[0] for a in taken] == [0, 1, 5, 6]
    assert [cycle - taken[0] - latency for cycle, *_ in machine.answers] == [0, 1, 2, 3, 4, 5, 6]
    assert [data for _, _, data, *_ in machine.answers][1:6] == [1, 2, 3, 4, 2]
    assert [last for *_, last, _ in machine.answers] == [1, 0, 0, 0, 1, 1, 1]


def test_what_each_master_finds_where_nothing_is():
    machine = Machine()
    cases = []

    async def program(ctx):
        for requester in (Requester.CPU, Requester.HOST_LINK, Requester.DMA0):
            for address in (MEMORY, 0x2_0000, 0xA_0000, 0xB_FFFC, 0x8000_0000, 0xF_FFFC, 0xFFFF_FFFC):
                for write in (None, [0]):
                    cases.append((requester, address, write))
                    await machine.issue(ctx, address, requester, write=write)

    machine.run(program)
    for (requester, address, write), (_, who, data, error, _, _) in zip(cases, machine.answers, strict=True):
        rom = write is None and address & 0xF_FFFC == 0xF_FFFC and requester != Requester.DMA0
        assert who == requester
        assert error == (not rom)
        assert data == (int.from_bytes(ROM[-4:], "little") if rom else ONES)


def test_a_refused_request_changes_nothing_and_tells_nothing():
    machine = Machine()

    async def program(ctx):
        await machine.issue(ctx, 0x200, Requester.CPU, write=[5, 6, 7, 8], burst=True)
        await machine.issue(ctx, 0x200, Requester.DMA1, burst=True, admitted=0)
        await machine.issue(ctx, 0x200, Requester.DMA1, write=[1, 1, 1, 1], burst=True, admitted=0)
        await machine.issue(ctx, 0x200, Requester.DMA1, write=[1], admitted=0)
        await machine.issue(ctx, 0x200, Requester.CPU, burst=True)

    machine.run(program)
    assert [(data, error) for _, _, data, error, _, _ in machine.answers[1:7]] == [(ONES, 1)] * 6
    assert [data for _, _, data, *_ in machine.answers[7:]] == [5, 6, 7, 8]
    assert machine.snoops == []


def test_a_write_is_not_told_what_was_there():
    """Not by a write of nothing either: who may only write a page learns nothing of it."""
    machine = Machine()

    async def program(ctx):
        await machine.issue(ctx, 0x200, Requester.CPU, write=[5, 6, 7, 8], burst=True)
        for requester in (Requester.CPU, Requester.HOST_LINK, Requester.DMA0):
            await machine.issue(ctx, 0x204, requester, write=[9], mask=0)
            await machine.issue(ctx, 0x200, requester, write=[9, 9, 9, 9], mask=0, burst=True)
        await machine.issue(ctx, 0x204, Requester.CPU)

    machine.run(program)
    assert {(data, error) for _, _, data, error, _, _ in machine.answers[:-1]} == {(ONES, 0)}
    assert machine.answers[-1][2] == 6


def test_snoops_come_once_a_line_and_before_the_answer():
    machine = Machine(2)

    async def program(ctx):
        await machine.issue(ctx, 0x300, Requester.CPU, write=[1])
        await machine.issue(ctx, 0x314, Requester.HOST_LINK, write=[1])
        await machine.issue(ctx, 0x320, Requester.DMA0, write=[1, 2, 3, 4], burst=True)
        await machine.issue(ctx, 0x330, Requester.DMA0)
        await machine.issue(ctx, MEMORY, Requester.DMA0, write=[1])

    machine.run(program)
    assert [line for _, line in machine.snoops] == [0x310, 0x320]
    answered = [cycle for cycle, who, *_ in machine.answers if who in (Requester.HOST_LINK, Requester.DMA0)]
    assert machine.snoops[0][0] < answered[0]
    assert machine.snoops[1][0] < answered[1]


def test_random_traffic(rng):
    machine = Machine(rng.choice((2, 4, 6)))
    model: dict[int, int] = {}
    expected: list[tuple[int, int]] = []  # requester, data (or -1: a write's answer)

    async def program(ctx):
        for _ in range(1500):
            requester = rng.choice(list(Requester))
            address = rng.randrange(64) * 4
            burst = rng.random() < 0.4
            places = range(address & ~15, (address & ~15) + 16, 4) if burst else [address]
            if rng.random() < 0.5:
                words, mask = [rng.getrandbits(32) for _ in places], 15 if burst else rng.randrange(1, 16)
                bits = sum(0xFF << 8 * n for n in range(4) if mask >> n & 1)
                model.update({a: model.get(a, 0) & ~bits | w & bits for a, w in zip(places, words, strict=True)})
                expected.append((requester, -1))
                await machine.issue(ctx, places[0], requester, write=words, mask=mask, burst=burst)
            else:
                expected.extend((requester, model.get(a, 0)) for a in places)
                await machine.issue(ctx, places[0], requester, burst=burst)
            if rng.random() < 0.2:
                await ctx.tick().repeat(rng.randrange(1, 9))

    machine.run(program)
    assert len(machine.answers) == len(expected)
    for (_, who, data, error, _, walker), (requester, word) in zip(machine.answers, expected, strict=True):
        assert (who, error, walker) == (requester, 0, 0)
        assert word in (-1, data)


def test_the_scrubber_leaves_nothing(rng):
    words = 64

    class Scrubbed(wiring.Component):
        start: In(1)
        done: Out(1)

        def __init__(self) -> None:
            self.probe = Signal(range(words))
            self.ram = BlockRam(words, init=[rng.getrandbits(32) | 1 for _ in range(words)])
            super().__init__()

        def elaborate(self, platform) -> Module:
            m = Module()
            m.submodules.ram = self.ram
            m.submodules.scrubber = scrubber = Scrubber(words=words, step=BlockRam.clear_words)
            m.d.comb += [scrubber.start.eq(self.start), self.done.eq(scrubber.done)]
            port = self.ram.port
            with m.If(scrubber.busy):
                m.d.comb += [port.enable.eq(scrubber.ram.enable), port.clear.eq(1), port.address.eq(scrubber.ram.address)]
            with m.Else():
                m.d.sync += self.probe.eq(self.probe + 1)
                m.d.comb += [port.enable.eq(1), port.address.eq(self.probe)]
            return m

    dut = Scrubbed()

    async def bench(ctx):
        await ctx.tick()
        await ctx.tick()
        assert ctx.get(dut.ram.port.read_data)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        cycles = 0
        while not ctx.get(dut.done):
            await ctx.tick()
            cycles += 1
        assert cycles == words - 1
        await ctx.tick().repeat(2)
        for _ in range(words):
            assert ctx.get(dut.ram.port.read_data) == 0
            await ctx.tick()

    simulate(dut, bench)
