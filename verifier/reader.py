"""Reads a TPM's big-endian structures, and nothing but whole ones."""

from collections.abc import Collection

__all__ = ["Malformed", "Reader"]


class Malformed(ValueError):
    """These bytes are not the structure; the message is one line."""


class Reader:
    """Goes through ``data``, the bytes of one structure, called ``what`` in errors. As a context it insists that all has been read."""

    def __init__(self, what: str, data: bytes) -> None:
        self._what = what
        self._data = data
        self._at = 0

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._at != len(self._data):
            raise self.error(f"{len(self._data) - self._at} bytes too long")

    def error(self, text: str) -> Malformed:
        """To be raised."""
        return Malformed(f"{self._what}: {text}")

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        data = self._data[self._at : self._at + size]
        if len(data) != size:
            raise self.error("too short")
        self._at += size
        return data

    def number(self, size: int) -> int:
        """The next number, of ``size`` bytes."""
        return int.from_bytes(self.take(size), "big")

    def one_of(self, size: int, allowed: Collection[int], name: str) -> int:
        """The next number, which must be one of these."""
        value = self.number(size)
        if value not in allowed:
            raise self.error(f"{name} is {value:#x}")
        return value

    def sized(self, least: int, most: int, name: str) -> bytes:
        """The next TPM2B: a size of 16 bits, and so many bytes."""
        size = self.number(2)
        if not least <= size <= most:
            raise self.error(f"{name} has {size} bytes")
        return self.take(size)
