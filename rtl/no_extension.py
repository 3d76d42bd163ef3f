"""What answers on the seam when nothing is plugged into it: no to everything; the core's own choice of events stands."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from rtl.seam import SeamSignature

__all__ = ["NoExtension"]


class NoExtension(wiring.Component):
    """The seam without an extension. The processor then runs in no guest mode, hence with ring −1's authority, in ASID 0."""

    seam: Out(SeamSignature())

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.seam.event_take.eq(self.seam.default_take), self.seam.event_target.eq(self.seam.default_target),
            self.seam.wake.eq(0), self.seam.ring_minus_1.eq(1),
        ]  # fmt: skip
        return m
