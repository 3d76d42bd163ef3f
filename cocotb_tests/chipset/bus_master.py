"""A processor that a testbench drives, and how a testbench drives any bus: for Amaranth's simulator."""

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from contracts.bus import BURST_WORDS, Authority, BusResponse, BusSignature, SnoopSignature, Space

__all__ = ["Answer", "BusMaster", "Compiled", "ProcessorDouble", "simulate"]

_PATIENCE = 2000  # cycles


class ProcessorDouble(wiring.Component):
    """Stands where the processor will: the testbench is its program."""

    bus: Out(BusSignature())
    snoop: In(SnoopSignature())
    intr: In(1)
    nmi: In(1)
    init: In(1)
    a20m: In(1)
    shutdown: Out(1)

    def elaborate(self, platform) -> Module:
        return Module()


class Answer(tuple):
    """Words and the error of an answer."""

    __slots__ = ()

    def __new__(cls, words: list[int], error: bool) -> "Answer":
        return super().__new__(cls, (tuple(words), error))

    @property
    def word(self) -> int:
        """The only word, or the first."""
        return self[0][0]

    @property
    def error(self) -> bool:
        """Whether any beat had ``error`` set."""
        return self[1]


class BusMaster:
    """One access at a time on a ``BusSignature`` that the testbench drives as master."""

    def __init__(self, ctx, bus, authority: Authority = Authority.GUEST) -> None:
        self._ctx = ctx
        self._bus = bus
        self._response = Value.cast(bus.rsp)  # taken apart only when there is one
        self.authority = authority
        self.cycles = 0  # of the last access, from the accepted request to its last answer
        self.first = 0  # the same, to its first answer

    async def access(self, address: int, *, space: Space = Space.MEMORY, write: list[int] | None = None, mask: int = 0xF,
                     burst: bool = False, lock: bool = False) -> Answer:  # fmt: skip
        """One request and its answer."""
        ctx, bus = self._ctx, self._bus
        beats = write if write is not None else [0]
        assert len(beats) == (BURST_WORDS if burst and write is not None else 1)
        for n, beat in enumerate(beats):
            ctx.set(bus.req, {
                "address": address + (4 * n if burst else 0), "space": space, "write": write is not None, "mask": mask, "data": beat,
                "burst": burst, "last": n == len(beats) - 1, "lock": lock, "authority": self.authority,
            })  # fmt: skip
            ctx.set(bus.req_valid, 1)
            # Sampled at the clock edge, when every testbench has had its say.
            waited = 0
            async for _, _, ready in ctx.tick().sample(bus.req_ready):
                if ready:
                    break
                waited += 1
                assert waited < _PATIENCE, f"no ready for {address:#x}"
        ctx.set(bus.req_valid, 0)
        words: list[int] = []
        error = False
        self.cycles = 0
        async for _, _, valid, bits in ctx.tick().sample(bus.rsp_valid, self._response):
            self.cycles += 1
            assert self.cycles < _PATIENCE, f"no answer from {address:#x}"
            if valid:
                answer = BusResponse.from_bits(bits)
                if not words:
                    self.first = self.cycles
                words.append(answer.data)
                error |= bool(answer.error)
                if answer.last:
                    break
        return Answer(words, error)

    async def read(self, address: int) -> int:
        """A word of memory."""
        return (await self.access(address)).word

    async def write(self, address: int, value: int, mask: int = 0xF) -> Answer:
        """A word, or the bytes of it in ``mask``."""
        return await self.access(address, write=[value], mask=mask)

    async def read_line(self, address: int) -> Answer:
        """Four words."""
        return await self.access(address, burst=True)

    async def write_line(self, address: int, values: list[int]) -> Answer:
        """Four words."""
        return await self.access(address, write=values, burst=True)

    async def input(self, port: int) -> int:
        """A byte from an I/O port."""
        lane = port & 3
        answer = await self.access(port & ~3, space=Space.IO, mask=1 << lane)
        return answer.word >> 8 * lane & 0xFF

    async def output(self, port: int, value: int) -> None:
        """A byte to an I/O port."""
        lane = port & 3
        await self.access(port & ~3, space=Space.IO, mask=1 << lane, write=[value << 8 * lane])

    async def acknowledge(self) -> int:
        """The vector of the interrupt that is pending."""
        return (await self.access(0, space=Space.INTERRUPT_ACKNOWLEDGE)).word & 0xFF


class Compiled:
    """A component compiled once, for several runs of one testbench each, every one from power on."""

    def __init__(self, component: wiring.Component) -> None:
        self.component = component
        self._simulator = Simulator(component)
        self._simulator.add_clock(1e-6)
        self._simulator.add_testbench(self._play)
        self._used = False

    async def _play(self, ctx) -> None:
        await self._bench(ctx)

    def run(self, bench) -> None:
        """Runs the testbench to its end."""
        if self._used:
            self._simulator.reset()
        self._used, self._bench = True, bench
        self._simulator.run()


def simulate(component: wiring.Component, *testbenches, background=()) -> None:
    """Runs the testbenches to their end; ``background`` ones run beside them."""
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    for bench in testbenches:
        simulator.add_testbench(bench)
    for bench in background:
        simulator.add_testbench(bench, background=True)
    simulator.run()
