"""Platform reset (design decision 10): everything is reset together, and RAM is scrubbed first if it may hold secrets."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RESET_CYCLES", "ResetController"]

RESET_CYCLES = 16


class ResetController(wiring.Component):
    """Holds ``reset`` for ``RESET_CYCLES`` at power on and from every request, and for as long as the scrub takes. Never reset itself.

    Members
    -------
    request : In(1); any device asks for platform reset
    protected, memory_clean : In(1); the guard's bits, read at the instant of the request
    no_scrub : In(1); strap of control runs
    reset : Out(1)
    scrub_start : Out(1), scrub_done : In(1)
    """

    def __init__(self) -> None:
        super().__init__({
            "request": In(1), "protected": In(1), "memory_clean": In(1), "no_scrub": In(1),
            "reset": Out(1, init=1), "scrub_start": Out(1), "scrub_done": In(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = Signal(range(RESET_CYCLES), init=RESET_CYCLES - 1)
        dirty = Signal()
        with m.FSM():
            with m.State("HOLD"):
                m.d.sync += count.eq(count - 1)
                with m.If(count == 0):
                    with m.If(dirty):
                        m.d.comb += self.scrub_start.eq(1)
                        m.next = "SCRUB"
                    with m.Else():
                        m.d.sync += self.reset.eq(0)
                        m.next = "RUN"
            with m.State("SCRUB"):
                with m.If(self.scrub_done):
                    m.d.sync += [dirty.eq(0), self.reset.eq(0)]
                    m.next = "RUN"
            with m.State("RUN"):
                with m.If(self.request):
                    m.d.sync += [
                        self.reset.eq(1), count.eq(RESET_CYCLES - 1), dirty.eq(self.protected & ~self.memory_clean & ~self.no_scrub),
                    ]  # fmt: skip
                    m.next = "HOLD"
        return m
