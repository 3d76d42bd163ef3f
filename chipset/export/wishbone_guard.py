"""The guard between Wishbone masters and a memory.

The bus to memory carries one access at a time, so memory sees all of them in the order in which they were judged. The next one may be
judged in the cycle in which memory answers.
"""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.checker import Checker
from chipset.dma_policy.registers import GuardRegisters
from chipset.export.map_order import MapOrder
from chipset.export.settings import GuardSettings, OnRefusal
from chipset.export.wishbone_bus import WishboneRequest, WishboneSignature
from chipset.export.wishbone_port import WishbonePort
from chipset.export.wishbone_registers import WishboneRegisters
from chipset.interconnect.arbiter import encoded, round_robin
from contracts.requesters import DMA_FIRST

__all__ = ["WishboneGuard"]

_PAGE_LSB = 12
_WORD_LSB = 2


class WishboneGuard(wiring.Component):
    """Guarded ports, a trusted port, registers, and a port to memory.

    Members
    -------
    ports : In(WishboneSignature) each; the trusted port, which is not checked, comes last
    memory : Out(WishboneSignature)
    registers : In(WishboneSignature)
    irq, enabled, memory_clean : Out(1), device_reset : Out(requesters), device_idle : In(requesters): as of ``GuardRegisters``
    """

    def __init__(self, settings: GuardSettings) -> None:
        self._settings = settings
        count = settings.requesters
        super().__init__({
            "ports": In(WishboneSignature()).array(count + 1), "memory": Out(WishboneSignature()), "registers": In(WishboneSignature()),
            "irq": Out(1), "enabled": Out(1), "memory_clean": Out(1), "device_reset": Out(count), "device_idle": In(count),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        settings = self._settings
        self._ports = [WishbonePort() for _ in range(settings.requesters + 1)]
        for n, port in enumerate(self._ports):
            m.submodules[f"port{n}"] = port
            wiring.connect(m, wiring.flipped(self.ports[n]), port.bus)
        m.submodules.checker = self._checker = Checker(
            requesters=settings.requesters, cached_words=settings.cached_words, formats=settings.formats
        )
        m.submodules.registers = self._registers = GuardRegisters(
            requesters=settings.requesters, formats=settings.formats, closed_at_reset=settings.closed_at_reset
        )
        m.submodules.order = self._order = MapOrder()
        self._owner = Signal(range(settings.requesters + 2))  # of the access at memory: a port, the trusted port, the walker
        self._answered = Signal()
        m.d.comb += self._answered.eq(self.memory.stb & (self.memory.ack | self.memory.err))
        self._wire_registers(m)
        refused = self._wire_requests(m)
        self._wire_answers(m, refused)
        return m

    def _wire_registers(self, m: Module) -> None:
        """Policy, commits, log."""
        checker, registers = self._checker, self._registers
        m.submodules.bus = bus = WishboneRegisters()
        wiring.connect(m, wiring.flipped(self.registers), bus.bus)
        wiring.connect(m, bus.block, registers.block)
        m.d.comb += [
            checker.policy.eq(registers.policy), checker.hold.eq(registers.hold),
            checker.flush.eq(registers.flush | self._order.forget),
            registers.drained.eq(checker.quiet & ~(self.memory.stb & (self._owner < self._settings.requesters))),
            registers.map_error.eq(checker.map_error),
            self.irq.eq(registers.irq), self.enabled.eq(registers.enabled), self.memory_clean.eq(registers.memory_clean),
            self.device_reset.eq(registers.device_reset), registers.device_idle.eq(self.device_idle),
        ]  # fmt: skip

    def _wire_requests(self, m: Module) -> Signal:
        """Who goes on to memory in this cycle: a read of the map, or one port's access; whose access has been refused in the last cycle."""
        checker, order, registers, memory = self._checker, self._order, self._registers, self.memory
        guarded = self._settings.requesters
        refused = Signal(guarded)
        free, walk_goes, leaves, trusted, goes = Signal(), Signal(), Signal(), Signal(), Signal()
        at_memory, waits, may, valid = Signal(guarded + 1), Signal(guarded + 1), Signal(guarded + 1), Signal(guarded + 1)
        last = Signal(range(guarded + 1))
        m.d.comb += [
            free.eq(~memory.stb | self._answered),
            at_memory.eq(Cat(memory.stb & (self._owner == n) for n in range(guarded + 1))),
            waits.eq(Cat(port.wants for port in self._ports) & ~at_memory & Cat(~refused, Const(1, 1))),
            may.eq(Cat(~checker.stalled & (~registers.hold).replicate(guarded), ~self._ports[-1].request.we | order.write_may)),
            order.walk_wants.eq(checker.walk.valid), checker.walk.ready.eq(order.walk_may & free),
            walk_goes.eq(checker.walk.valid & checker.walk.ready), order.walk_goes.eq(walk_goes),
            valid.eq(waits & may & (free & ~walk_goes).replicate(guarded + 1)),
        ]  # fmt: skip
        grant = round_robin(m, valid, last)
        number = Signal.like(last)
        chosen = Signal(WishboneRequest)
        m.d.comb += [
            number.eq(encoded(grant)), trusted.eq(grant[-1]), chosen.eq(Array(port.request for port in self._ports)[number]),
            checker.asks.eq(grant[:-1].any()), checker.access.requester.eq(number), checker.access.page.eq(chosen.adr[_PAGE_LSB:]),
            checker.access.write.eq(chosen.we),
            leaves.eq(checker.asks & checker.known), checker.leaves.eq(leaves), goes.eq(trusted | (leaves & checker.admitted)),
            order.looks_up.eq(checker.asks & ~checker.known),
            order.write_wants.eq(waits[-1] & self._ports[-1].request.we), order.write_goes.eq(trusted & chosen.we),
            # A trusted write is reported before memory sees it, in a cycle in which no access is judged.
            checker.written.valid.eq(trusted & chosen.we), checker.written.word.eq(chosen.adr[_WORD_LSB:]),
            checker.written.mask.eq(chosen.sel), checker.written.data.eq(chosen.dat),
            registers.denial.valid.eq(leaves & ~checker.admitted), registers.denial.address.eq(chosen.adr),
            registers.denial.requester.eq(DMA_FIRST + number), registers.denial.write.eq(chosen.we),
        ]  # fmt: skip
        m.d.sync += refused.eq(grant[:-1] & (leaves & ~checker.admitted).replicate(guarded))
        with m.If(trusted | leaves):
            m.d.sync += last.eq(number)
        with m.If(free):
            m.d.sync += [memory.stb.eq(goes | walk_goes), self._owner.eq(Mux(walk_goes, guarded + 1, number))]
        # The ports hold what is at memory; the walker holds its address.
        walk = Signal(WishboneRequest)
        m.d.comb += [
            walk.adr.eq(checker.walk.payload.request.address), walk.sel.eq(-1), memory.cyc.eq(memory.stb),
            memory.request.eq(Array([*(port.request for port in self._ports), walk])[self._owner]),
        ]  # fmt: skip
        return refused

    def _wire_answers(self, m: Module, refused: Signal) -> None:
        """To the port whose access is at memory, or the walker, or the port that has been refused."""
        checker, order, memory = self._checker, self._order, self.memory
        guarded = self._settings.requesters
        as_error = self._settings.on_refusal is OnRefusal.ERROR
        for n, port in enumerate(self._ports):
            served = self._answered & (self._owner == n)
            denied = refused[n] if n < guarded else 0
            m.d.comb += [
                port.ends.eq(served | denied), port.error.eq(Mux(served, ~memory.ack, as_error)),
                port.data.eq(Mux(served & memory.ack & ~port.request.we, memory.dat, -1)),
            ]  # fmt: skip
        trusted_write = (self._owner == guarded) & memory.request.we
        m.d.comb += [
            checker.walk_answer_valid.eq(self._answered & (self._owner > guarded)), checker.walk_answer.data.eq(memory.dat),
            checker.walk_answer.error.eq(~memory.ack | order.spoilt), checker.walk_answer.last.eq(1),
            order.walk_answered.eq(checker.walk_answer_valid),
            order.writes_under_way.eq(memory.stb & trusted_write & ~self._answered),
            order.write_fails.eq(self._answered & trusted_write & ~memory.ack),
        ]  # fmt: skip
