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
    DMA2 = 4  # PCI function 00:01.1, the IDE controller; DMA0 and DMA1 are the scatter-gather engines


DMA_FIRST = Requester.DMA0
