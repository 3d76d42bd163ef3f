"""One way to write a value down, so that equal values have equal digests on every machine."""

import hashlib
import json

__all__ = ["canonical", "digest", "short"]

_SHORT = 16  # hexadecimal digits: more than anyone can search for a program that has the same


def canonical(value: object) -> str:
    """JSON of one line: keys sorted, no spaces, ASCII alone. ``value`` is of strings, numbers, lists, None and dictionaries of these."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def short(name: str) -> str:
    """A digest as a screen shows it: its first 16 digits, in fours."""
    return " ".join(name[at : at + 4] for at in range(0, _SHORT, 4))
