"""The host link's bus master: executes the host's commands in ring −1's name."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.decode import is_device_page
from contracts.bus import BURST_WORDS, Authority, BusResponse, BusSignature, Space
from contracts.host_link import LinkOp
from contracts.memory_map import PAGE_SIZE
from contracts.requesters import Requester

__all__ = ["HostLink", "LinkAnswer", "LinkCommand", "LinkOpCode"]

_ONES = 0xFFFF_FFFF
_LINE_BITS = 4
_PAGE_BITS = (PAGE_SIZE - 1).bit_length()
_PAGE_LINES = PAGE_SIZE >> _LINE_BITS


class LinkOpCode(enum.Enum, shape=4):
    """``contracts.host_link.LinkOp`` as a field."""

    READ = int(LinkOp.READ)
    WRITE = int(LinkOp.WRITE)
    READ_BURST = int(LinkOp.READ_BURST)
    WRITE_BURST = int(LinkOp.WRITE_BURST)
    IO_READ = int(LinkOp.IO_READ)
    IO_WRITE = int(LinkOp.IO_WRITE)
    IO_WRITE_32 = int(LinkOp.IO_WRITE_32)
    ANSWER = int(LinkOp.ANSWER)
    POLL = int(LinkOp.POLL)
    CLEAR_PAGE = int(LinkOp.CLEAR_PAGE)
    READ_8 = int(LinkOp.READ_8)
    WRITE_8 = int(LinkOp.WRITE_8)


class LinkCommand(data.Struct):
    """A command. WRITE_BURST comes four times, with a word each; the first one's address counts."""

    op: LinkOpCode
    address: 32
    data: 32


class LinkAnswer(data.Struct):
    """An answer: one for each command, four for READ_BURST, one after the four of WRITE_BURST. That of CLEAR_PAGE has an error if any of
    its lines had one."""

    data: 32
    error: 1


def _one_of(op: Signal, *codes: LinkOpCode) -> Value:
    return Cat(op == code for code in codes).any()


class HostLink(wiring.Component):
    """One command at a time. Memory words are whole and aligned, but for READ_8 and WRITE_8; I/O is by byte, but for IO_WRITE_32.

    Platform reset does not reset it: a command that is under way then ends with an error.

    Members
    -------
    commands : stream of LinkCommand, In
    answer_valid, answer : Out, an answer
    memory, device : Out(BusSignature)
    stub_waiting, guard_interrupt, interrupt : In(1), what POLL tells
    mailbox_valid, mailbox_data : Out, to the mailbox
    platform_reset : In(1)
    """

    def __init__(self, *, dma_engines: int) -> None:
        self._dma_engines = dma_engines
        super().__init__({
            "commands": In(stream.Signature(LinkCommand)), "answer_valid": Out(1), "answer": Out(LinkAnswer),
            "memory": Out(BusSignature()), "device": Out(BusSignature()),
            "stub_waiting": In(1), "guard_interrupt": In(1), "interrupt": In(1),
            "mailbox_valid": Out(1), "mailbox_data": Out(32), "platform_reset": In(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        incoming = self.commands.payload
        op = Signal(LinkOpCode)
        address = Signal(32)
        words = Signal(data.ArrayLayout(32, BURST_WORDS))
        beat = Signal(range(BURST_WORDS))
        left = Signal(range(BURST_WORDS + 1))  # answers still to come
        uncleared = Signal(range(_PAGE_LINES + 1))  # lines of a page whose zeroes memory has not answered for
        to_device = Signal()
        reply = Signal(LinkAnswer)  # of a command that needs no bus, or whose answer is not the bus's own

        asked = Signal()  # for all of them
        line = address[_LINE_BITS:_PAGE_BITS]  # of the page that is cleared

        by_byte = _one_of(op, LinkOpCode.IO_READ, LinkOpCode.IO_WRITE, LinkOpCode.READ_8, LinkOpCode.WRITE_8)
        is_io = _one_of(op, LinkOpCode.IO_READ, LinkOpCode.IO_WRITE, LinkOpCode.IO_WRITE_32)
        clears = op == LinkOpCode.CLEAR_PAGE
        is_write = _one_of(
            op, LinkOpCode.WRITE, LinkOpCode.WRITE_BURST, LinkOpCode.IO_WRITE, LinkOpCode.IO_WRITE_32, LinkOpCode.CLEAR_PAGE,
            LinkOpCode.WRITE_8,
        )  # fmt: skip
        writes_line = (op == LinkOpCode.WRITE_BURST) | clears
        is_burst = (op == LinkOpCode.READ_BURST) | writes_line
        lane = address[:2]
        m.d.comb += to_device.eq(is_io | (is_device_page(address, self._dma_engines) & ~is_burst))

        request = Signal.like(self.memory.req)
        m.d.comb += [
            request.address.eq(Cat(Const(0, 2), Mux(writes_line, beat, address[2:_LINE_BITS]), address[_LINE_BITS:])),
            request.space.eq(Mux(is_io, Space.IO, Space.MEMORY)),
            request.write.eq(is_write),
            request.mask.eq(Mux(by_byte, Const(1, 4) << lane, 0b1111)),
            request.data.eq(Mux(clears, 0, Mux(by_byte, words[0] << (lane << 3), words[beat]))),
            request.burst.eq(is_burst),
            request.last.eq(~writes_line | (beat == BURST_WORDS - 1)),
            request.requester.eq(Requester.HOST_LINK),
            request.authority.eq(Authority.RING_MINUS_1),
            self.memory.req.eq(request),
            self.device.req.eq(request),
            self.mailbox_data.eq(words[0]),
        ]
        bus_ready = Mux(to_device, self.device.req_ready, self.memory.req_ready)
        bus_answer = Signal(BusResponse)
        m.d.comb += bus_answer.eq(Mux(to_device, self.device.rsp, self.memory.rsp))
        bus_valid = Mux(to_device, self.device.rsp_valid, self.memory.rsp_valid)

        m.d.sync += self.mailbox_valid.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.commands.ready.eq(~self.platform_reset)
                m.d.sync += [op.eq(incoming.op), address.eq(incoming.address), words[0].eq(incoming.data)]
                m.d.sync += [left.eq(1), beat.eq(0), asked.eq(0), reply.eq(0)]
                with m.If(self.commands.valid & self.commands.ready):
                    m.next = "REQUEST"
                    with m.Switch(incoming.op):
                        with m.Case(LinkOpCode.READ_BURST):
                            m.d.sync += [left.eq(BURST_WORDS), address[:_LINE_BITS].eq(0)]
                        with m.Case(LinkOpCode.WRITE_BURST):
                            m.d.sync += beat.eq(1)
                            m.next = "COLLECT"
                        with m.Case(LinkOpCode.CLEAR_PAGE):
                            m.d.sync += [address[:_PAGE_BITS].eq(0), uncleared.eq(_PAGE_LINES)]
                            m.next = "CLEAR"
                        with m.Case(LinkOpCode.ANSWER):
                            m.d.sync += self.mailbox_valid.eq(self.stub_waiting)
                            m.d.sync += reply.error.eq(~self.stub_waiting)
                            m.next = "REPLY"
                        with m.Case(LinkOpCode.POLL):
                            m.d.sync += reply.data.eq(Cat(self.stub_waiting, self.guard_interrupt, self.interrupt))
                            m.next = "REPLY"
                        with m.Case(
                            LinkOpCode.READ, LinkOpCode.WRITE, LinkOpCode.READ_8, LinkOpCode.WRITE_8,
                            LinkOpCode.IO_READ, LinkOpCode.IO_WRITE, LinkOpCode.IO_WRITE_32,
                        ):  # fmt: skip
                            pass
                        with m.Default():
                            m.d.sync += [reply.error.eq(1), reply.data.eq(_ONES)]
                            m.next = "REPLY"
            with m.State("REPLY"):
                m.d.comb += [self.answer_valid.eq(1), self.answer.eq(reply)]
                m.next = "IDLE"
            with m.State("COLLECT"):
                m.d.comb += self.commands.ready.eq(1)
                with m.If(self.commands.valid):
                    m.d.sync += [words[beat].eq(incoming.data), beat.eq(beat + 1)]
                    with m.If(beat == BURST_WORDS - 1):
                        m.next = "REQUEST"
            with m.State("REQUEST"):
                with m.If(self.platform_reset):
                    m.next = "ABORT"
                with m.Else():
                    m.d.comb += [self.memory.req_valid.eq(~to_device), self.device.req_valid.eq(to_device)]
                    with m.If(bus_ready):
                        m.d.sync += beat.eq(beat + 1)
                        with m.If(request.last):
                            m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [
                    self.answer_valid.eq(bus_valid & ~self.platform_reset),
                    self.answer.data.eq(Mux(by_byte, (bus_answer.data >> (lane << 3)) & 0xFF, bus_answer.data)),
                    self.answer.error.eq(bus_answer.error),
                ]
                with m.If(self.platform_reset):
                    m.next = "ABORT"
                with m.Elif(bus_valid):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 1):
                        m.next = "IDLE"
            with m.State("CLEAR"):
                with m.If(bus_valid):
                    m.d.sync += [uncleared.eq(uncleared - 1), reply.error.eq(reply.error | bus_answer.error)]
                with m.If(self.platform_reset):
                    m.next = "ABORT"
                with m.Elif(asked):
                    with m.If(uncleared == 0):
                        m.next = "REPLY"
                with m.Else():
                    m.d.comb += self.memory.req_valid.eq(1)
                    with m.If(bus_ready):
                        m.d.sync += beat.eq(beat + 1)
                        with m.If(request.last):
                            m.d.sync += [line.eq(line + 1), asked.eq(line == _PAGE_LINES - 1)]
            with m.State("ABORT"):
                m.d.comb += [self.answer_valid.eq(1), self.answer.error.eq(1), self.answer.data.eq(_ONES)]
                m.d.sync += left.eq(left - 1)
                with m.If(left == 1):
                    m.next = "IDLE"
        return m
