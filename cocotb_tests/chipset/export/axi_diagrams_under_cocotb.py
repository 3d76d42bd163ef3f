"""Records the timing diagrams of docs/dma_guard.md for AXI4; ``test_diagrams.py`` compares them."""

import os
from pathlib import Path

import cocotb
from cocotbext.axi import AxiResp

from cocotb_tests.chipset.export.axi_bench import PAGE
from cocotb_tests.chipset.export.axi_under_cocotb import OPEN, SHUT, started
from cocotb_tests.chipset.export.recorder import Recorder

__all__: list[str] = []

READ = ("s00_axi_arvalid", "m_axi_arvalid", "m_axi_rvalid", "s00_axi_rvalid", "irq")
WRITE = (
    "s00_axi_awvalid", "s00_axi_wvalid", "s00_axi_wready", "m_axi_awvalid", "m_axi_wvalid", "m_axi_bvalid", "s00_axi_bvalid", "irq",
)  # fmt: skip


@cocotb.test()
async def record(dut) -> None:
    bench = await started(dut, patience=0)
    await bench.protect({OPEN})
    device = bench.ports[0]
    for page in (OPEN, SHUT):  # what the map says of both is cached from now on
        await device.read(page * PAGE)
        await device.write(page * PAGE, [0])
    for name, page in (("axi-read", OPEN), ("axi-read-refused", SHUT), ("axi-write", OPEN), ("axi-write-refused", SHUT)):
        await bench.put("STATUS", 1)
        await bench.cycles(20)
        recorder = Recorder(dut, dut.aclk, READ if "read" in name else WRITE)
        await bench.cycles(3)
        if "read" in name:
            assert (await device.read(page * PAGE, 2)).good == (page == OPEN)
        else:
            assert (await device.write(page * PAGE, [1, 2]) == AxiResp.OKAY) == (page == OPEN)
        await bench.cycles(4)
        Path(os.environ["DIAGRAMS"], name).write_text(recorder.text())
