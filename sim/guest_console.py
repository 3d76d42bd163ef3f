"""What guests print, on standard output."""

import sys
from collections.abc import Mapping

__all__ = ["GuestConsole"]

_SHOWN = bytes(byte if byte >= ord(" ") or byte == ord("\t") else ord("?") for byte in range(256))


class GuestConsole:
    """``names`` by number. One guest has the terminal to itself, byte by byte. Of several each line comes when it ends, behind its guest's
    name, and control characters are shown as question marks: none writes over another's name."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._lines: dict[int, bytes] = {}

    def __call__(self, number: int, data: bytes) -> None:
        if len(self._names) == 1:
            self._write(data)
            return
        *lines, rest = (self._lines.get(number, b"") + data).split(b"\n")
        self._lines[number] = rest
        for line in lines:
            self._line(number, line)

    def finish(self) -> None:
        """Lines without an end."""
        for number, rest in self._lines.items():
            if rest:
                self._line(number, rest)

    def _line(self, number: int, line: bytes) -> None:
        shown = line.removesuffix(b"\r").translate(_SHOWN)
        self._write(f"[{self._names[number]}] ".encode() + shown + b"\n")

    @staticmethod
    def _write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
