"""A scatter-gather DMA engine (``contracts.dma_engine``): one access at a time, bursts where source and destination are aligned."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import RegisterSignature
from contracts.bus import BURST_WORDS, BusSignature, Space
from contracts.dma_engine import DESCRIPTOR_SIZE, DMA_ENGINE, MAX_LENGTH

__all__ = ["DmaEngine"]

_WORD = 4
_LINE = BURST_WORDS * _WORD
_LINE_BITS = 4


def _at(name: str) -> int:
    """Word address of a register in the block."""
    return DMA_ENGINE[name].offset // _WORD


class _Control(data.Struct):
    """CONTROL as ``DMA_ENGINE`` declares it."""

    start: 1
    interrupt_enable: 1
    reset: 1


class _Status(data.Struct):
    """STATUS as ``DMA_ENGINE`` declares it; ``busy`` is the state machine's."""

    busy: 1
    done: 1
    error: 1


class _Flags(data.Struct):
    """Descriptor flags (``DescriptorFlag``)."""

    last: 1
    interrupt: 1
    fill: 1
    reserved: 29


class _Descriptor(data.Struct):
    """A descriptor as it lies in memory; while it runs, what is left of it."""

    source: 32
    destination: 32
    length: 32
    flags: _Flags


class DmaEngine(wiring.Component):
    """The engine.

    Members
    -------
    bus : Out(BusSignature), the way to memory
    block : In(RegisterSignature)
    irq : Out(1)
    hold : In(1), as if RESET were written in each cycle; idle : Out(1), nothing is under way
    """

    bus: Out(BusSignature())
    block: In(RegisterSignature())
    irq: Out(1)
    hold: In(1)
    idle: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        pointer = Signal(32)  # of the descriptor that runs
        job = Signal(_Descriptor)
        words = Signal(data.ArrayLayout(32, BURST_WORDS))  # read, not yet written
        beat = Signal(range(BURST_WORDS))
        failed = Signal()  # an earlier beat of this answer had an error
        burst = Signal()

        interrupt_enable = Signal()
        stopping = Signal()
        status = Signal(_Status)
        descriptor = Signal(32)
        error_address = Signal(32)
        moved = Signal(32)
        start = Signal()
        stop = Signal()  # combinational: from the cycle in which RESET is written
        idle = Signal()
        self._registers(m, interrupt_enable, stopping, status, descriptor, error_address, moved, start, stop, idle)
        m.d.comb += [self.irq.eq(interrupt_enable & (status.done | status.error)), self.idle.eq(idle)]

        # The bus. Every read or write ends in a ``finished`` cycle.
        access_error = Signal()
        finished = Signal()
        m.d.comb += [
            bus.req.space.eq(Space.MEMORY),
            bus.req.mask.eq(-1),
            access_error.eq(failed | bus.rsp.error),
            finished.eq(bus.rsp_valid & bus.rsp.last),
        ]
        with m.If(bus.rsp_valid):
            m.d.sync += failed.eq(Mux(bus.rsp.last, 0, access_error))

        aligned = (job.destination[:_LINE_BITS] == 0) & (job.flags.fill | (job.source[:_LINE_BITS] == 0)) & (job.length >= _LINE)
        malformed = job.length[:2].any() | job.destination[:2].any() | (~job.flags.fill & job.source[:2].any()) | (job.length > MAX_LENGTH)

        def fail(address: Signal) -> list[Any]:
            return [status.error.eq(1), error_address.eq(address)]

        def issue_read(address: Signal, whole_line: Signal) -> list[Any]:
            return [bus.req_valid.eq(1), bus.req.address.eq(address), bus.req.burst.eq(whole_line), bus.req.last.eq(1)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += idle.eq(1)
                m.d.sync += pointer.eq(descriptor)
                with m.If(start):
                    m.d.sync += moved.eq(0)
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.sync += beat.eq(0)
                m.d.comb += issue_read(pointer, 1)
                with m.If(bus.req_ready):
                    m.next = "FETCH_ANSWER"
            with m.State("FETCH_ANSWER"):
                with m.If(bus.rsp_valid):
                    m.d.sync += [job.as_value().word_select(beat, 32).eq(bus.rsp.data), beat.eq(beat + 1)]
                with m.If(finished):
                    m.next = "CHECK"
                    with m.If(access_error):
                        m.d.sync += fail(pointer)
                        m.next = "IDLE"
            with m.State("CHECK"):
                m.next = "NEXT"
                with m.If(malformed):
                    m.d.sync += fail(pointer)
                    m.next = "IDLE"
            with m.State("NEXT"):
                m.d.sync += [beat.eq(0), burst.eq(aligned)]
                with m.If(stop):
                    m.next = "IDLE"
                with m.Elif(job.length == 0):
                    with m.If(job.flags.last | job.flags.interrupt):
                        m.d.sync += status.done.eq(1)
                    m.d.sync += pointer.eq(pointer + DESCRIPTOR_SIZE)
                    m.next = "FETCH"
                    with m.If(job.flags.last):
                        m.next = "IDLE"
                with m.Elif(job.flags.fill):
                    m.d.sync += [words[n].eq(job.source) for n in range(BURST_WORDS)]
                    m.next = "WRITE"
                with m.Else():
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += issue_read(job.source, burst)
                with m.If(bus.req_ready):
                    m.next = "READ_ANSWER"
            with m.State("READ_ANSWER"):
                with m.If(bus.rsp_valid):
                    m.d.sync += [words[beat].eq(bus.rsp.data), beat.eq(beat + 1)]
                with m.If(finished):
                    m.d.sync += beat.eq(0)
                    m.next = "WRITE"
                    with m.If(stop):
                        m.next = "IDLE"
                    with m.Elif(access_error):
                        m.d.sync += fail(job.source)
                        m.next = "IDLE"
            with m.State("WRITE"):
                last = ~burst | (beat == BURST_WORDS - 1)
                m.d.comb += [
                    bus.req_valid.eq(1), bus.req.write.eq(1), bus.req.burst.eq(burst), bus.req.last.eq(last),
                    bus.req.address.eq(job.destination | Mux(burst, Cat(Const(0, 2), beat), 0)), bus.req.data.eq(words[beat]),
                ]  # fmt: skip
                with m.If(bus.req_ready):
                    m.d.sync += beat.eq(beat + 1)
                    with m.If(last):
                        m.next = "WRITE_ANSWER"
            with m.State("WRITE_ANSWER"):
                step = Mux(burst, _LINE, _WORD)
                with m.If(finished):
                    m.d.sync += [
                        job.destination.eq(job.destination + step), job.length.eq(job.length - step),
                        moved.eq(moved + Mux(burst, BURST_WORDS, 1)),
                    ]  # fmt: skip
                    with m.If(~job.flags.fill):
                        m.d.sync += job.source.eq(job.source + step)
                    m.next = "NEXT"
                    with m.If(access_error):
                        m.d.sync += [*fail(job.destination), moved.eq(moved)]
                        m.next = "IDLE"

        # RESET ends when nothing is in flight: everything is cleared then.
        with m.If(idle & stopping):
            m.d.sync += [
                stopping.eq(0), status.done.eq(0), status.error.eq(0), interrupt_enable.eq(0), descriptor.eq(0),
                error_address.eq(0), moved.eq(0),
            ]  # fmt: skip
        with m.If(self.hold):
            m.d.sync += stopping.eq(1)
        return m

    def _registers(self, m: Module, interrupt_enable: Signal, stopping: Signal, status: Signal, descriptor: Signal, error_address: Signal,
                   moved: Signal, start: Signal, stop: Signal, idle: Signal) -> None:  # fmt: skip
        """The register block."""
        block = self.block
        m.d.comb += [block.ready.eq(1), stop.eq(stopping | self.hold)]
        with m.If(block.valid & block.write):
            with m.Switch(block.address):
                with m.Case(_at("CONTROL")):
                    control = _Control(block.write_data[:3])
                    m.d.sync += interrupt_enable.eq(control.interrupt_enable)
                    m.d.comb += start.eq(control.start & ~control.reset & ~stopping & ~self.hold)
                    with m.If(control.reset):
                        m.d.sync += stopping.eq(1)
                        m.d.comb += stop.eq(1)
                with m.Case(_at("STATUS")):
                    written = _Status(block.write_data[:3])
                    m.d.sync += [status.done.eq(status.done & ~written.done), status.error.eq(status.error & ~written.error)]
                with m.Case(_at("DESCRIPTOR")):
                    m.d.sync += descriptor[_LINE_BITS:].eq(block.write_data[_LINE_BITS:])
        with m.Switch(block.address):
            with m.Case(_at("CONTROL")):
                m.d.comb += block.read_data.eq(Cat(Const(0, 1), interrupt_enable, stopping))
            with m.Case(_at("STATUS")):
                m.d.comb += block.read_data.eq(Cat(~idle, status.done, status.error))
            with m.Case(_at("DESCRIPTOR")):
                m.d.comb += block.read_data.eq(descriptor)
            with m.Case(_at("ERROR_ADDRESS")):
                m.d.comb += block.read_data.eq(error_address)
            with m.Case(_at("WORDS_MOVED")):
                m.d.comb += block.read_data.eq(moved)
