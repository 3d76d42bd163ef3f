"""A decoder at work on bytes that Python hands it."""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from amaranth.sim import Simulator

from rtl.arch.opcode_map import ROWS
from rtl.decode.decoder import Decoder
from rtl.decode.row import Row
from rtl.fetch.port import WINDOW_BYTES

__all__ = ["LABELS", "labels_of", "Feed", "Stream", "decode", "simulate"]


def labels_of(rows: Iterable[Row]) -> dict[str, int]:
    """An address for each label."""
    return {name: i + 1 for i, name in enumerate(sorted({n for row in rows for n in (row.register, row.memory) if n}))}


LABELS = labels_of(ROWS)
"""Labels of the opcode map."""


@dataclass
class Stream:
    """Bytes from ``eip`` on, and what happens after the last of them.

    ``fault`` is None (bytes never come), "limit" or "page". ``physical`` is the address of the first byte, ``line_next`` the physical
    number of the line after its own.
    """

    code: bytes
    eip: int = 0x1000
    fault: str | None = None
    physical: int = 0x5000
    line_next: int = 0x999


class Feed:
    """Drives a decoder's window; looks after consumption."""

    def __init__(self, ctx, decoder: Decoder) -> None:
        self.ctx, self.decoder = ctx, decoder
        self.stream = Stream(b"")
        self.at = 0
        self.visible = 0  # bytes of the stream that have come

    def show(self) -> None:
        """Put the window in front of the decoder."""
        ctx, window, stream = self.ctx, self.decoder.window, self.stream
        there = stream.code[self.at : min(self.visible, self.at + WINDOW_BYTES)]
        at_end = self.at + len(there) == len(stream.code) and len(there) < WINDOW_BYTES
        ctx.set(window.bytes.as_value(), int.from_bytes(there, "little"))
        ctx.set(window.count, len(there))
        ctx.set(window.eip, stream.eip + self.at)
        first_line = (stream.physical + self.at) >> 4 == stream.physical >> 4
        ctx.set(window.physical, stream.physical + self.at if first_line else stream.line_next << 4 | (stream.physical + self.at) % 16)
        ctx.set(window.next_line, stream.line_next if first_line else 0xBAD)
        ctx.set(window.fault, int(at_end and stream.fault is not None))
        ctx.set(window.page_fault, int(stream.fault == "page"))
        ctx.set(window.error, 4)
        ctx.set(window.fault_address, 0x7000_0000 + len(stream.code))

    async def start(self, stream: Stream, mode: dict[str, int], visible: int | None = None) -> None:
        """Redirect to a stream."""
        ctx, decoder = self.ctx, self.decoder
        ctx.set(decoder.mode, mode)
        ctx.set(decoder.redirect, 1)
        await ctx.tick()
        ctx.set(decoder.redirect, 0)
        self.stream, self.at = stream, 0
        self.visible = len(stream.code) if visible is None else visible
        self.show()

    async def tick(self, more: int = 0) -> None:
        """A cycle; ``more`` bytes come after it."""
        consumed = self.ctx.get(self.decoder.consume)
        assert consumed <= self.ctx.get(self.decoder.window.count), "took bytes that are not there"
        await self.ctx.tick()
        self.at += consumed
        self.visible = min(self.visible + more, len(self.stream.code))
        self.show()

    async def result(self, limit: int = 60):
        """Wait for an instruction, without taking it; None if none comes."""
        for _ in range(limit):
            if self.ctx.get(self.decoder.decoded.valid):
                return self.ctx.get(self.decoder.decoded.payload)
            await self.tick()
        return None


def simulate(body: Callable[[Feed], Coroutine], rows: Iterable[Row] = ROWS, labels: dict[str, int] | None = None) -> None:
    """Run ``body`` with a decoder for these rows."""
    rows = tuple(rows)
    decoder = Decoder(rows, LABELS if labels is None else labels)

    async def run(ctx) -> None:
        await body(Feed(ctx, decoder))

    simulator = Simulator(decoder)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()


async def decode(feed: Feed, code: bytes, mode: dict[str, int], **stream: Any):
    """The first instruction of ``code``."""
    await feed.start(Stream(code, **stream), mode)
    return await feed.result()
