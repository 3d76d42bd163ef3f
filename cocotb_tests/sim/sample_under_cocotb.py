"""cocotb tests of the sample circuit; ``test_cocotb_runner.py`` runs them."""

import os

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge, Timer

__all__: list[str] = []

PERIOD = 10  # ns


@cocotb.test()
async def counts_cycles(dut) -> None:
    """The clock runs by itself; Python sleeps through a thousand of its cycles."""
    dut.alarm_at.value = 0xFFFF_FFFF
    dut.run.value = 1
    await Timer(1, "ns")
    before = int(dut.count.value)
    await Timer(1000 * PERIOD, "ns")
    assert int(dut.count.value) - before == 1000


@cocotb.test()
async def wakes_on_an_event(dut) -> None:
    """An alarm wakes Python, once."""
    dut.alarm_at.value = int(dut.count.value) + 500
    dut.run.value = 1
    await RisingEdge(dut.alarm)
    assert int(dut.count.value) == int(dut.alarm_at.value)
    await FallingEdge(dut.alarm)
    assert int(dut.count.value) == int(dut.alarm_at.value) + 1


@cocotb.test()
async def wide_ports(dut) -> None:
    """Seventy bits there and back."""
    value = 0x2A_0123_4567_89AB_CDEF
    dut.wide_in.value = value
    await Timer(1, "ns")
    assert int(dut.wide__out.value) == value ^ ((1 << 70) - 1)


@cocotb.test()
async def main_memory(dut) -> None:
    """A word written to the memory module is read back."""
    for op, value in ((1, 0xCAFE_F00D), (0, 0)):
        dut.op.value, dut.address.value, dut.value.value, dut.ask.value = op, 33, value, 1
        await RisingEdge(dut.answer_valid)
        dut.ask.value = 0
        await Timer(1, "ns")
        answer = int(dut.answer.value)
        await Timer(3 * PERIOD, "ns")
    assert answer == 0xCAFE_F00D


@cocotb.test(skip="FAIL_ON_PURPOSE" not in os.environ)
async def fails_on_purpose(dut) -> None:
    """For the test that a failure is seen."""
    assert int(dut.count.value) == -1
