"""Wishbone B4, classic cycles of 32 bits, as far as the guard uses it.

Left out, as the specification lets a unit do: burst tags (each access of a burst is then one of its own), retry, lock, tags of its own.
"""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["WishboneRequest", "WishboneSignature"]

_ADDRESS_WIDTH = 32
_DATA_WIDTH = 32


class WishboneRequest(data.Struct):
    """What a master asks for: a byte address (the bytes are chosen by ``sel``), direction, data."""

    adr: _ADDRESS_WIDTH
    we: 1
    sel: _DATA_WIDTH // 8
    dat: _DATA_WIDTH


class WishboneSignature(wiring.Signature):
    """The bus as its master sees it.

    Members: ``cyc``, ``stb`` Out(1), ``request`` Out(WishboneRequest); ``ack``, ``err`` In(1), ``dat`` In(32).
    """

    def __init__(self) -> None:
        super().__init__({
            "cyc": Out(1), "stb": Out(1), "request": Out(WishboneRequest), "ack": In(1), "err": In(1), "dat": In(_DATA_WIDTH),
        })  # fmt: skip
