"""The log of the kernel's decisions: each record is chained to all before it, so that none can be changed, moved or taken out unseen.

Its form is ``contracts.audit``'s. Who knows its head, as the kernel does, knows whether the log is whole; ``sim/policy`` reads it.
"""

from collections.abc import Callable

from contracts.audit import START, link
from contracts.canonical import canonical

__all__ = ["AuditLog"]


class AuditLog:
    """Hands each record, without an end of line, to ``write``; ``head`` is that of the chain so far."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.head = START

    def append(self, **record: str) -> None:
        """One more record."""
        text = canonical(record)
        self.head = link(self.head, text)
        self._write(f"{self.head} {text}")
