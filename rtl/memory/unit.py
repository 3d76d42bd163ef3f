"""Everything between the pipeline and the bus: both caches, both TLBs, the walker, stores on their way, maintenance."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from contracts.bus import BusSignature, SnoopSignature
from rtl.arch.registers import Mode
from rtl.fetch.icache import InstructionCache
from rtl.fetch.port import FetchContext, LineSignature, StoreLineSignature
from rtl.memory.access import AccessUnit
from rtl.memory.bus_unit import BusUnit
from rtl.memory.dcache import DataCache
from rtl.memory.port import AccessSignature, MaintenanceSignature
from rtl.memory.single import SingleAccess
from rtl.memory.state import MemoryState
from rtl.memory.store_buffer import StoreBuffer
from rtl.memory.upkeep import Upkeep
from rtl.mmu.tlb import ASID_WIDTH, Tlb
from rtl.mmu.walker import Walker
from rtl.params import CoreParams

__all__ = ["MemoryUnit"]


class MemoryUnit(wiring.Component):
    """Wires the memory side together.

    Members
    -------
    access : In(AccessSignature), maintenance : In(MaintenanceSignature): the pipeline's
    lines : In(LineSignature), store_line : Out(StoreLineSignature): the prefetch queue's
    bus : Out(BusSignature), snoop : In(SnoopSignature)
    mode, cr3, cache_disable (CR0.CD), asid, ring_minus_1 : In, the processor's present state, constant while an access is open
    a20m : In(1), mask address bit 20: takes effect with the next access, and with the next line fetched
    fetch : In(FetchContext): as latched at the last redirect; ``redirect`` In(1): the redirect itself
    """

    def __init__(self, params: CoreParams) -> None:
        self._params = params
        super().__init__({
            "access": In(AccessSignature()), "maintenance": In(MaintenanceSignature()),
            "lines": In(LineSignature()), "store_line": Out(StoreLineSignature()),
            "bus": Out(BusSignature()), "snoop": In(SnoopSignature()),
            "mode": In(Mode), "cr3": In(32), "cache_disable": In(1), "asid": In(ASID_WIDTH), "ring_minus_1": In(1), "a20m": In(1),
            "fetch": In(FetchContext), "redirect": In(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        params = self._params
        m.submodules.access = access = AccessUnit(dcache_lines=params.dcache_lines)
        m.submodules.dcache = dcache = DataCache(lines=params.dcache_lines)
        m.submodules.dtlb = dtlb = Tlb(entries=params.dtlb_entries, asid_width=params.asid_width)
        m.submodules.store_buffer = store_buffer = StoreBuffer(depth=params.store_buffer)
        m.submodules.single = single = SingleAccess()
        m.submodules.icache = icache = InstructionCache(lines=params.icache_lines)
        m.submodules.itlb = itlb = Tlb(entries=params.itlb_entries, asid_width=params.asid_width)
        m.submodules.walker = walker = Walker()
        m.submodules.bus_unit = bus_unit = BusUnit()
        m.submodules.maintenance = maintenance = Upkeep()

        connect(m, flipped(self.access), access.access)
        connect(m, flipped(self.maintenance), maintenance.asked)
        connect(m, flipped(self.lines), icache.lines)
        connect(m, access.cache, dcache.port)
        connect(m, access.tlb, dtlb.port)
        connect(m, access.walk, walker.data)
        connect(m, access.single, single.asked)
        connect(m, icache.tlb, itlb.port)
        connect(m, icache.walk, walker.fetch)
        connect(m, store_buffer.bus, bus_unit.store)
        connect(m, single.bus, bus_unit.single)
        connect(m, dcache.bus, bus_unit.fill)
        connect(m, walker.bus, bus_unit.walk)
        connect(m, icache.bus, bus_unit.line)
        connect(m, bus_unit.bus, flipped(self.bus))

        # State.
        present = Signal(MemoryState)
        fetching = Signal(MemoryState)
        m.d.comb += [
            present.mode.eq(self.mode),
            present.cr3.eq(self.cr3),
            present.cache_disable.eq(self.cache_disable),
            present.asid.eq(self.asid),
            present.ring_minus_1.eq(self.ring_minus_1),
            present.a20_masked.eq(self.a20m),
            fetching.mode.eq(self.fetch.mode),
            fetching.cr3.eq(self.fetch.cr3),
            fetching.asid.eq(self.fetch.asid),
            fetching.ring_minus_1.eq(self.fetch.ring_minus_1),
            access.state.eq(present),
            dcache.ring_minus_1.eq(self.ring_minus_1),
            icache.state.eq(fetching),
            icache.present.eq(present),
            icache.redirect.eq(self.redirect),
        ]

        # Stores.
        m.d.comb += [
            store_buffer.push.eq(access.push),
            store_buffer.store.eq(access.store),
            access.full.eq(store_buffer.full),
            access.drained.eq(store_buffer.empty & ~bus_unit.stores_pending),
            access.locked.eq(bus_unit.data_locked),
            walker.data_locked.eq(bus_unit.data_locked),
        ]

        # Lines being written: by other masters, by the walker, by stores. One a cycle; the first cannot wait, the last can.
        snooped = Signal()
        snooped_line = Signal.like(self.snoop.payload.line)
        m.d.sync += [snooped.eq(self.snoop.valid), snooped_line.eq(self.snoop.payload.line)]
        m.d.comb += [
            walker.announced.eq(~snooped),
            access.may_commit.eq(~snooped & ~walker.announce),
            access.heard.eq(access.may_commit),
        ]
        with m.If(snooped):
            m.d.comb += [self.store_line.valid.eq(1), self.store_line.line.eq(snooped_line)]
        with m.Elif(walker.announce):
            m.d.comb += [self.store_line.valid.eq(1), self.store_line.line.eq(walker.announce_line)]
        with m.Else():
            m.d.comb += [self.store_line.valid.eq(access.written), self.store_line.line.eq(access.written_line)]
        m.d.comb += [
            icache.invalidate.eq(self.store_line.valid),
            icache.invalidate_line.eq(self.store_line.line),
            dcache.invalidate.eq(snooped | walker.announce),
            dcache.invalidate_line.eq(self.store_line.line),
            icache.held.eq(access.held),
            icache.held_first.eq(access.held_first),
            icache.held_last.eq(access.held_last),
        ]

        # Maintenance.
        m.d.comb += [
            maintenance.asid.eq(self.asid),
            maintenance.quiet.eq(access.quiet & icache.paused),
            maintenance.busy.eq(dtlb.busy | itlb.busy | dcache.busy | icache.busy),
            access.pause.eq(maintenance.pause),
            icache.pause.eq(maintenance.pause),
            dcache.clear.eq(maintenance.clear_caches),
            icache.clear.eq(maintenance.clear_caches),
        ]
        for tlb in (dtlb, itlb):
            m.d.comb += [tlb.flush.eq(maintenance.flush), tlb.order.eq(maintenance.order)]
        return m
