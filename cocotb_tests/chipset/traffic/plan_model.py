"""What a traffic generator asks for, in Python."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chipset.traffic.generator import ACCESS_BYTES, Direction, next_random, seed_of
from contracts.bus import BURST_WORDS

__all__ = ["LINE_BYTES", "Line", "PlanModel"]

LINE_BYTES = 4 * BURST_WORDS


@dataclass(frozen=True)
class Line:
    """A line that is asked for."""

    address: int
    write: bool


class PlanModel:
    """Generator ``number``; its random numbers go on from round to round."""

    def __init__(self, number: int, width: int) -> None:
        self._state = seed_of(number, width)
        self._width = width

    def lines(self, plan: Mapping[str, Any], accesses: int) -> Iterator[Line]:
        """Of a round, in order; ``plan`` as of ``Plan``, what is not given is 0."""
        position = 0
        for n in range(accesses):
            direction = plan["direction"]
            number = self._state % (1 << self._width - 1) if plan.get("random") else position
            if direction is Direction.COPY:
                write = n % 2 == 1
            elif direction is Direction.EITHER:
                write = bool(self._state >> self._width - 1)
            else:
                write = direction is Direction.WRITE
            base = plan.get("target" if write else "source", 0) + number * ACCESS_BYTES % (1 << plan["bits"])
            yield from (Line(base + offset, write) for offset in range(0, ACCESS_BYTES, LINE_BYTES))
            position += direction is not Direction.COPY or write
            self._state = next_random(self._state, self._width)
