"""The guard between AXI4 masters and a memory.

A burst is judged once, when it goes on to memory: it lies within one page, or is not legal AXI4 and is refused whole. It has left its
master then, so nothing that the master does changes what has been judged. One burst is judged a cycle; its beats then flow one a cycle.

A commit (a write of the guard's registers) lets no burst go on, and waits until memory has answered all that have. It ends even if a
master takes no answer or sends no data: such bursts are cut (``ReadPort``, ``WriteChannel``).
"""

from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.checker import Checker
from chipset.dma_policy.registers import GuardRegisters
from chipset.export.axi_burst import PAGE_LSB, is_legal
from chipset.export.axi_bus import AxiLiteSignature, AxiSignature, Burst, BurstRequest, Response, read_beat_layout
from chipset.export.axi_read_port import ReadPort
from chipset.export.axi_registers import REGISTER_SPACE_WIDTH, AxiRegisters
from chipset.export.axi_turns import Turns
from chipset.export.axi_write_channel import WriteChannel
from chipset.export.axi_write_port import WritePort
from chipset.export.map_order import MapOrder
from chipset.export.relay import Relay
from chipset.export.settings import GuardSettings, OnRefusal
from contracts.requesters import DMA_FIRST

__all__ = ["AxiGuard", "memory_id_width"]

_WORD_SIZE = 2  # AxSIZE of the walker's reads


def memory_id_width(requesters: int) -> int:
    """Width of the IDs that memory sees: the guarded ports' numbers, then the trusted port's, then that of reads of the map."""
    return (requesters + 1).bit_length()


class AxiGuard(wiring.Component):
    """Guarded ports, a trusted port, registers, and a port to memory.

    Members
    -------
    ports : In(AxiSignature) each; the trusted port, which is not checked, comes last
    memory : Out(AxiSignature); the ID is the port's number, so memory keeps the order of each port's bursts
    registers : In(AxiLiteSignature)
    irq, enabled, memory_clean : Out(1), device_reset : Out(requesters), device_idle : In(requesters): as of ``GuardRegisters``
    """

    def __init__(self, settings: GuardSettings) -> None:
        self._settings = settings
        count = settings.requesters
        super().__init__({
            "ports": In(AxiSignature(settings.id_width)).array(count + 1), "memory": Out(AxiSignature(memory_id_width(count))),
            "registers": In(AxiLiteSignature(REGISTER_SPACE_WIDTH)),
            "irq": Out(1), "enabled": Out(1), "memory_clean": Out(1), "device_reset": Out(count), "device_idle": In(count),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        settings = self._settings
        guarded = settings.requesters
        refusal = Response.SLVERR if settings.on_refusal is OnRefusal.ERROR else Response.OKAY
        common: dict[str, Any] = {"id_width": settings.id_width, "depth": settings.depth, "refusal": refusal}
        self._reads: list[ReadPort] = []
        self._writes: list[WritePort] = []
        for n in range(guarded + 1):
            limit = settings.stall_limit if n < guarded else 0
            m.submodules[f"read{n}"] = read = ReadPort(**common, stall_limit=limit)
            m.submodules[f"write{n}"] = write = WritePort(**common)
            self._reads.append(read)
            self._writes.append(write)
            port = wiring.flipped(self.ports[n])
            for outer, inner in ((port.ar, read.ar), (port.r, read.r), (port.aw, write.aw), (port.w, write.w), (port.b, write.b)):
                wiring.connect(m, outer, inner)
        m.submodules.channel = self._channel = WriteChannel(ports=guarded + 1, stall_limit=settings.stall_limit)
        m.submodules.checker = self._checker = Checker(requesters=guarded, cached_words=settings.cached_words, formats=settings.formats)
        m.submodules.registers = self._registers = GuardRegisters(
            requesters=guarded, formats=settings.formats, closed_at_reset=settings.closed_at_reset
        )
        m.submodules.order = self._order = MapOrder()
        m.submodules.turns = self._turns = Turns(guarded)
        self._wire_registers(m)
        self._wire_requests(m)
        self._wire_data(m)
        return m

    def _wire_registers(self, m: Module) -> None:
        """Policy, commits, log."""
        checker, registers = self._checker, self._registers
        m.submodules.bus = bus = AxiRegisters()
        wiring.connect(m, wiring.flipped(self.registers), bus.bus)
        wiring.connect(m, bus.block, registers.block)
        ports: list[ReadPort | WritePort] = [*self._reads[:-1], *self._writes[:-1]]
        in_flight = Cat(port.in_memory for port in ports)
        m.d.comb += [
            checker.policy.eq(registers.policy), checker.hold.eq(registers.hold),
            checker.flush.eq(registers.flush | self._order.forget),
            registers.drained.eq(checker.quiet & ~in_flight.any()), registers.map_error.eq(checker.map_error),
            self.irq.eq(registers.irq), self.enabled.eq(registers.enabled), self.memory_clean.eq(registers.memory_clean),
            self.device_reset.eq(registers.device_reset), registers.device_idle.eq(self.device_idle),
        ]  # fmt: skip
        for read in self._reads[:-1]:
            m.d.comb += read.hold.eq(registers.hold)

    def _wire_requests(self, m: Module) -> None:
        """Who goes on in this cycle: at most one guarded burst, which is judged; trusted ones and a read of the map where there is room.

        Of AR and AW each, guarded bursts and the trusted port's take turns.
        """
        checker, order, turns, channel, memory = self._checker, self._order, self._turns, self._channel, self.memory
        trusted_read, trusted_write = self._reads[-1], self._writes[-1]
        ar_free, aw_free = Signal(), Signal()
        trusted_reads_next, trusted_writes_next = Signal(), Signal()
        chosen = Signal(BurstRequest)
        leaves, admitted = Signal(), Signal()
        passes_read = Signal()
        passes_write = Signal()
        legal = is_legal(m, chosen, "guarded")
        cut = Array(read.cut for read in self._reads)[turns.number] & ~turns.write
        read_legal = is_legal(m, trusted_read.request, "trusted_read")
        write_legal = is_legal(m, trusted_write.request, "trusted_write")
        m.d.comb += [
            ar_free.eq(~memory.ar.valid | memory.ar.ready), aw_free.eq((~memory.aw.valid | memory.aw.ready) & channel.free),
            order.walk_wants.eq(checker.walk.valid), checker.walk.ready.eq(order.walk_may & ar_free),
            order.walk_goes.eq(checker.walk.valid & checker.walk.ready),
            # Guarded bursts.
            turns.reads.eq(
                Cat(port.wants for port in self._reads[:-1])
                & (ar_free & ~order.walk_goes & ~(trusted_read.wants & trusted_reads_next)).replicate(len(turns.reads))
            ),
            turns.writes.eq(
                Cat(port.wants for port in self._writes[:-1])
                & (aw_free & ~(trusted_write.wants & order.write_may & trusted_writes_next)).replicate(len(turns.writes))
            ),
            turns.stalled.eq(checker.stalled), turns.hold.eq(self._registers.hold),
            chosen.eq(Mux(
                turns.write,
                Array(port.request for port in self._writes)[turns.number], Array(port.request for port in self._reads)[turns.number],
            )),
            checker.asks.eq(turns.any & legal),
            checker.access.requester.eq(turns.number), checker.access.page.eq(chosen.addr[PAGE_LSB:]),
            checker.access.write.eq(turns.write),
            leaves.eq(turns.any & (~legal | checker.known)), turns.leaves.eq(leaves), checker.leaves.eq(leaves & legal),
            admitted.eq(legal & checker.admitted),
            passes_read.eq(leaves & admitted & ~turns.write & ~cut), passes_write.eq(leaves & admitted & turns.write),
            order.looks_up.eq(checker.asks & ~checker.known),
            self._registers.denial.valid.eq(leaves & ~admitted), self._registers.denial.address.eq(chosen.addr),
            self._registers.denial.requester.eq(DMA_FIRST + turns.number), self._registers.denial.write.eq(turns.write),
            # Trusted ones.
            trusted_read.goes.eq(trusted_read.wants & ar_free & ~order.walk_goes & ~passes_read), trusted_read.refused.eq(~read_legal),
            order.write_wants.eq(trusted_write.wants),
            trusted_write.goes.eq(trusted_write.wants & order.write_may & aw_free & ~passes_write), trusted_write.refused.eq(~write_legal),
            order.write_goes.eq(trusted_write.goes), order.writes_under_way.eq(trusted_write.in_memory),
        ]  # fmt: skip
        for n, (read, write) in enumerate(zip(self._reads[:-1], self._writes[:-1], strict=True)):
            mine = leaves & (turns.number == n)
            m.d.comb += [
                read.goes.eq(mine & ~turns.write), read.refused.eq(~passes_read),
                write.goes.eq(mine & turns.write), write.refused.eq(~passes_write),
            ]  # fmt: skip
        with m.If(passes_read | trusted_read.goes):
            m.d.sync += trusted_reads_next.eq(passes_read)
        with m.If(passes_write | trusted_write.goes):
            m.d.sync += trusted_writes_next.eq(passes_write)

        # Where they go on.
        trusted = len(self._reads) - 1
        walk = Signal(BurstRequest)
        writer = Signal(range(trusted + 1))
        m.d.comb += [
            walk.addr.eq(checker.walk.payload.request.address), walk.size.eq(_WORD_SIZE), walk.burst.eq(Burst.INCR),
            writer.eq(Mux(passes_write, turns.number, trusted)),
            channel.take.eq(passes_write | (trusted_write.goes & write_legal)), channel.taker.eq(writer),
            channel.request.eq(Array(port.request for port in self._writes)[writer]),
        ]  # fmt: skip
        with m.If(ar_free):
            m.d.sync += memory.ar.valid.eq(order.walk_goes | passes_read | (trusted_read.goes & read_legal))
            with m.If(order.walk_goes):
                m.d.sync += [memory.ar.payload.id.eq(trusted + 1), memory.ar.payload.request.eq(walk)]
            with m.Else():
                reader = Mux(passes_read, turns.number, trusted)
                m.d.sync += [
                    memory.ar.payload.id.eq(reader), memory.ar.payload.request.eq(Array(port.request for port in self._reads)[reader]),
                ]  # fmt: skip
        with m.If(~memory.aw.valid | memory.aw.ready):
            m.d.sync += [memory.aw.valid.eq(channel.take), memory.aw.payload.id.eq(writer), memory.aw.payload.request.eq(channel.request)]

    def _wire_data(self, m: Module) -> None:
        """Data and answers."""
        checker, order, channel, memory = self._checker, self._order, self._channel, self.memory
        trusted = len(self._reads) - 1
        m.submodules.answers = answers = Relay(read_beat_layout(len(memory.r.payload.id)))
        wiring.connect(m, wiring.flipped(memory).r, answers.items)
        wiring.connect(m, channel.w, wiring.flipped(memory).w)
        beat = answers.out.payload
        taken = []
        for n, (read, write) in enumerate(zip(self._reads, self._writes, strict=True)):
            wiring.connect(m, write.beats, channel.ports[n])
            m.d.comb += [
                read.beat_valid.eq(answers.out.valid & (beat.id == n)), read.beat.eq(beat.beat),
                write.owns.eq(channel.owns[n]), write.done.eq(channel.done[n]), write.cut.eq(channel.cut[n]), write.left.eq(channel.left),
                write.answer_valid.eq(memory.b.valid & (memory.b.payload.id == n)), write.answer.eq(memory.b.payload.resp),
            ]  # fmt: skip
            taken.append(read.beat_taken)
        error = Response.SLVERR.value.bit_length() - 1  # the bit that SLVERR and DECERR have
        m.d.comb += [
            memory.b.ready.eq(1),  # each port has room for all that can come
            answers.out.ready.eq(Cat(*taken, beat.id > trusted).any()),
            checker.walk_answer_valid.eq(answers.out.valid & (beat.id > trusted)), order.walk_answered.eq(checker.walk_answer_valid),
            checker.walk_answer.data.eq(beat.beat.data), checker.walk_answer.last.eq(1),
            checker.walk_answer.error.eq(beat.beat.resp.as_value()[error] | order.spoilt),
            checker.written.eq(channel.written),
            order.write_fails.eq(self._writes[-1].answer_valid & self._writes[-1].answer.as_value()[error]),
        ]  # fmt: skip
