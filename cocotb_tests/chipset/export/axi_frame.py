"""What the parts of the AXI4 wrapper's proof have in common: the ports, what is watched of them, and what is new at memory."""

from collections.abc import Callable

from amaranth.hdl import Assume, Const, Signal, Value
from amaranth.hdl._ast import AnyConst
from amaranth.lib.wiring import In, Out

from chipset.export.axi_bus import LENGTH_WIDTH, AxiSignature
from chipset.export.axi_guard import memory_id_width
from chipset.export.settings import GuardSettings
from cocotb_tests.chipset.export.axi_inside import Inside, Line, ReadView, WriteView, line_of
from cocotb_tests.chipset.export.wrapper_harness import WrapperHarness

__all__ = ["AxiFrame", "Bug"]

Bug = Callable[[Inside], None]  # adds an assignment to a part of the guard


class AxiFrame(WrapperHarness):
    """With a ``bug``, only what the group ``focus`` promises is looked at, not the invariants, and there is no reset."""

    _inside: Inside
    _unanswered: list[Signal]  # writes whose answer is to come, of the watched port and of the trusted one; ``AxiWrites`` counts them

    def __init__(self, settings: GuardSettings, *, bug: Bug | None = None, focus: str | None = None) -> None:
        self._settings, self._bug, self._focus = settings, bug, focus
        self._guarded, self._depth = settings.requesters, settings.depth
        super().__init__({
            "ports": In(AxiSignature(settings.id_width)).array(self._guarded + 1),
            "memory": Out(AxiSignature(memory_id_width(self._guarded))),
        })  # fmt: skip

    def _watch(self) -> None:
        """One guarded port, arbitrary but fixed, the trusted one, the relay of answers, and what is newly offered to memory."""
        m, inside, memory = self._m, self._inside, self.memory
        self._n = Signal(range(max(2, self._guarded)), name="watched_port")
        self._beat = Signal(LENGTH_WIDTH, name="watched_beat")
        m.d.comb += [self._n.eq(AnyConst(len(self._n))), Assume(self._n < self._guarded), self._beat.eq(AnyConst(LENGTH_WIDTH))]
        sizes = self._depth, self._settings.id_width
        self._read = ReadView(m, "read", inside.reads[:-1], self._n, *sizes)
        self._write = WriteView(m, "write", inside.writes[:-1], self._n, *sizes)
        self._trusted_read = ReadView(m, "trusted_read", inside.reads[-1:], Const(0), *sizes)
        self._trusted_write = WriteView(m, "trusted_write", inside.writes[-1:], Const(0), *sizes)
        self._answers = Line(m, "answers", line_of(inside.answers), inside.answers.component.out.payload.shape())
        self._ar_new = self._is_new(memory.ar.valid, memory.ar.ready, "ar")
        self._aw_new = self._is_new(memory.aw.valid, memory.aw.ready, "aw")
        self._w_new = self._is_new(memory.w.valid, memory.w.ready, "w")

    def _is_new(self, valid: Value, ready: Value, name: str) -> Signal:
        """An offer that was not there in the cycle before."""
        new = Signal(name=f"{name}_is_new")
        self._m.d.comb += new.eq(valid & self._past(~valid | ready, f"{name}_free", init=1))
        return new
