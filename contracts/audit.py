"""The chain of the audit log, as the kernel writes it and whoever reads it checks it.

A record is a line: the digest of the last record's digest and this one's text, a space, and the text, which is canonical JSON. The chain
starts at START.
"""

from contracts.canonical import digest

__all__ = ["START", "link"]

START = "0" * 64


def link(head: str, text: str) -> str:
    """The head of the chain with one more record."""
    return digest((head + text).encode())
