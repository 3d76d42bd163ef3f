"""Seeded bugs of the guard: what an honest mistake would look like, as an assignment appended to a part's own."""

from amaranth.hdl import Cat

from chipset.dma_policy.decision import ALL_FORMATS, word_index
from chipset.dma_policy.word_cache import row_count
from cocotb_tests.chipset.dma_policy.guard_harness import Inside

__all__ = ["BUGS"]


def cache_keeps_what_is_written(inside: Inside) -> None:
    """A write to a cached map word does not drop it: a page that was taken away stays accessible."""
    cache = inside.cache
    valid = cache["valid"]
    with cache.module.If(~cache.component.flush):
        filled = Cat(cache[f"fill{n}"] & cache.component.fill_whole for n in range(len(valid)))
        cache.module.d.sync += valid.eq(valid | filled)


def cache_keeps_what_a_commit_ended(inside: Inside) -> None:
    """Words of the older map serve the new one."""
    inside.checker.module.d.comb += inside.cache.component.flush.eq(0)


def cache_is_filled_with_an_older_word(inside: Inside) -> None:
    """What is written while the word goes to the cache is not seen."""
    walker = inside.walker
    last = walker["step"] == row_count(1, 1) - 1
    walker.module.d.comb += walker.component.fill_whole.eq(last & ~walker["closed"] & ~walker["near_map"])


def word_counts_before_it_is_whole(inside: Inside) -> None:
    """The cache uses a word whose other rows have not come yet: they are of an older word."""
    walker = inside.walker
    untouched = ~walker["touched"] & ~walker["here"] & ~walker["closed"] & ~walker["near_map"]
    walker.module.d.comb += walker.component.fill_whole.eq(untouched)


def write_during_walk_is_lost(inside: Inside) -> None:
    """What ring -1 writes between the walker's read and its answer is not seen."""
    inside.walker.module.d.comb += inside.walker["here"].eq(0)


def failed_walk_admits(inside: Inside) -> None:
    """A map that cannot be read refuses nothing."""
    with inside.walker.module.If(inside.walker.ongoing("WAIT")):
        inside.walker.module.d.sync += inside.walker["closed"].eq(0)


def one_word_beyond_the_end(inside: Inside) -> None:
    """The map's length is compared with <= (as a driver of AMD's vector once did)."""
    walker = inside.walker
    access, policy = walker.component.access, walker.component.policy
    index = word_index(access.page, policy.map_format, ALL_FORMATS)
    with walker.module.If(walker.ongoing("PLACE")):
        walker.module.d.sync += walker["closed"].eq(index > policy.maps[0].length)


def map_may_be_written(inside: Inside) -> None:
    """DMA writes to the map are looked up like any other."""
    inside.walker.module.d.sync += inside.walker["in_map"].eq(0)


def words_near_a_map_are_kept_for_writes(inside: Inside) -> None:
    """A word that decides for the map's own page too is kept, and the next write to that page hits."""
    inside.walker.module.d.sync += inside.walker["near_map"].eq(0)


def launch_region_open(inside: Inside) -> None:
    """The launch region is as any other memory."""
    inside.checker.module.d.comb += inside.checker["launch"].eq(0)


def change_does_not_wait(inside: Inside) -> None:
    """A register write completes while answers are still due."""
    inside.guard.module.d.comb += inside.guard.component.drained.eq(inside.checker.component.quiet & ~inside.guard["inside"])


def verdict_of_another_page(inside: Inside) -> None:
    """The bit next to the page's own decides."""
    walker = inside.walker
    with walker.module.If(walker.ongoing("FILL") & (walker["step"] == 0)):
        walker.module.d.sync += walker["verdict"].eq(walker["word"].bit_select(walker.component.access.page[:5] ^ 1, 1))


def verdict_for_whoever_asks(inside: Inside) -> None:
    """What was found out for one page serves every page of its region."""
    inside.checker.module.d.comb += inside.checker["beside"].eq(inside.walker.component.decided)


def verdict_for_every_region(inside: Inside) -> None:
    """Regions are not compared."""
    inside.checker.module.d.comb += inside.checker.component.found.eq(-1)


def can_be_switched_off(inside: Inside) -> None:
    """ENABLE follows what is written."""
    registers = inside.registers
    with registers.module.If(registers.component.flush & (registers.component.block.address == 0)):
        registers.module.d.sync += registers.component.policy.enable.eq(registers.component.block.write_data[0])


BUGS = (
    cache_keeps_what_is_written, cache_keeps_what_a_commit_ended, cache_is_filled_with_an_older_word,
    word_counts_before_it_is_whole, write_during_walk_is_lost,
    failed_walk_admits, one_word_beyond_the_end, map_may_be_written, words_near_a_map_are_kept_for_writes, launch_region_open,
    change_does_not_wait, verdict_of_another_page, verdict_for_whoever_asks, verdict_for_every_region,
    can_be_switched_off,
)  # fmt: skip
