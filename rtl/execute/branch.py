"""Unit.BRANCH: the target of a jump and its check against the code segment's limit. Combinational."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.microcode.uop import Branch

__all__ = ["BranchUnit"]

IP_MASK = 0xFFFF
FUNCTION_WIDTH = 5


class BranchUnit(wiring.Component):
    """``outside``: the target is beyond the limit, and no jump may be made. ``jumps``: NEXT_EIP := target."""

    fn: In(FUNCTION_WIDTH)
    a: In(32)
    b: In(32)
    operand32: In(1)
    limit: In(32)  # of CS
    scratch_limit: In(32)
    target: Out(32)
    jumps: Out(1)
    outside: Out(1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        check_only = self.fn == Branch.CHECK_TARGET
        whole = Signal(32)
        m.d.comb += [
            whole.eq(Mux(self.fn == Branch.JUMP, self.a + self.b, self.b)),
            self.target.eq(Mux(self.operand32 | check_only, whole, whole & IP_MASK)),
            self.outside.eq(self.target > Mux(check_only, self.scratch_limit, self.limit)),
            self.jumps.eq(~check_only),
        ]
        return m
