"""What waits between two instructions, and the core's own choice among it (Intel SDM vol. 3, table 6-2).

A single-step trap comes first, then INIT, NMI and the maskable interrupt. NMI and INIT are remembered from their rising edge until a
micro-op acknowledges them (Trap.NMI, Trap.INIT) or, for INIT, its program is entered.
"""

from collections.abc import Mapping

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.microcode.uop import LABEL_WIDTH
from rtl.seam import PendingEvents

__all__ = ["Events"]


class Events(wiring.Component):
    """``labels`` must hold the entries of the four programs."""

    intr: In(1)
    nmi: In(1)
    init: In(1)
    interrupt_flag: In(1)
    shadow: In(1)
    nmi_masked: In(1)
    debug_trap: In(1)
    nmi_taken: In(1)
    init_taken: In(1)
    entered: In(1)  # the sequencer takes an event ...
    target: In(LABEL_WIDTH)  # ... with this program
    pending: Out(PendingEvents)
    take: Out(1)
    default_target: Out(LABEL_WIDTH)
    debug_taken: Out(1)

    def __init__(self, labels: Mapping[str, int]) -> None:
        self._labels = labels
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        p = self.pending
        latched = {}
        init_entry = self._labels["init_entry"]
        for name, pin, clear in (
            ("nmi", self.nmi, self.nmi_taken),
            ("init", self.init, self.init_taken | (self.entered & (self.target == init_entry))),
        ):
            before, waiting = Signal(name=f"{name}_before"), Signal(name=f"{name}_waiting")
            m.d.sync += before.eq(pin)
            with m.If(clear):
                m.d.sync += waiting.eq(0)
            with m.If(pin & ~before):
                m.d.sync += waiting.eq(1)
            latched[name] = waiting
        m.d.comb += [
            p.intr.eq(self.intr), p.nmi.eq(latched["nmi"]), p.init.eq(latched["init"]), p.interrupt_flag.eq(self.interrupt_flag),
            p.shadow.eq(self.shadow), p.nmi_masked.eq(self.nmi_masked), p.debug_trap.eq(self.debug_trap),
        ]  # fmt: skip
        m.d.comb += self.debug_taken.eq(self.entered & (self.target == self._labels["debug_trap_entry"]))
        choice = (
            (p.debug_trap, "debug_trap_entry"),
            (p.init, "init_entry"),
            (p.nmi & ~p.nmi_masked, "nmi_entry"),
            (p.intr & p.interrupt_flag & ~p.shadow, "interrupt_entry"),
        )
        for wanted, label in reversed(choice):
            with m.If(wanted):
                m.d.comb += [self.take.eq(1), self.default_target.eq(self._labels[label])]
        return m
