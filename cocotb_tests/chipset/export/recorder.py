"""Timing diagrams as text: what one-bit signals did, a column a cycle."""

from collections.abc import Sequence

import cocotb
from cocotb.triggers import RisingEdge

__all__ = ["Recorder"]

_LOW, _HIGH = "▁▁", "██"


class Recorder:
    """Looks at ``names`` at each rising edge of ``clock`` until it is asked for the ``text``."""

    def __init__(self, dut, clock, names: Sequence[str]) -> None:
        self._seen: dict[str, list[int]] = {name: [] for name in names}
        self._dut, self._clock = dut, clock
        self._task = cocotb.start_soon(self._run())

    async def _run(self) -> None:
        while True:
            await RisingEdge(self._clock)
            for name, values in self._seen.items():
                values.append(int(getattr(self._dut, name).value))

    def text(self) -> str:
        """From the cycle before anything rises first to the one after the last; the first signal is the one that begins."""
        self._task.cancel()
        first = next(iter(self._seen.values()))
        start = max(0, first.index(1) - 1)
        columns = list(zip(*(values[start:] for values in self._seen.values()), strict=True))
        while len(columns) > 2 and columns[-1] == columns[-2]:
            columns.pop()
        width = max(map(len, self._seen)) + 2
        lines = ["cycle".ljust(width) + "".join(f"{n % 10} " for n in range(len(columns))).rstrip()]
        for row, name in enumerate(self._seen):
            lines.append(name.ljust(width) + "".join(_HIGH if column[row] else _LOW for column in columns))
        return "\n".join(lines) + "\n"
