"""Instruction lines from a Python memory: what stands where the instruction cache will be."""

from collections.abc import Callable
from random import Random

from rtl.fetch.port import LINE_BYTES

__all__ = ["LineServer", "byte_at", "physical_line"]

_PAGE_LINES = 256


def physical_line(linear_line: int) -> int:
    """An arbitrary translation, page by page, which tells pages apart."""
    page, line = divmod(linear_line, _PAGE_LINES)
    return (page * 0x9E37 + 0x123) % (1 << 20) << 8 | line


def byte_at(linear: int) -> int:
    """The byte at a linear address."""
    return (linear * 0x9E3779B1 >> 11 ^ linear) & 0xFF


class LineServer:
    """Answers requests after a random time; call ``before`` ahead of each tick and ``after`` behind it.

    ``faults`` says which linear lines cannot be fetched; ``asked`` lists the lines that were asked for.
    """

    def __init__(
        self, ctx, lines, rng: Random, faults: Callable[[int], bool] = lambda line: False, read: Callable[[int], int] = byte_at
    ) -> None:
        self.ctx, self.lines, self.rng, self.faults, self.read = ctx, lines, rng, faults, read
        self.pending: tuple[int, int] | None = None  # line, cycles to go
        self.asked: list[int] = []
        self.accepted: int | None = None
        self.answering: int | None = None

    def before(self) -> None:
        """Drive this cycle."""
        ctx, lines = self.ctx, self.lines
        self.answering = None
        if self.pending and self.pending[1] == 0:
            self.answering = line = self.pending[0]
            fault = self.faults(line)
            data = bytes(self.rng.randrange(256) if fault else self.read(line * LINE_BYTES + i) for i in range(LINE_BYTES))
            ctx.set(lines.response_data, int.from_bytes(data, "little"))
            ctx.set(lines.response_physical, physical_line(line))
            ctx.set(lines.response_fault, int(fault))
            ctx.set(lines.response_error, 5)
        ctx.set(lines.response_valid, int(self.answering is not None))
        free = self.pending is None or self.answering is not None
        ctx.set(lines.request_ready, int(free and self.rng.random() < 0.7))

    def sample(self) -> None:
        """Look at the outputs of this cycle (just before the tick)."""
        ctx, lines = self.ctx, self.lines
        self.accepted = ctx.get(lines.request_line) if ctx.get(lines.request_valid) and ctx.get(lines.request_ready) else None

    def after(self) -> None:
        """The tick is over."""
        if self.answering is not None:
            self.pending = None
        elif self.pending:
            self.pending = self.pending[0], self.pending[1] - 1
        if self.accepted is not None:
            assert self.pending is None, "asked for a second line before the answer"
            self.asked.append(self.accepted)
            self.pending = self.accepted, self.rng.choice((0, 0, 0, 1, 4))
