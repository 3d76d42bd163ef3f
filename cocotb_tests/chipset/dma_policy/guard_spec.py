"""The words of the policy, written without looking at the guard, for its proof."""

from collections.abc import Collection

from amaranth.hdl import Array, Assume, Cat, Const, Module, Mux, Signal, Value
from amaranth.hdl._ast import AnyConst
from amaranth.lib import data

from chipset.dma_policy.policy import MapPlace
from contracts.policy_map import Format

__all__ = ["PAGE_LSB", "PAGE_WORDS", "WORD_WIDTH", "ChosenMap", "Spec"]

WORD_WIDTH = 30
PAGE_LSB = 12
PAGE_WORDS = 1024
LAUNCH_LSB = 16


class Spec:
    """What the policy says of an access: what must hold where one is admitted. ``place`` : of the map that decides."""

    def __init__(self, m: Module, policy: data.View, formats: Collection[Format], *, place: data.View, page: Value, write: Value,
                 name: str) -> None:  # fmt: skip
        address = Signal(WORD_WIDTH + 1, name=f"{name}_map_address")
        number = Signal(21, name=f"{name}_bit_number")
        launch, fits = Signal(name=f"{name}_in_launch"), Signal(name=f"{name}_fits")
        two = policy.map_format == Format.PER_REQUESTER_AND_ACCESS
        index = number[5:]
        known = 0
        for fmt in formats:
            known = known | (policy.map_format == fmt)
        m.d.comb += [
            number.eq(Mux(two, Cat(write, page), page)),
            address.eq(place.base + index),
            launch.eq(policy.launch.protect & (page[LAUNCH_LSB - PAGE_LSB :] == policy.launch.base)),
            fits.eq(known & (index < place.length) & ~address[-1]),
        ]
        self._index, self._page, self._number = index, page, number
        self.launch = launch  # lies in the protected launch region
        self.known = known  # the format is
        self.fits = fits  # the format is known, and the page's bit lies in the map
        self.where = address[:WORD_WIDTH]  # the word that holds it

    def agrees(self, other: "Spec") -> Value:
        """With what another says, where the same word of the map decides for both."""
        return (self._index != other._index) | ((self.where == other.where) & (self.fits == other.fits))

    def bit(self, word: Value) -> Value:
        """The page's bit of that word."""
        return word.bit_select(self._number[:5], 1)

    def in_map(self, chosen: "ChosenMap", pages: int = 1) -> Value:
        """Whether a word of the chosen map, if it is in use, lies in the ``pages`` pages (a power of two, aligned) around the page."""
        bits = pages.bit_length() - 1
        return chosen.reaches(self._page[bits:], bits)


class ChosenMap:
    """One of the maps, arbitrary but fixed: what holds of it holds of all."""

    def __init__(self, m: Module, policy: data.View) -> None:
        maps = policy.maps
        # Whether one map decides for all.
        self.uniform = (policy.map_format == Format.UNIFORM) if len(maps) > 1 else Const(1)
        self.number = Signal(range(max(2, len(maps))), name="chosen_map")
        self.place = Signal(MapPlace, name="chosen_place")
        self.used = Signal(name="chosen_used")
        m.d.comb += [
            self.number.eq(AnyConst(len(self.number))), Assume(self.number < len(maps)), self.place.eq(Array(maps)[self.number]),
            self.used.eq((self.number == 0) | ~self.uniform),
        ]  # fmt: skip
        self._last = Signal(WORD_WIDTH + 1, name="chosen_last")  # the map may end beyond 4 GiB
        m.d.comb += self._last.eq(self.place.base + self.place.length - 1)

    def is_of(self, requester: Value) -> Value:
        """Whether it decides for that requester."""
        return self.used & (self.number == Mux(self.uniform, 0, requester))

    def reaches(self, block: Value, bits: int) -> Value:
        """Whether a word of it, if it is in use, lies in that block of 2 ** ``bits`` pages."""
        low = PAGE_WORDS.bit_length() - 1 + bits
        return self.used & (self.place.length != 0) & ((self.place.base >> low) <= block) & ((self._last >> low) >= block)
