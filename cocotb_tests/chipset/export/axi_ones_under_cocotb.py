"""cocotb tests of the exported AXI4 guard that is closed at reset and gives ones without an error; ``test_axi.py`` runs them."""

import cocotb
from cocotbext.axi import AxiResp

from cocotb_tests.chipset.export.axi_bench import MAP, ONES, PAGE, PAGES, Bench
from contracts.policy_map import GUARD

__all__: list[str] = []

OPEN, SHUT = 5, 6


@cocotb.test()
async def closed_from_reset_on(dut) -> None:
    """Nothing passes before there is a map; a refused access ends as if it had been done, and is logged."""
    bench = Bench(dut, cocotb.RANDOM_SEED, requesters=1)
    await bench.reset()
    bench.fill()
    assert int(dut.enabled.value)
    device = bench.ports[0]
    for page in (OPEN, SHUT):
        before = bytes(bench.memory.data)
        read = await bench.within(device.read(page * PAGE, 4))
        assert read.good and read.words == [ONES] * 4
        assert await bench.within(device.write(page * PAGE, [1, 2, 3])) == AxiResp.OKAY
        assert bytes(bench.memory.data) == before
    assert await bench.get("DENIED_COUNT") == 4
    assert bench.memory.bursts == [], "without a map there is nothing to read"
    await bench.trusted.write(MAP, [1 << OPEN])
    await bench.put("MAP_BASE", MAP)
    await bench.put("MAP_LENGTH", PAGES // 8)
    assert (await bench.within(device.read(OPEN * PAGE, 4))).words == bench.peek(OPEN * PAGE, 4)
    assert (await bench.within(device.read(SHUT * PAGE, 4))).words == [ONES] * 4
    assert await bench.within(device.write(OPEN * PAGE, [7])) == AxiResp.OKAY
    assert bench.peek(OPEN * PAGE) == [7]


@cocotb.test()
async def the_map_has_one_place(dut) -> None:
    """Built for the uniform format alone, there are no registers for a second map."""
    bench = Bench(dut, cocotb.RANDOM_SEED, requesters=1)
    await bench.reset()
    await bench.put("MAP_BASE", MAP, 1)
    assert await bench.get("MAP_BASE", 1) == 0
    formats = GUARD["CAPABILITY"].field("FORMATS")
    assert formats.get(await bench.get("CAPABILITY")) == 1
