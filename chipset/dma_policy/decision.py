"""What the policy map says of one access (design decision 9): pure functions, without state.

Bit k of a map is bit k & 7 of byte k >> 3, so of a little-endian 32-bit word bit k & 31 of word k >> 5. A word decides for a *region*:
32 pages in the formats with one bit a page, 16 in the one with two.
"""

from collections.abc import Collection

from amaranth.hdl import Cat, Const, Module, Mux, Value
from amaranth.lib import data

from chipset.dma_policy.tables import equal_pairs, net
from contracts.policy_map import Format

__all__ = [
    "ALL_FORMATS",
    "PAGE_WIDTH",
    "REGION_BITS",
    "Access",
    "bit_in_word",
    "is_built",
    "needs_own_maps",
    "region_of",
    "same_region",
    "two_bits",
    "word_index",
]

PAGE_WIDTH = 20  # page numbers of a 4 GiB space
ALL_FORMATS = frozenset(Format)
REGION_BITS = 5  # of a page's number in a region of 32
_LAUNCH_PAGE_BITS = 4  # of a page's number in 64 KiB, and in a region of 16
_REQUESTER_WIDTH = 4  # DMA requesters are counted from 0 here


class Access(data.Struct):
    """All that the policy asks of an access: who, page number (address bits 31:12), direction."""

    requester: _REQUESTER_WIDTH
    page: PAGE_WIDTH
    write: 1


def is_built(fmt: Value, formats: Collection[Format]) -> Value:
    """1 where the circuit knows the format; any other admits nothing."""
    hit = Const(0)
    for known in sorted(formats):
        hit = hit | (fmt == known)
    return hit


def needs_own_maps(formats: Collection[Format]) -> bool:
    """Whether requesters have maps of their own in any of these formats."""
    return any(f is not Format.UNIFORM for f in formats)


def two_bits(fmt: Value, formats: Collection[Format]) -> Value:
    """1 where a page has two bits."""
    if Format.PER_REQUESTER_AND_ACCESS not in formats:
        return Const(0)
    return Const(1) if len(formats) == 1 else fmt == Format.PER_REQUESTER_AND_ACCESS


def region_of(page: Value) -> Value:
    """What names a region in every format: address bits 31:16, of which the lowest counts only where a page has two bits."""
    return page[_LAUNCH_PAGE_BITS:]


def same_region(m: Module, one: Value, other: Value, fmt: Value, formats: Collection[Format]) -> list[Value]:
    """Eight nets, all 1 where one word decides for both; ``one`` and ``other`` as of ``region_of``."""
    top = len(one) - 1
    lowest = (one[0] == other[0]) | ~two_bits(fmt, formats)
    return [*equal_pairs(m, one[1:top], other[1:top], "region"), net(m, (one[top] == other[top]) & lowest, f"region{top}")]


def word_index(page: Value, fmt: Value, formats: Collection[Format]) -> Value:
    """Which word of the map decides (16 bits)."""
    return Mux(two_bits(fmt, formats), page[_LAUNCH_PAGE_BITS:], page[REGION_BITS:])


def bit_in_word(access: data.View, fmt: Value, formats: Collection[Format]) -> Value:
    """Which bit of that word decides (5 bits): 1 admits."""
    page = access.page
    return Mux(two_bits(fmt, formats), Cat(access.write, page[:_LAUNCH_PAGE_BITS]), page[:REGION_BITS])
