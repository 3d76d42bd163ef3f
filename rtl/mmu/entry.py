"""Page-table entries as they lie in memory, and translations as the TLB keeps them (Intel SDM vol. 3, 4.3)."""

from amaranth.hdl import Cat, Value
from amaranth.lib import data

__all__ = ["INDEX_WIDTH", "OFFSET_WIDTH", "PAGE_WIDTH", "PageEntry", "Translation", "through_a20"]

OFFSET_WIDTH = 12  # of a byte in its 4 KiB page
INDEX_WIDTH = 10  # of an entry in a directory or table
PAGE_WIDTH = 20  # of a page or frame number
_A20 = 20 - OFFSET_WIDTH  # address bit 20 in a frame's number


class PageEntry(data.Struct):
    """A directory or table entry, 32 bits. With ``large`` and CR4.PSE a directory entry maps 4 MiB; frame bits 9:0 are then reserved."""

    present: 1
    writable: 1
    user: 1
    write_through: 1
    cache_disable: 1
    accessed: 1
    dirty: 1
    large: 1
    global_: 1
    available: 3
    frame: PAGE_WIDTH


class Translation(data.Struct):
    """What a walk finds for one 4 KiB page; rights are those of both levels together."""

    frame: PAGE_WIDTH
    user: 1
    writable: 1
    dirty: 1  # a write needs no further walk
    cache_disable: 1  # PCD of the entry that maps the page
    global_: 1  # G, where CR4.PGE was set
    large: 1  # part of a 4 MiB page: INVLPG of any address in it drops this one too


def through_a20(frame: Value, masked: Value) -> Value:
    """A frame as memory sees it: address bit 20 is 0 where ``masked``. Applied before the caches, so that a line has one name."""
    return Cat(frame[:_A20], frame[_A20] & ~masked, frame[_A20 + 1 :])
