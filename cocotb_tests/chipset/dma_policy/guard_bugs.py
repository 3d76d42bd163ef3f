"""Seeded bugs of the guard: what an honest mistake would look like, as an assignment appended to the guard's own."""

from chipset.dma_policy.map_cache import _Entry
from cocotb_tests.opened import Opened
from contracts.bus import BusRequest

__all__ = ["BUGS"]


def cache_keeps_what_is_written(guard: Opened) -> None:
    """A write to a cached map word does not drop it: a page that was taken away stays accessible."""
    cache = guard.open("cache")
    entry = cache.shaped("entry0", _Entry)
    cache.module.d.sync += entry.valid.eq(entry.valid | (cache.component.fill & (cache["turn"] == 0)))


def write_during_walk_is_lost(guard: Opened) -> None:
    """What ring -1 writes between the walker's read and its answer is not seen."""
    guard.module.d.comb += guard["new_mask"].eq(0)


def failed_walk_admits(guard: Opened) -> None:
    """A map that cannot be read refuses nothing."""
    guard.module.d.sync += guard["failed"].eq(0)


def map_may_be_written(guard: Opened) -> None:
    """DMA writes to the map are looked up like any other."""
    guard.module.d.comb += guard["in_map"].eq(0)


def burst_is_judged_by_its_first_word(guard: Opened) -> None:
    """Of a burst write only the word that the master names is held against the map's place."""
    guard.module.d.comb += guard["high"].eq(guard.component.requests.payload.address[2:])


def launch_region_open(guard: Opened) -> None:
    """The launch region is as any other memory."""
    guard.module.d.comb += guard["launch"].eq(0)


def change_does_not_wait(guard: Opened) -> None:
    """A register write completes while answers are still due."""
    guard.module.d.comb += guard["drained"].eq(~guard["full"] & ~guard["inside"])


def verdict_of_another_page(guard: Opened) -> None:
    """The bit next to the page's own decides."""
    held = guard.shaped("held", BusRequest)
    guard.module.d.comb += guard["page"].eq(held.address[12:] ^ 1)


BUGS = (
    cache_keeps_what_is_written, write_during_walk_is_lost, failed_walk_admits, map_may_be_written, burst_is_judged_by_its_first_word,
    launch_region_open, change_does_not_wait, verdict_of_another_page,
)  # fmt: skip
