"""The benches see a slot of the retire port that is skipped."""

from itertools import product
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from cocotb_tests.rtl.slots import gap
from rtl.retire.port import RETIRED_A_CYCLE, RetirePort

__all__: list[str] = []


def test_a_record_behind_an_empty_slot_is_a_gap() -> None:
    port, seen = Signal(RetirePort), Signal()
    m = Module()
    m.d.comb += seen.eq(gap(port))

    async def bench(ctx: Any) -> None:
        for valid in product((0, 1), repeat=RETIRED_A_CYCLE):
            ctx.set(port, [{"valid": v} for v in valid])
            assert ctx.get(seen) == (list(valid) != sorted(valid, reverse=True)), valid

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
