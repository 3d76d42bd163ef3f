"""What the guard's proof assumes of arbiter and memory controller, and what becomes of a refused request, as promises to be proved.

RAM is a free input but for one word of it, arbitrary but fixed. Assumed is only how the masters are wired (``chipset.memory_fabric``):
who bears which number, that only the processor can be unlocked, and that DMA and walker hold no lock; of the walker, what the guard's
proof promises: it reads single words.
"""

from collections.abc import Callable

from amaranth.hdl import Assert, Assume, Const, Module, Mux, Signal, Value
from amaranth.hdl._ast import AnyConst
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, connect, flipped

from chipset.interconnect.arbiter import MemoryArbiter
from chipset.interconnect.ports import MemoryRequest
from chipset.memory_controller.controller import MemoryController, _Source, _Stage
from chipset.memory_controller.ram import WORD_BYTES
from chipset.memory_fabric import _CPU, _DMA, _HOST, _WALK
from cocotb_tests.opened import Opened
from contracts.bus import BURST_WORDS
from contracts.requesters import DMA_FIRST, REQUESTER_WIDTH, Requester

__all__ = ["Bug", "PathHarness"]

PORTS = 4
ONES = 0xFFFF_FFFF
Bug = Callable[[Opened, Opened], None]  # adds an assignment to the arbiter or the controller


class _Promised(data.Struct):
    """What must be answered after the controller's latency."""

    writes: 1
    refused: 1
    requester: REQUESTER_WIDTH
    last: 1
    ours: 1  # a DMA master's, refused or not
    walk: 1
    watched: 1  # the walker reads the watched word, which holds
    word: 32


class PathHarness(wiring.Component):
    """Arbiter and controller; with a ``bug``, only the promises are looked at and not the invariants."""

    def __init__(self, *, memory_bytes: int, latency: int, bug: Bug | None = None) -> None:
        self._bytes, self._latency, self._bug = memory_bytes, latency, bug
        super().__init__({
            "ports": In(stream.Signature(MemoryRequest)).array(PORTS), "unlock": In(1), "read_data": In(32), "rom_data": In(32),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.arbiter = arbiter = MemoryArbiter(PORTS)
        m.submodules.controller = controller = MemoryController(memory_bytes=self._bytes, latency=self._latency)
        for n in range(PORTS):
            connect(m, flipped(self.ports[n]), arbiter.ports[n])
        connect(m, arbiter.out, controller.request)
        m.d.comb += [
            arbiter.unlock[_CPU].eq(self.unlock), controller.ram.read_data.eq(self.read_data), controller.rom_data.eq(self.rom_data),
        ]  # fmt: skip
        inside = Opened(controller)
        within = Opened(arbiter)
        if self._bug:
            self._bug(within, inside)
        self._wiring(m)
        word, watched = self._memory(m, controller)
        self._promise(m, controller, inside, within, watched, word)
        return m

    def _wiring(self, m: Module) -> None:
        """Who is who."""
        cpu, host, dma, walk = (self.ports[n].payload for n in (_CPU, _HOST, _DMA, _WALK))
        m.d.comb += [
            Assume((cpu.request.requester == Requester.CPU) & cpu.admitted & ~cpu.walker),
            Assume((host.request.requester == Requester.HOST_LINK) & host.admitted & ~host.walker & ~host.request.lock),
            Assume((dma.request.requester >= DMA_FIRST) & ~dma.walker & ~dma.request.lock),
            Assume((walk.request.requester == 0) & walk.admitted & walk.walker & ~walk.request.lock),
            Assume(~walk.request.write & ~walk.request.burst),
        ]

    def _memory(self, m: Module, controller: MemoryController) -> tuple[Signal, Signal]:
        """The watched word's contents, and where it lies. RAM answers with what the word held before."""
        ram = controller.ram
        watched, initial = Signal(ram.address.shape()), Signal(32)
        m.d.comb += [watched.eq(AnyConst(len(watched))), initial.eq(AnyConst(32))]
        changed, latest, word = Signal(WORD_BYTES, reset_less=True), Signal(32, reset_less=True), Signal(32)
        asked, old = Signal(reset_less=True), Signal(32, reset_less=True)
        here = ram.enable & (ram.address == watched)
        for n in range(WORD_BYTES):
            m.d.comb += word.word_select(n, 8).eq(Mux(changed[n], latest.word_select(n, 8), initial.word_select(n, 8)))
            with m.If(here & ram.write_mask[n]):
                m.d.sync += [changed[n].eq(1), latest.word_select(n, 8).eq(ram.write_data.word_select(n, 8))]
        m.d.sync += [asked.eq(here), old.eq(word)]
        m.d.comb += Assume(~asked | (self.read_data == old))
        return word, watched

    def _promise(self, m: Module, controller: MemoryController, inside: Opened, within: Opened, watched: Signal, word: Signal) -> None:
        dma, walk = self.ports[_DMA], self.ports[_WALK]
        request = dma.payload.request
        taken, read = Signal(), Signal()
        m.d.comb += [taken.eq(dma.valid & dma.ready), read.eq(walk.valid & walk.ready)]
        written, ram = controller.written, controller.ram

        # Every word that changes in RAM is announced as it changes, and nothing else is.
        stores = ram.enable & ram.write_mask.any()
        same = (written.word == ram.address) & (written.mask == ram.write_mask) & (written.data == ram.write_data)
        m.d.comb += [
            Assert(~stores | (written.valid & same)),
            Assert(~(written.valid & written.mask.any()) | stores),
            Assert(~ram.clear),
        ]
        # Who writes when.
        in_burst = Signal()
        with m.If(taken):
            m.d.sync += in_burst.eq(request.write & ~request.last)
            m.d.comb += Assert(~written.valid | (request.write & dma.payload.admitted & (written.word == request.address[2:])))
        m.d.comb += [Assert(~(in_burst & written.valid & ~taken)), Assert(~(read & written.valid)), Assert(~(read & taken))]

        # A refused request reaches neither RAM nor ROM, in any of its cycles.
        refused = taken & ~dma.payload.admitted
        more = Signal(range(BURST_WORDS))  # words of a DMA master's burst read still to be asked for
        more_refused, reader = Signal(), Signal(REQUESTER_WIDTH)
        with m.If(taken & ~request.write & request.burst):
            m.d.sync += [more.eq(BURST_WORDS - 1), more_refused.eq(refused), reader.eq(request.requester)]
        with m.Elif(more != 0):
            m.d.sync += more.eq(more - 1)
        touches = ram.enable | controller.rom_enable
        m.d.comb += [Assert(~(refused & touches)), Assert(~((more != 0) & more_refused & touches)), Assert(~((more != 0) & taken))]

        # What is promised comes after the latency; a refused read brings ones and an error.
        line = [Signal(_Promised, name=f"promised{n}") for n in range(self._latency)]
        begin = Signal(_Promised)
        answers = taken & (~request.write | request.last)
        m.d.comb += [
            begin.ours.eq(answers | (more != 0)),
            begin.refused.eq(Mux(more != 0, more_refused, answers & ~dma.payload.admitted)),
            begin.requester.eq(Mux(more != 0, reader, request.requester)),
            begin.writes.eq((more == 0) & answers & request.write),
            begin.last.eq(Mux(more != 0, more == 1, request.write | ~request.burst)),
            begin.walk.eq(read),
            begin.watched.eq(walk.payload.request.address[2:] == watched),
            begin.word.eq(word),
        ]
        m.d.sync += [later.eq(earlier) for earlier, later in zip([begin, *line], line, strict=False)]
        end, answer = line[-1], controller.response
        dma_answer = answer.valid & ~answer.walker & (answer.requester >= DMA_FIRST)
        with m.If(end.ours):
            m.d.comb += [Assert(dma_answer), Assert(answer.requester == end.requester), Assert(answer.response.last == end.last)]
        with m.If(end.ours & end.refused):
            m.d.comb += [Assert(answer.response.error), Assert(answer.response.data == Const(ONES, 32))]
        with m.If(end.ours & end.writes):
            m.d.comb += Assert(answer.response.data == Const(ONES, 32))  # not what was there before
        with m.If(end.walk):
            m.d.comb += [
                Assert(answer.valid & answer.walker),
                Assert(~end.watched | answer.response.error | (answer.response.data == end.word)),
            ]  # fmt: skip
        m.d.comb += [Assert(~dma_answer | end.ours), Assert(~(answer.valid & answer.walker) | end.walk)]
        if not self._bug:
            self._invariants(m, inside, within, in_burst, more, more_refused, reader, line[0])

    def _invariants(self, m: Module, inside: Opened, within: Opened, in_burst: Signal, more: Signal, more_refused: Signal, reader: Signal,
                    newest: data.View) -> None:  # fmt: skip
        """The arbiter's owner, and the controller's first stage; the rest of its pipeline is followed by the induction's depth."""
        stage = inside.shaped("stage", _Stage)
        reading, beat = inside["reading"], inside["beat"]
        from_dma: Value = stage.requester >= DMA_FIRST
        m.d.comb += [
            Assert(~in_burst | (within["held"] & (within["owner"] == 1 << _DMA))),
            Assert(~((more != 0) & ~reading)),
            Assert(~(reading & from_dma & ~stage.walker) | (more != 0)),
            Assert((more == 0) | ((beat + more == BURST_WORDS) & (stage.requester == reader) & ~stage.walker & stage.valid)),
            Assert(~((more != 0) & more_refused) | ((stage.source == _Source.ONES) & stage.error)),
            Assert(~(reading & stage.walker)),
            Assert(~newest.ours | (stage.valid & ~stage.walker & (stage.requester == newest.requester) & (stage.last == newest.last))),
            Assert(~(newest.ours & newest.writes) | (stage.source == _Source.ONES)),
            Assert(~(newest.ours & newest.refused) | ((stage.source == _Source.ONES) & stage.error)),
            Assert(~(stage.valid & from_dma & ~stage.walker) | newest.ours),
            Assert(newest.walk == (stage.valid & stage.walker)),
        ]
