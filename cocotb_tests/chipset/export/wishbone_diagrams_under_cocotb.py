"""Records the timing diagrams of docs/dma_guard.md for Wishbone; ``test_diagrams.py`` compares them."""

import os
from pathlib import Path

import cocotb

from cocotb_tests.chipset.export.recorder import Recorder
from cocotb_tests.chipset.export.wishbone_bench import PAGE
from cocotb_tests.chipset.export.wishbone_under_cocotb import OPEN, SHUT, started

__all__: list[str] = []

SIGNALS = ("s00_wb_stb_i", "m_wb_stb_o", "m_wb_ack_i", "s00_wb_ack_o", "s00_wb_err_o", "irq")


@cocotb.test()
async def record(dut) -> None:
    bench = await started(dut, patience=0)
    await bench.protect({OPEN})
    port = bench.ports[0]
    for page in (OPEN, SHUT):  # what the map says of both is cached from now on
        await port.read(page * PAGE)
    for name, page in (("wishbone-read", OPEN), ("wishbone-read-refused", SHUT)):
        await bench.put("STATUS", 1)
        await bench.cycles(20)
        recorder = Recorder(dut, dut.clk, SIGNALS)
        await bench.cycles(3)
        assert (await port.read(page * PAGE))[1] == (page == OPEN)
        await bench.cycles(4)
        Path(os.environ["DIAGRAMS"], name).write_text(recorder.text())
