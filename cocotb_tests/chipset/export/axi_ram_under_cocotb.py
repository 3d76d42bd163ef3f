"""cocotb tests of the exported AXI4 guard between cocotbext-axi's own masters and memory; ``test_axi.py`` runs them."""

import cocotb
from cocotb.triggers import Combine
from cocotbext.axi import AxiBus, AxiMaster, AxiRam, AxiResp

from chipset.export.axi_top import MEMORY, guarded_name
from cocotb_tests.chipset.export.axi_bench import MEMORY_BYTES, PAGE, Bench
from cocotb_tests.chipset.export.axi_memory import stalling
from cocotb_tests.chipset.export.axi_under_cocotb import REQUESTERS

__all__: list[str] = []

OWN_PAGES = 8  # of each master, one after the other
SHUT = 5  # of these, the one that the map does not admit
TRANSFERS = 20
LONGEST = PAGE + 500


@cocotb.test()
async def bytes_come_and_go(dut) -> None:
    """Transfers of any length at any address, which the masters cut into bursts; several under way at a time, with many IDs."""
    bench = Bench(dut, cocotb.RANDOM_SEED, requesters=0, memory=False)
    rng = bench.rng
    masters = [
        AxiMaster(AxiBus.from_prefix(dut, guarded_name(n)), dut.aclk, dut.aresetn, reset_active_level=False) for n in range(REQUESTERS)
    ]
    ram = AxiRam(AxiBus.from_prefix(dut, MEMORY), dut.aclk, dut.aresetn, reset_active_level=False, size=MEMORY_BYTES)
    await bench.reset()
    for channel in (ram.write_if.aw_channel, ram.write_if.w_channel, ram.write_if.b_channel, ram.read_if.ar_channel, ram.read_if.r_channel):
        channel.set_pause_generator(stalling(rng, 0.1))
    model = bytearray(rng.randbytes(MEMORY_BYTES))
    ram.write(0, bytes(model))
    guarded = False
    refusals = []

    async def work(number: int) -> None:
        master = masters[number]
        base = number * OWN_PAGES * PAGE
        shut = base + SHUT * PAGE
        for _ in range(TRANSFERS):
            page = rng.choice((SHUT, rng.randrange(OWN_PAGES)))
            start = base + page * PAGE + rng.randrange(PAGE)
            end = min(start + rng.choice((1, 7, 64, 300, LONGEST)), base + OWN_PAGES * PAGE)
            meets_shut = guarded and start < shut + PAGE and end > shut
            size = rng.choice((0, 1, 2, 2))
            if rng.random() < 0.5:
                read = await bench.within(master.read(start, end - start, size=size))
                assert (read.resp == AxiResp.SLVERR) == meets_shut
                expected = bytearray(model[start:end])
                if meets_shut:
                    first, last = max(start, shut) - start, min(end, shut + PAGE) - start
                    expected[first:last] = b"\xff" * (last - first)
                assert read.data == expected
            else:
                data = rng.randbytes(end - start)
                written = await bench.within(master.write(start, data, size=size))
                assert (written.resp == AxiResp.SLVERR) == meets_shut
                for n, byte in enumerate(data):
                    if not (guarded and shut <= start + n < shut + PAGE):
                        model[start + n] = byte
            refusals.append(meets_shut)

    for guarded in (False, True):
        if guarded:
            admitted = {n for n in range(REQUESTERS * OWN_PAGES) if n % OWN_PAGES != SHUT}
            await bench.protect(admitted)
            where = 0x3C000
            model[where : where + 8] = ram.read(where, 8)
        await Combine(*(cocotb.start_soon(work(n)) for n in range(REQUESTERS)))
        assert ram.read(0, MEMORY_BYTES) == bytes(model)
    assert 10 < sum(refusals) < len(refusals) - 60
    assert int(dut.irq.value)
