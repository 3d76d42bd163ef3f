"""The processor's port: the choice of a target, and answers in order. (A20 is the processor's: it masks before its caches.)"""

from amaranth.hdl import Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.decode import is_device_page
from contracts.bus import Authority, BusSignature, Space
from contracts.host_link import HOST_LINK
from contracts.memory_map import Physical
from contracts.requesters import Requester

__all__ = ["CpuPort"]

_OUTSTANDING_BITS = 3


class _Target(enum.Enum, shape=2):
    MEMORY = 0
    DEVICE = 1
    MAILBOX = 2
    LAUNCH = 3


class CpuPort(wiring.Component):
    """Sends each request of the processor to memory, to the device bus, to the mailbox, or to the late launch.

    A request for another target waits until the processor's earlier ones are answered, so answers keep their order. A slow device or
    a mailbox that waits holds up nobody but the processor.

    Parameters
    ----------
    dma_engines : number of DMA engines with a register page
    mailbox : whether a host link is built

    Members
    -------
    cpu : In(BusSignature); ``requester`` is stamped here, ``authority`` is the processor's own word
    memory, device, mailbox, launch : Out(BusSignature)
    protected : In(1), the mailbox answers ring −1 alone
    unlock : Out(1), a request without ``lock`` went elsewhere than to memory
    """

    def __init__(self, *, dma_engines: int, mailbox: bool) -> None:
        self._dma_engines = dma_engines
        self._has_mailbox = mailbox
        super().__init__({
            "cpu": In(BusSignature()), "memory": Out(BusSignature()), "device": Out(BusSignature()), "mailbox": Out(BusSignature()),
            "launch": Out(BusSignature()),
            "protected": In(1), "unlock": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cpu = self.cpu
        request = Signal.like(cpu.req)
        memory_space = Signal()
        m.d.comb += [
            memory_space.eq(cpu.req.space == Space.MEMORY),
            request.eq(cpu.req),
            request.requester.eq(Requester.CPU),
        ]

        target = Signal(_Target)
        with m.If(cpu.req.space == Space.SPECIAL_CYCLE):
            m.d.comb += target.eq(_Target.LAUNCH)
        with m.Elif(~memory_space):
            m.d.comb += target.eq(_Target.DEVICE)
        with m.Elif(is_device_page(request.address, self._dma_engines) & ~request.burst):
            m.d.comb += target.eq(_Target.DEVICE)
            if self._has_mailbox:
                # A read of part of it, or a locked one (which would keep memory from the kernel), finds nothing there.
                plain = ~request.write & ~request.lock & request.mask.all()
                allowed = ~self.protected | (request.authority == Authority.RING_MINUS_1)
                is_mailbox = request.address == Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset
                with m.If(is_mailbox & plain & allowed):
                    m.d.comb += target.eq(_Target.MAILBOX)

        outstanding = Signal(_OUTSTANDING_BITS)
        current = Signal(_Target)
        may_go = Signal()
        m.d.comb += may_go.eq((outstanding == 0) | ((current == target) & ~outstanding.all()))

        accepted = Signal()
        answered = Signal()
        targets = {
            _Target.MEMORY: self.memory, _Target.DEVICE: self.device, _Target.MAILBOX: self.mailbox, _Target.LAUNCH: self.launch,
        }  # fmt: skip
        for name, port in targets.items():
            m.d.comb += port.req.eq(request)
            with m.If((target == name) & may_go):
                m.d.comb += [port.req_valid.eq(cpu.req_valid), cpu.req_ready.eq(port.req_ready)]
            with m.If(port.rsp_valid):
                m.d.comb += [cpu.rsp_valid.eq(1), cpu.rsp.eq(port.rsp)]
        m.d.comb += [
            accepted.eq(cpu.req_valid & cpu.req_ready),
            answered.eq(cpu.rsp_valid & cpu.rsp.last),
            self.unlock.eq(accepted & ~request.lock & (target != _Target.MEMORY)),
        ]
        with m.If(accepted):
            m.d.sync += current.eq(target)
        counts = accepted & (~request.write | request.last)
        m.d.sync += outstanding.eq(outstanding + counts - answered)
        return m
