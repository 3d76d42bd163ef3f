"""What an exported guard is made for."""

from collections.abc import Collection
from dataclasses import dataclass

from amaranth.lib import enum

from chipset.dma_policy.decision import ALL_FORMATS
from contracts.policy_map import MAX_DMA_REQUESTERS, Format

__all__ = ["GuardSettings", "OnRefusal"]

_MAX_ID_WIDTH = 16
_MAX_CACHED_WORDS = 64
_MAX_DEPTH = 256
_MAX_STALL_LIMIT = 65535


class OnRefusal(enum.Enum, shape=1):
    """How a refused access ends; a read's data are ones either way."""

    ERROR = 0  # with the bus's error
    ONES = 1  # as if it had been done: for masters that do not survive an error


@dataclass(frozen=True)
class GuardSettings:
    """Parameters of a guard behind a standard bus; ValueError if they cannot be built.

    ``requesters``: guarded ports, 1 to 16. ``formats``: of the map. ``cached_words``: map words kept for each port, a power of two.
    ``closed_at_reset``: the guard is on from reset. ``id_width``: of the guarded and trusted ports' IDs (AXI4). ``depth``: bursts of a port
    that memory has not answered, in each direction, a power of two (AXI4). ``stall_limit``: cycles for which a master may keep the channels
    of others waiting in a burst; 0: for ever (AXI4).
    """

    requesters: int
    formats: Collection[Format] = ALL_FORMATS
    cached_words: int = 2
    closed_at_reset: bool = False
    on_refusal: OnRefusal = OnRefusal.ERROR
    id_width: int = 4
    depth: int = 8
    stall_limit: int = 1024

    def __post_init__(self) -> None:
        def need(good: bool, message: str) -> None:
            if not good:
                raise ValueError(message)

        need(1 <= self.requesters <= MAX_DMA_REQUESTERS, f"{self.requesters} requesters: 1 to {MAX_DMA_REQUESTERS} can be built")
        need(bool(self.formats), "no format of the map: at least one is needed")
        words = self.cached_words
        need(
            1 <= words <= _MAX_CACHED_WORDS and not words & (words - 1),
            f"{words} cached words: a power of two, 1 to {_MAX_CACHED_WORDS}, is needed",
        )
        need(1 <= self.id_width <= _MAX_ID_WIDTH, f"IDs of {self.id_width} bits: 1 to {_MAX_ID_WIDTH} can be built")
        need(
            2 <= self.depth <= _MAX_DEPTH and not self.depth & (self.depth - 1),
            f"a depth of {self.depth}: a power of two, 2 to {_MAX_DEPTH}, is needed",
        )
        need(0 <= self.stall_limit <= _MAX_STALL_LIMIT, f"a stall limit of {self.stall_limit}: 0 to {_MAX_STALL_LIMIT} cycles can be built")
