"""cocotb tests of the guard; ``test_guard_icarus.py`` runs them."""

import random

import cocotb
from cocotb.triggers import RisingEdge, Timer

from cocotb_tests.chipset.dma_policy.guard_top import MAP_BASE, MAP_WORDS
from contracts.policy_map import Format, bit_number

__all__: list[str] = []

PERIOD = 10  # ns
BOUND = 20  # cycles within which every access is answered
PAGES = 32 * MAP_WORDS
MAP_PAGE = MAP_BASE >> 12
REQUESTS = 150


async def reset(dut) -> None:
    dut.rst.value = 1
    await Timer(3 * PERIOD, "ns")
    dut.rst.value = 0
    await Timer(PERIOD, "ns")


async def store(dut, number: int, word: int) -> None:
    """Write a word of map memory."""
    dut.store_word.value, dut.store_data.value, dut.store.value = number, word, 1
    await Timer(PERIOD, "ns")
    dut.store.value = 0


async def ask(dut, page: int, requester: int = 0, write: int = 0) -> bool:
    """The verdict on one access; it must come in time, for the right address, and be denied exactly if it is refused."""
    dut.address.value, dut.requester.value, dut.write.value, dut.valid.value = page << 12, requester, write, 1
    await Timer(1, "ns")  # a hit is known in the same cycle
    for _ in range(BOUND):
        if int(dut.out_valid.value):
            break
        await Timer(PERIOD, "ns")
    else:
        raise AssertionError("no answer")
    assert int(dut.out_address.value) == page << 12
    admitted = bool(int(dut.admitted.value))
    await Timer(PERIOD - 1, "ns")
    dut.valid.value = 0
    await Timer(1, "ns")
    assert bool(int(dut.denied.value)) != admitted  # in the cycle after
    return admitted


async def change(dut, fmt: int) -> None:
    """The map's format from now on, with the guard on: off for a cycle, which makes it forget."""
    dut.enable.value = 0
    await Timer(PERIOD, "ns")
    dut.map_format.value, dut.enable.value = fmt, 1


@cocotb.test()
async def open_until_it_is_on(dut) -> None:
    """After reset nothing is refused; with the guard on and an empty map everything is."""
    await reset(dut)
    assert await ask(dut, 5, write=1)
    dut.enable.value = 1
    assert not await ask(dut, 5, write=1)


@cocotb.test()
async def the_map_decides(dut) -> None:
    """Random maps, stores between accesses, every format, pages beyond the map's end."""
    rng = random.Random(cocotb.RANDOM_SEED)
    await reset(dut)
    for fmt in Format:
        await change(dut, int(fmt))
        words = [rng.getrandbits(32) for _ in range(2 * MAP_WORDS)]
        for number, word in enumerate(words):
            await store(dut, number, word)
        verdicts = set()
        for _ in range(REQUESTS):
            if rng.random() < 0.2:
                number = rng.randrange(2 * MAP_WORDS)
                words[number] ^= rng.getrandbits(32)
                await store(dut, number, words[number])
            page, requester, write = rng.randrange(PAGES + 16), rng.randrange(2), rng.randrange(2)
            first = 0 if fmt is Format.UNIFORM else MAP_WORDS * requester
            bit = bit_number(fmt, page, bool(write))
            expected = bit < 32 * MAP_WORDS and bool(words[first + bit // 32] >> bit % 32 & 1) and not (write and page == MAP_PAGE)
            assert await ask(dut, page, requester, write) == expected, (fmt, page, requester, write)
            verdicts.add(expected)
        await store(dut, bit_number(fmt, MAP_PAGE, False) // 32, 0xFFFF_FFFF)
        assert await ask(dut, MAP_PAGE) and not await ask(dut, MAP_PAGE, write=1), "the map may be read, never written"
        assert verdicts == {False, True}


@cocotb.test()
async def a_format_that_is_not_built_admits_nothing(dut) -> None:
    """And the guard goes on afterwards."""
    await reset(dut)
    await store(dut, 0, 0xFFFF_FFFF)
    await change(dut, 3)
    assert not await ask(dut, 1)
    await change(dut, int(Format.UNIFORM))
    assert await ask(dut, 1)


@cocotb.test()
async def a_denial_wakes(dut) -> None:
    """What is refused raises ``denied`` for one cycle, for whoever waits on it."""
    await reset(dut)
    dut.enable.value = 1
    seen = cocotb.start_soon(_denied(dut))
    assert not await ask(dut, 2)
    await seen
    await Timer(PERIOD, "ns")
    assert int(dut.denied.value) == 0


async def _denied(dut) -> None:
    await RisingEdge(dut.denied)
