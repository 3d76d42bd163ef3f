"""The log of the kernel's decisions: each record is chained to all before it, so that none can be changed, moved or taken out unseen.

A record is a line: the digest of the last record's digest and this one's text, a space, and the text, which is canonical JSON. The chain
starts at START. Who knows its head (the kernel does, and can have it quoted) knows whether the log is whole; ``sim/policy`` reads it.
"""

from collections.abc import Callable

from contracts.canonical import canonical, digest

__all__ = ["START", "AuditLog", "link"]

START = "0" * 64


def link(head: str, text: str) -> str:
    """The head of the chain with one more record."""
    return digest((head + text).encode())


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
