"""Calls of guests that have channels: what the tests of messages and of shared pages have in common."""

from collections.abc import Callable, Generator
from typing import Any

from contracts.hypercalls import Hypercall, Status
from isolation_kernel.model.script import Operation, Script, Vmmcall

__all__ = [
    "BUFFER", "NAME", "ONE", "OTHER", "PAGE", "THERE", "Steps", "again", "calls", "closes", "maps", "opens", "receives", "sends", "shares",
    "turns", "waits_for_any",
]  # fmt: skip

NAME, BUFFER = 0x9000, 0xA000  # where an end wants the other's identity, and messages
PAGE, THERE = 0x2_1000, 0x0070_0000  # the page that is shared, and where the other end maps it
ONE, OTHER = 1, 2
Steps = Generator[Operation, Any, Any]


def opens(number: int, buffer: int = NAME) -> Vmmcall:
    return Vmmcall(Hypercall.OPEN, number, buffer)


def sends(number: int, length: int = 4, address: int = BUFFER, wait: bool = True) -> Vmmcall:
    return Vmmcall(Hypercall.SEND, address, length, number, esi=not wait)


def receives(number: int, size: int = 64, address: int = BUFFER, wait: bool = True) -> Vmmcall:
    return Vmmcall(Hypercall.RECEIVE, address, size, number, esi=not wait)


def shares(number: int, page: int = PAGE) -> Vmmcall:
    return Vmmcall(Hypercall.SHARE_PAGE, page, number)


def maps(number: int, at: int = THERE) -> Vmmcall:
    return Vmmcall(Hypercall.MAP_SHARED, at, number)


def closes(number: int) -> Vmmcall:
    return Vmmcall(Hypercall.CLOSE, number)


def waits_for_any(wait: bool = True) -> Vmmcall:
    return Vmmcall(Hypercall.WAIT, esi=not wait)


def turns(count: int) -> Script:
    for _ in range(count):
        yield Vmmcall(Hypercall.YIELD)


def again(call: Vmmcall) -> Steps:
    """Until it is answered otherwise."""
    while (answer := (yield call)) == Status.AGAIN:
        yield Vmmcall(Hypercall.YIELD)
    return answer


def calls(seen: list[object], *wanted: Operation) -> Callable[[], Script]:
    """A guest that does this, one after the other, and keeps what comes of it."""

    def script() -> Script:
        for call in wanted:
            seen.append((yield call))

    return script
