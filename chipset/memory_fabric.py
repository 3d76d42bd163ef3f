"""All masters' way to memory: merge, guard, arbiter, controller; and the answers' way back."""

from collections.abc import Collection
from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS
from chipset.dma_policy.guard import Guard
from chipset.dma_policy.policy import Denial
from chipset.dma_policy.registers import GuardRegisters
from chipset.interconnect.arbiter import MemoryArbiter
from chipset.interconnect.dma_merge import DmaMerge
from chipset.interconnect.ports import RegisterSignature
from chipset.late_launch.port import ProtectSignature
from chipset.memory_controller.controller import MemoryController
from chipset.memory_controller.ram import WORD_BYTES, RamSignature
from chipset.memory_controller.rom import ROM_BYTES
from contracts.bus import Authority, BusSignature, SnoopSignature
from contracts.policy_map import Format
from contracts.requesters import DMA_FIRST, Requester

__all__ = ["MemoryFabric"]

_CPU, _HOST, _DMA, _WALK = range(4)  # the arbiter's ports


class MemoryFabric(wiring.Component):
    """Memory as its masters see it.

    Parameters
    ----------
    memory_bytes, latency : as of ``MemoryController``
    dma_masters : how many
    cached_map_words : words of its map that the guard keeps for each DMA master; 0 leaves the guard out (to measure what it costs):
        all is admitted
    formats : of the map, that are built

    Members
    -------
    cpu, host : In(BusSignature); dma : In(BusSignature) each
    unlock : In(1), the processor has been served elsewhere without ``lock``
    snoop : Out(SnoopSignature)
    guard : In(RegisterSignature), its registers; memory_clean, guard_irq : Out(1)
    launch : In(ProtectSignature), a late launch begins
    guarded : Out(1), the guard is on, or closes the block of a late launch
    guard_off : In(1), a strap of control runs: refusals are logged but not carried out
    denial : Out(Denial)
    device_reset : Out(dma_masters), device_idle : In(dma_masters): as of ``GuardRegisters``
    ram, rom_* : the memories
    """

    def __init__(self, *, memory_bytes: int, latency: int, dma_masters: int, cached_map_words: int,
                 formats: Collection[Format] = ALL_FORMATS) -> None:  # fmt: skip
        self._controller = MemoryController(memory_bytes=memory_bytes, latency=latency)
        self._dma_masters = dma_masters
        self._cached_map_words = cached_map_words
        self._formats = formats
        super().__init__({
            "cpu": In(BusSignature()), "host": In(BusSignature()), "dma": In(BusSignature()).array(dma_masters),
            "unlock": In(1), "snoop": Out(SnoopSignature()),
            "guard": In(RegisterSignature()), "launch": In(ProtectSignature()),
            "guarded": Out(1), "memory_clean": Out(1), "guard_irq": Out(1), "guard_off": In(1),
            "denial": Out(Denial), "device_reset": Out(dma_masters), "device_idle": In(dma_masters),
            "ram": Out(RamSignature(memory_bytes // WORD_BYTES)),
            "rom_enable": Out(1), "rom_address": Out(range(ROM_BYTES // WORD_BYTES)), "rom_data": In(32),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller = controller = self._controller
        m.submodules.arbiter = arbiter = MemoryArbiter(4)
        wiring.connect(m, arbiter.out, controller.request)
        wiring.connect(m, wiring.flipped(self.ram), controller.ram)
        wiring.connect(m, wiring.flipped(self.snoop), controller.snoop)
        m.d.comb += [
            self.rom_enable.eq(controller.rom_enable), self.rom_address.eq(controller.rom_address),
            controller.rom_data.eq(self.rom_data), arbiter.unlock[_CPU].eq(self.unlock),
        ]  # fmt: skip

        for n, master in ((_CPU, self.cpu), (_HOST, self.host)):
            port = arbiter.ports[n]
            m.d.comb += [
                port.valid.eq(master.req_valid), master.req_ready.eq(port.ready),
                port.payload.request.eq(master.req), port.payload.admitted.eq(1),
            ]  # fmt: skip
        stamp = arbiter.ports[_HOST].payload.request
        m.d.comb += [stamp.requester.eq(Requester.HOST_LINK), stamp.authority.eq(Authority.RING_MINUS_1), stamp.lock.eq(0)]

        m.submodules.merge = merge = DmaMerge(self._dma_masters)
        for n in range(self._dma_masters):
            wiring.connect(m, wiring.flipped(self.dma[n]), merge.masters[n])
        if self._cached_map_words:
            self._wire_guard(m, merge, arbiter, controller)
        else:
            port = arbiter.ports[_DMA]
            m.d.comb += [
                port.valid.eq(merge.out.valid), merge.out.ready.eq(port.ready),
                port.payload.request.eq(merge.out.payload), port.payload.admitted.eq(1),
                self.guard.ready.eq(1), self.guard.read_data.eq(-1), self.launch.ready.eq(1),
            ]  # fmt: skip

        answer = controller.response
        masters: list[tuple[int, Any]] = [(Requester.CPU, self.cpu), (Requester.HOST_LINK, self.host)]
        masters += [(DMA_FIRST + n, self.dma[n]) for n in range(self._dma_masters)]
        for number, master in masters:
            m.d.comb += [
                master.rsp_valid.eq(answer.valid & ~answer.walker & (answer.requester == number)),
                master.rsp.eq(answer.response),
            ]
        return m

    def _wire_guard(self, m: Module, merge: DmaMerge, arbiter: MemoryArbiter, controller: MemoryController) -> None:
        """The guard stands between the DMA masters and the arbiter, and reads its map through a port of its own."""
        m.submodules.guard = guard = Guard(requesters=self._dma_masters, cached_words=self._cached_map_words, formats=self._formats)
        m.submodules.guard_registers = registers = GuardRegisters(requesters=self._dma_masters, formats=self._formats)
        wiring.connect(m, merge.out, guard.requests)
        wiring.connect(m, guard.walk, arbiter.ports[_WALK])
        wiring.connect(m, wiring.flipped(self.guard), registers.block)
        wiring.connect(m, wiring.flipped(self.launch), registers.launch)
        port = arbiter.ports[_DMA]
        answer = controller.response
        m.d.comb += [
            merge.stalled.eq(guard.stalled),
            port.valid.eq(guard.out.valid), guard.out.ready.eq(port.ready), port.payload.eq(guard.out.payload),
            port.payload.admitted.eq(guard.out.payload.admitted | self.guard_off),
            guard.walk_answer_valid.eq(answer.valid & answer.walker), guard.walk_answer.eq(answer.response),
            guard.written.eq(controller.written),
            guard.answered.eq(answer.valid & ~answer.walker & answer.response.last & (answer.requester >= DMA_FIRST)),
            guard.policy.eq(registers.policy), guard.hold.eq(registers.hold), guard.flush.eq(registers.flush),
            registers.drained.eq(guard.drained),
            registers.denial.eq(guard.denial), registers.map_error.eq(guard.map_error), self.denial.eq(guard.denial),
            self.device_reset.eq(registers.device_reset), registers.device_idle.eq(self.device_idle),
            self.guarded.eq(registers.enabled | registers.policy.launch.protect),
            self.memory_clean.eq(registers.memory_clean), self.guard_irq.eq(registers.irq),
        ]  # fmt: skip
