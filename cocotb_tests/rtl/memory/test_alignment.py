"""The alignment check: which accesses stage M marks, and what the memory unit does with one that is marked."""

from itertools import product

import pytest

from cocotb_tests.rtl.memory.bench import Bench, Fault, Refused
from cocotb_tests.rtl.mmu.reference import RW, US, A, D, P
from cocotb_tests.rtl.packed import evaluate, unpack
from rtl.arch.registers import Segment
from rtl.arch.special import TlbFlush
from rtl.memory.port import AccessKind, AccessRequest
from rtl.memory.stage import MemoryStage
from rtl.microcode.uop import BUS_ONLY, Alignment, Memory

__all__: list[str] = []

ALL = P | RW | US
DIVISORS = {Alignment.DOUBLE_WORD: 4, Alignment.QUADWORD: 8, Alignment.ANY: 1}
UNCHECKED = BUS_ONLY
UNCACHED = 0x8000_0000
LINEAR = 0x0040_0000


def test_which_accesses_are_marked(rng):
    """All kinds, sizes, alignments, addresses modulo 8, privileges, with the check on and off; ports and physical addresses never are."""
    kinds = [m for m in Memory if m is not Memory.NONE]
    segments = (Segment.DS, Segment.SS, Segment.SCRATCH, Segment.PHYSICAL)
    keys = list(product(kinds, (1, 2, 4), Alignment, range(8), (0, 1, 3), (0, 1), (0, 1), segments))
    cases = [
        {
            "operation": {"memory": memory, "size": size, "alignment": alignment, "supervisor": supervisor, "parts": {"segment": segment}},
            "linear": rng.getrandbits(29) << 3 | low, "cpl": cpl, "alignment_check": check, "request": 1, "paging": rng.getrandbits(1),
        }
        for memory, size, alignment, low, cpl, supervisor, check, segment in keys
    ]  # fmt: skip
    marked = 0
    for key, answer in zip(keys, evaluate(MemoryStage(), cases, clocked=True), strict=True):
        memory, size, alignment, low, cpl, supervisor, check, segment = key
        concerned = check and cpl == 3 and not supervisor and memory not in UNCHECKED and segment is not Segment.PHYSICAL
        wanted = concerned and low % DIVISORS.get(alignment, size) != 0
        assert unpack(AccessRequest, answer["access.request"])["misaligned"] == wanted, key
        marked += wanted
    assert marked > 100


@pytest.mark.parametrize("kind", [AccessKind.LOAD, AccessKind.STORE, AccessKind.READ_MODIFY_WRITE])
@pytest.mark.parametrize("lock", [0, 1])
def test_a_refused_access_reaches_nothing(rng, kind, lock):
    """Neither memory nor a device sees it, no line is cached, the bus is not locked; the same access unmarked goes through."""
    bench = Bench(rng)

    async def program(ctx):
        for address in (0x101, 0x10E, 0xFFE, UNCACHED + 2, UNCACHED + 0xE):
            before = len(bench.memory.log)
            with pytest.raises(Refused):
                await bench.request(ctx, kind, address, 4, misaligned=1, lock=lock)
            await bench.drain(ctx)
            assert ctx.get(bench.dut.access.ready)
            assert len(bench.memory.log) == before
            assert not bench.announced
            assert not bench.memory.locked
        await bench.request(ctx, kind, UNCACHED + 2, 4)
        if kind != AccessKind.LOAD:
            await bench.commit(ctx, 0xAABB_CCDD)
            await bench.drain(ctx)
            assert [bench.memory.memory[UNCACHED + 2 + n] for n in range(4)] == [0xDD, 0xCC, 0xBB, 0xAA]
        assert bench.memory.log

    bench.run(program)


def test_refused_while_locked_unlocks(rng):
    bench = Bench(rng)

    async def program(ctx):
        await bench.load(ctx, 0x100, lock=1)
        assert bench.memory.locked
        with pytest.raises(Refused):
            await bench.request(ctx, AccessKind.STORE, 0x101, 4, misaligned=1, lock=1)
        await bench.drain(ctx)
        assert not bench.memory.locked

    bench.run(program)


@pytest.mark.parametrize("first", [0, 0x10000 | P | US, 0x10000 | ALL], ids=["missing", "read-only", "there"])
@pytest.mark.parametrize("second", [0, 0x11000 | P | US, 0x11000 | ALL], ids=["missing", "read-only", "there"])
@pytest.mark.parametrize("crosses", [0, 1])
def test_page_faults_come_first(rng, first, second, crosses):
    """Of either page that the access touches; then #AC, which leaves both pages clean, also when their entries are in the TLB already."""
    bench = Bench(rng)
    address = LINEAR + (0xFFD if crosses else 0xFF1)
    pages = [first] + [second] * crosses

    async def program(ctx):
        bench.state(ctx, pg=1, pe=1, wp=1, cr3=0x1000, asid=1)
        bench.memory.write(0x1000 + (LINEAR >> 22) * 4, 0x2000 | ALL)
        bench.memory.write(0x2000, first)
        bench.memory.write(0x2004, second)
        await bench.maintain(ctx, "flush_tlb", TlbFlush.EVERYTHING.value)
        bad = next((n for n, page in enumerate(pages) if not page & RW), None)
        for _ in range(2):
            if bad is None:
                with pytest.raises(Refused):
                    await bench.request(ctx, AccessKind.STORE, address, 4, translate=1, user=1, misaligned=1)
            else:
                with pytest.raises(Fault) as caught:
                    await bench.request(ctx, AccessKind.STORE, address, 4, translate=1, user=1, misaligned=1)
                assert (caught.value.error, caught.value.address) == (pages[bad] & P | 6, LINEAR + 0x1000 if bad else address)
            assert not any(bench.memory.read(entry) & D for entry in (0x2000, 0x2004))
        if bad is None:
            await bench.store(ctx, address, 5, translate=1, user=1)
            assert [bench.memory.read(entry) & (A | D) for entry in (0x2000, 0x2004)] == [A | D, (A | D) * crosses]

    bench.run(program)
