"""What the policy map says of one access (design decision 9): pure functions, without state.

Bit k of a map is bit k & 7 of byte k >> 3, so of a little-endian 32-bit word bit k & 31 of word k >> 5.
"""

from amaranth.hdl import Mux, Value

from contracts.policy_map import Format

__all__ = ["BUILT_FORMATS", "PAGE_WIDTH", "admits", "is_built", "map_number", "word_index"]

PAGE_WIDTH = 20  # page numbers of a 4 GiB space
BUILT_FORMATS = (Format.UNIFORM, Format.PER_REQUESTER)
_WORD_BITS = 32
_BIT_WIDTH = 5


def is_built(fmt: Value) -> Value:
    """1 where the circuit knows the format; any other admits nothing."""
    hit = fmt == BUILT_FORMATS[0]
    for known in BUILT_FORMATS[1:]:
        hit = hit | (fmt == known)
    return hit


def map_number(fmt: Value, requester: Value) -> Value:
    """Which map decides: 0 for all in the uniform format, else that of DMA requester ``requester`` (counted from DMA0)."""
    return Mux(fmt == Format.UNIFORM, 0, requester)


def word_index(page: Value) -> Value:
    """The map word that holds a page's bit, in the built formats."""
    return page[_BIT_WIDTH:]


def admits(word: Value, page: Value) -> Value:
    """The page's bit in that word: 1 admits, both reads and writes in the built formats."""
    return word.bit_select(page[:_BIT_WIDTH], 1)
