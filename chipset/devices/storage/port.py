"""The port between a drive's controller and what keeps the sectors: a file in simulation, perhaps an SD card on a board."""

from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from contracts.ide import SECTOR_SIZE

__all__ = ["SECTOR_WORDS", "SECTOR_WIDTH", "StorageOp", "StorageRequest", "StorageSignature"]

SECTOR_WORDS = SECTOR_SIZE // 4
SECTOR_WIDTH = 28  # bits of a sector's number


class StorageOp(enum.Enum, shape=2):
    """What is asked for."""

    READ = 0  # the sector's words come on ``read``
    WRITE = 1  # the sector's words are taken from ``write``
    FLUSH = 2  # all that has been written is to be kept for good


class StorageRequest(data.Struct):
    """One request. ``sector`` lies below the capacity; it means nothing to FLUSH."""

    op: StorageOp
    sector: SECTOR_WIDTH


class StorageSignature(wiring.Signature):
    """Storage as the controller sees it.

    ``sectors`` In(28) is the capacity, constant from the first cycle on; 0: there is no drive. A ``request`` is followed by its words,
    ``SECTOR_WORDS`` of 32 bits on ``read`` or ``write`` (the sector's first byte is the first word's lowest), and by one cycle of
    ``done`` In(1), in which ``error`` In(1) tells that it failed; a request that fails may be done before its words are complete. The next
    request comes after that. ``reset`` Out(1): the controller has been reset (by platform reset alone), and a request that was under way is
    forgotten; a sector whose words had not all been taken is not changed.
    """

    def __init__(self) -> None:
        super().__init__({
            "sectors": In(SECTOR_WIDTH), "request": Out(stream.Signature(StorageRequest)),
            "read": In(stream.Signature(32)), "write": Out(stream.Signature(32)), "done": In(1), "error": In(1),
            "reset": Out(1),
        })  # fmt: skip
