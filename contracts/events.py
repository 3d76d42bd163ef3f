"""Events as EVENTINJ and EXITINTINFO hold them (AMD64 APM vol. 2, 15.20): to be delivered, or under way at an exit."""

from typing import NamedTuple

from contracts.architecture import Exc
from contracts.vmcb import EVENT_ERROR_VALID, EVENT_TYPE_LSB, EVENT_TYPE_MASK, EVENT_VALID, EVENT_VECTOR_MASK, EventType

__all__ = ["Event"]

_ERROR_LSB = 32


class Event(NamedTuple):
    """``kind`` is an EventType, or a number that is none; ``error`` a code of 32 bits, if the event has one."""

    vector: int
    error: int | None = None
    kind: int = EventType.EXCEPTION

    @classmethod
    def decode(cls, word: int) -> "Event | None":
        """None if the word says that there is no event."""
        if not word & EVENT_VALID:
            return None
        kind = (word & EVENT_TYPE_MASK) >> EVENT_TYPE_LSB
        return cls(word & EVENT_VECTOR_MASK, word >> _ERROR_LSB if word & EVENT_ERROR_VALID else None, kind)

    @property
    def word(self) -> int:
        """All 64 bits."""
        error = 0 if self.error is None else EVENT_ERROR_VALID | self.error << _ERROR_LSB
        return self.vector | self.kind << EVENT_TYPE_LSB | EVENT_VALID | error

    @property
    def comes_again(self) -> bool:
        """Whether the instruction raises it again by itself if it is executed anew: INT n, INT3 and INTO."""
        return self.kind == EventType.SOFTWARE or self.kind == EventType.EXCEPTION and self.vector in (Exc.BP, Exc.OF)
