"""A channel between two guests: a queue of messages each way, and a page that both reach. It is there once both have asked for it.

Guests name a channel by the number of the partition at its other end, and find only their own: nobody else can speak of it. It is between
these two guests, not their numbers: if one ends, another in its place has to ask anew, and its identity is told anew.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isolation_kernel.partition import Partition

__all__ = ["Channel", "SharedPage"]


@dataclass(frozen=True)
class SharedPage:
    """A frame that the channel owns while it is open, and whose it was: ``giver`` had it at its page number ``home``."""

    frame: int
    giver: "Partition"
    home: int


@dataclass(eq=False)
class Channel:
    """``one`` and ``other`` are its ends. What was sent before it was closed can still be received."""

    one: "Partition"
    other: "Partition"
    open: bool = True
    page: SharedPage | None = None
    queues: dict[int, deque[bytes]] = field(default_factory=dict)  # by the number of the partition that receives

    def __post_init__(self) -> None:
        for end, peer in ((self.one, self.other), (self.other, self.one)):
            end.channels[peer.number] = self
            self.queues[end.number] = deque()
