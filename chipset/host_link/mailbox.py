"""The mailbox between the ring −1 stub on the processor and the kernel at the other end of the host link."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import RegisterSignature
from contracts.bus import BusSignature
from contracts.host_link import HOST_LINK

__all__ = ["PRESENT", "Mailbox"]

PRESENT = 0x5246_4831  # 'RFH1'
_ONES = 0xFFFF_FFFF
_WORD = 4


class Mailbox(wiring.Component):
    """A read of MAILBOX waits here, off the bus, until the kernel's answer comes.

    Members
    -------
    cpu : In(BusSignature), reads of MAILBOX only
    block : In(RegisterSignature), the other registers of the page
    waiting : Out(1); answer_valid : In(1) with answer In(32)
    """

    cpu: In(BusSignature())
    block: In(RegisterSignature())
    waiting: Out(1)
    answer_valid: In(1)
    answer: In(32)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.cpu.req_ready.eq(~self.waiting),
            self.cpu.rsp.data.eq(self.answer),
            self.cpu.rsp.last.eq(1),
            self.cpu.rsp_valid.eq(self.waiting & self.answer_valid),
            self.block.ready.eq(1),
            self.block.read_data.eq(Mux(self.block.address == HOST_LINK["PRESENT"].offset // _WORD, PRESENT, _ONES)),
        ]
        with m.If(self.waiting):
            m.d.sync += self.waiting.eq(~self.answer_valid)
        with m.Else():
            m.d.sync += self.waiting.eq(self.cpu.req_valid)
        return m
