"""Who can be behind a bus request (design decision 8)."""

from enum import IntEnum

__all__ = ["DMA_FIRST", "REQUESTER_WIDTH", "Requester"]

REQUESTER_WIDTH = 5


class Requester(IntEnum):
    """Requester numbers. DMA requester n of the policy registers is ``DMA0 + n``."""

    CPU = 0
    HOST_LINK = 1
    DMA0 = 2
    DMA1 = 3


DMA_FIRST = Requester.DMA0
