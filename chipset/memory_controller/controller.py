"""The memory controller: one access at a time reaches RAM or ROM, answers leave in order after a fixed time."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.decode import is_ram, is_rom
from chipset.interconnect.ports import MemoryRequest, MemoryResponse
from chipset.memory_controller.ram import WORD_BYTES, RamSignature
from chipset.memory_controller.rom import ROM_BYTES
from contracts.bus import BURST_WORDS, SnoopSignature
from contracts.requesters import REQUESTER_WIDTH, Requester

__all__ = ["MIN_LATENCY", "MemoryController", "WriteEvent"]

MIN_LATENCY = 2  # so that a snoop, which takes a cycle, comes before the write's answer
_LINE_BITS = 4
_ONES = 0xFFFF_FFFF


class WriteEvent(data.Struct):
    """A word that is being written to RAM in this cycle, by whomever."""

    valid: 1
    word: 30  # address bits 31:2
    mask: 4
    data: 32


class _Source(enum.Enum, shape=2):
    ONES = 0
    RAM = 1
    ROM = 2


class _Stage(data.Struct):
    """What is known of an answer while its data are being read."""

    valid: 1
    requester: REQUESTER_WIDTH
    walker: 1
    last: 1
    error: 1
    source: _Source


class MemoryController(wiring.Component):
    """Answers ``latency`` cycles after a request is taken, then one word a cycle; takes one word a cycle.

    Where nothing is, reads bring ones and writes are dropped, with an error (which the processor takes as a word not to cache a line);
    so it is with a request that the guard has not admitted. DMA reaches RAM only.

    Parameters
    ----------
    memory_bytes : size of RAM, a power of two
    latency : cycles from a request to the (first) answer, at least 2

    Members
    -------
    request : stream of MemoryRequest, In
    response : Out(MemoryResponse)
    snoop : Out(SnoopSignature), lines written by others than the processor
    written : Out(WriteEvent), combinational
    ram, rom_* : the memories
    """

    def __init__(self, *, memory_bytes: int, latency: int) -> None:
        if latency < MIN_LATENCY:
            raise ValueError(f"memory latency {latency}: at least {MIN_LATENCY} cycles")
        self._bytes = memory_bytes
        self._latency = latency
        super().__init__({
            "request": In(stream.Signature(MemoryRequest)),
            "response": Out(MemoryResponse),
            "snoop": Out(SnoopSignature()),
            "written": Out(WriteEvent),
            "ram": Out(RamSignature(memory_bytes // WORD_BYTES)),
            "rom_enable": Out(1), "rom_address": Out(range(ROM_BYTES // WORD_BYTES)), "rom_data": In(32),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        incoming = self.request.payload
        request = incoming.request

        # What a new request is about.
        accepted = Signal()
        from_cpu = Signal()
        from_dma = Signal()
        source = Signal(_Source)
        error = Signal()
        m.d.comb += [
            accepted.eq(self.request.valid & self.request.ready),
            from_cpu.eq((request.requester == Requester.CPU) & ~incoming.walker),
            from_dma.eq((request.requester > Requester.HOST_LINK) | incoming.walker),
        ]
        with m.If(incoming.admitted):
            with m.If(is_ram(request.address, self._bytes)):
                m.d.comb += source.eq(_Source.RAM)
            with m.Elif(is_rom(request.address) & ~request.write & ~from_dma):
                m.d.comb += source.eq(_Source.ROM)
        m.d.comb += error.eq(source == _Source.ONES)

        told = Signal(_Source)  # a write's answer has no data: what was there is not its business
        m.d.comb += told.eq(Mux(request.write, _Source.ONES, source))

        # A burst read goes on for three more cycles.
        first = Signal(_Stage)
        stage = Signal(_Stage)
        reading = Signal()
        beat = Signal(range(BURST_WORDS))
        line = Signal(32 - _LINE_BITS)
        word = Signal(30)
        now = Signal(_Source)
        m.d.comb += [
            self.request.ready.eq(~reading),
            first.valid.eq(~request.write | request.last),
            first.requester.eq(request.requester),
            first.walker.eq(incoming.walker),
            first.last.eq(request.write | ~request.burst),
            first.error.eq(error),
            first.source.eq(told),
        ]
        with m.If(reading):
            m.d.comb += [word.eq(Cat(beat, line)), now.eq(stage.source)]
            m.d.sync += [beat.eq(beat + 1), stage.last.eq(beat == BURST_WORDS - 1), reading.eq(beat != BURST_WORDS - 1)]
        with m.Else():
            m.d.comb += [word.eq(request.address[2:]), now.eq(source)]
            m.d.sync += stage.valid.eq(0)
            with m.If(self.request.valid):
                m.d.sync += [
                    stage.eq(first), reading.eq(request.burst & ~request.write), beat.eq(1), line.eq(request.address[_LINE_BITS:]),
                ]  # fmt: skip

        # The memories.
        active = accepted | reading
        stores = accepted & request.write & (source == _Source.RAM)
        m.d.comb += [
            self.ram.enable.eq(active & (now == _Source.RAM)),
            self.ram.write_mask.eq(Mux(stores, request.mask, 0)),
            self.ram.address.eq(word),
            self.ram.write_data.eq(request.data),
            self.rom_enable.eq(active & (now == _Source.ROM)),
            self.rom_address.eq(word),
            self.written.valid.eq(stores),
            self.written.word.eq(word),
            self.written.mask.eq(request.mask),
            self.written.data.eq(request.data),
        ]
        # One snoop a line: with the first beat of a burst, since nothing comes between it and the others.
        inside = Signal()
        with m.If(accepted):
            m.d.sync += inside.eq(request.write & ~request.last)
        m.d.sync += self.snoop.valid.eq(stores & ~from_cpu & ~inside)
        with m.If(stores):
            m.d.sync += self.snoop.payload.line.eq(request.address[_LINE_BITS:])

        # Answers on their way.
        answer = Signal(MemoryResponse)
        m.d.comb += [
            answer.valid.eq(stage.valid),
            answer.requester.eq(stage.requester),
            answer.walker.eq(stage.walker),
            answer.response.last.eq(stage.last),
            answer.response.error.eq(stage.error),
        ]
        with m.Switch(stage.source):
            with m.Case(_Source.RAM):
                m.d.comb += answer.response.data.eq(self.ram.read_data)
            with m.Case(_Source.ROM):
                m.d.comb += answer.response.data.eq(self.rom_data)
            with m.Default():
                m.d.comb += answer.response.data.eq(Const(_ONES, 32))
        for n in range(self._latency - 1):
            delayed = Signal(MemoryResponse, name=f"delayed{n}")
            m.d.sync += delayed.eq(answer)
            answer = delayed
        m.d.comb += self.response.eq(answer)
        return m
