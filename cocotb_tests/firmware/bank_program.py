"""The trusted guest's session as a Linux program (``firmware/guests/bank/host.c``): the same C, asked over pipes."""

import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from contracts.bank import ACCOUNT, MESSAGE, NONCE_SIZE, PIN_LONGEST, TAG_SIZE
from firmware.build import build

__all__ = ["BankProgram", "Came"]

_WORD = struct.Struct("<I")
_EVENTS = {
    "k": ACCOUNT.size, "a": _WORD.size + MESSAGE.size, "p": PIN_LONGEST, "q": NONCE_SIZE + TAG_SIZE, "s": MESSAGE.size, "r": MESSAGE.size,
    "x": _WORD.size,
}  # fmt: skip


@dataclass(frozen=True)
class Came:
    """What came of a message: events by letter, whether the session is over, the account, the reply."""

    events: tuple[tuple[str, bytes], ...]
    over: bool
    account: bytes
    reply: bytes


class BankProgram:
    """One process; ``begin`` makes the session anew."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([build("bank_host")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _order(self, letter: str, data: bytes = b"") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(letter.encode() + _WORD.pack(len(data)) + data)
        self._process.stdin.flush()

    def _take(self, size: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        assert len(data) == size, "the program has ended"
        return data

    def begin(self, account: bytes) -> None:
        """A new session with this account."""
        self._order("A", account)

    def letter(self, data: bytes) -> tuple[bool, bytes]:
        """Whether it makes an account, and the account."""
        self._order("L", data)
        return bool(self._take(1)[0]), self._take(ACCOUNT.size)

    def press(self, codes: bytes) -> None:
        """Bytes of the keyboard, for the next PIN."""
        for code in codes:
            self._order("K", bytes((code,)))

    def fail(self, count: int) -> None:
        """The count'th time from now on that the account is to be kept it cannot be."""
        self._order("F", _WORD.pack(count))

    def take(self, message: bytes) -> Came:
        """A message has come."""
        self._order("M", message)
        events = tuple(self._events())
        return Came(events, bool(_WORD.unpack(self._take(_WORD.size))[0]), self._take(ACCOUNT.size), self._take(MESSAGE.size))

    def _events(self) -> Iterator[tuple[str, bytes]]:
        while (letter := self._take(1).decode()) != ".":
            yield letter, self._take(_EVENTS[letter])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
