"""Which event is taken at an instruction boundary: GIF, V_INTR_MASKING, virtual interrupts (AMD64 APM vol. 2, 15.17 and 15.21)."""

from collections.abc import Mapping

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from contracts.vmcb import General1
from rtl.microcode.uop import LABEL_WIDTH
from rtl.seam import PendingEvents

__all__ = ["Events"]

_V_IRQ, _V_IGN_TPR, _V_INTR_MASKING = 8, 20, 24


class Events(wiring.Component):
    """A priority choice: injection, debug trap, INIT, NMI, physical interrupt, virtual interrupt.

    ``redirect_init`` is VM_CR.R_INIT: INIT becomes #SX.
    """

    def __init__(self, labels: Mapping[str, int]) -> None:
        self._labels = labels
        super().__init__({
            "pending": In(PendingEvents), "guest": In(1), "gif": In(1), "host_if": In(1), "inject": In(1), "int_control": In(32),
            "general1": In(32), "redirect_init": In(1), "take": Out(1), "target": Out(LABEL_WIDTH),
        })  # fmt: skip

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        p = self.pending
        masking = Signal()
        physical, virtual, priority = Signal(), Signal(), Signal()
        m.d.comb += [
            masking.eq(self.guest & self.int_control[_V_INTR_MASKING]),
            physical.eq(p.intr & ~p.shadow & Mux(masking, self.host_if, p.interrupt_flag)),
            priority.eq(self.int_control[_V_IGN_TPR] | (self.int_control[16:20] > self.int_control[0:4])),
            virtual.eq(self.guest & self.int_control[_V_IRQ] & priority & p.interrupt_flag & ~p.shadow),
        ]

        def choose(label: str) -> list[object]:
            return [self.take.eq(1), self.target.eq(self._labels[label])]

        with m.If(self.inject & self.guest):
            m.d.comb += choose("inject_entry")
        with m.Elif(p.debug_trap):
            m.d.comb += choose("debug_trap_entry")
        with m.Elif(self.gif & p.init):
            with m.If(self.guest & self.general1[General1.INIT]):
                m.d.comb += choose("init_exit")
            with m.Elif(self.redirect_init):
                m.d.comb += choose("init_security")
            with m.Else():
                m.d.comb += choose("init_entry")
        with m.Elif(self.gif & p.nmi & ~p.nmi_masked & ~p.shadow):
            m.d.comb += choose("nmi_entry")
        with m.Elif(self.gif & physical):
            m.d.comb += choose("interrupt_entry")
        with m.Elif(self.gif & virtual):
            m.d.comb += choose("vintr_entry")
        return m
