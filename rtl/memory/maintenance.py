"""Turns a write of one of the special registers 58h–5Ah into an order to TLBs and caches. Combinational."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.special import Special
from rtl.memory.port import MaintenanceSignature

__all__ = ["Maintenance"]


class Maintenance(wiring.Component):
    """``wanted`` holds, with ``number`` and ``operand``, until ``done``."""

    port: Out(MaintenanceSignature())
    wanted: In(1)
    number: In(8)
    operand: In(32)
    done: Out(1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.port.valid.eq(self.wanted), self.port.operand.eq(self.operand), self.done.eq(self.port.done),
            self.port.invalidate_page.eq(self.wanted & (self.number == Special.INVALIDATE_PAGE)),
            self.port.flush_tlb.eq(self.wanted & (self.number == Special.FLUSH_TLB)),
            self.port.flush_caches.eq(self.wanted & (self.number == Special.FLUSH_CACHES)),
        ]  # fmt: skip
        return m
