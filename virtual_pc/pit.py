"""Channel 0 of the 8254 that each guest sees: the system tick, and its count to read back."""

from contracts.memory_map import Port

__all__ = ["VirtualPit"]

_FULL = 0x10000
_CONTROL = Port.PIT + 3
_ONE_SHOT_MODES = (0, 1, 4, 5)
_LATCH, _LOW, _HIGH, _BOTH = range(4)


class VirtualPit:
    """One periodic or one-shot interval. Ticks that fall between two looks at it are merged into one interrupt."""

    def __init__(self, cycles_per_tick: int) -> None:
        self._cycles = cycles_per_tick
        self._access = _BOTH
        self._mode = 3
        self._low: int | None = None  # first byte of a pair
        self._read: list[int] = []
        self._start = 0
        self._interval = 0  # cycles; 0: not running
        self._due = 0

    @property
    def running(self) -> bool:
        """Whether an interrupt will come by itself."""
        return bool(self._interval)

    def write(self, port: int, value: int, now: int) -> None:
        """A byte to ports 40h to 43h; channels 1 and 2 are not there."""
        if port == _CONTROL and value >> 6 == 0:
            access = value >> 4 & 3
            if access == _LATCH:
                self._latch(now)
            else:
                self._access, self._mode, self._interval = access, value >> 1 & 7, 0
                self._low, self._read = None, []
        elif port == Port.PIT:
            if self._access == _BOTH and self._low is None:
                self._low = value
                return
            count = value << 8 | (self._low or 0) if self._access != _LOW else value
            self._low = None
            self._interval = (count or _FULL) * self._cycles
            self._start, self._due = now, now + self._interval

    def _latch(self, now: int) -> None:
        """Hold the count until it has been read."""
        if not self._read:
            left = self._interval - (now - self._start) % self._interval if self._interval else 0
            count = left // self._cycles & 0xFFFF
            self._read = {_LOW: [count & 0xFF], _HIGH: [count >> 8]}.get(self._access, [count & 0xFF, count >> 8])

    def read(self, port: int, now: int) -> int:
        """A byte from port 40h."""
        if port != Port.PIT:
            return 0xFF
        self._latch(now)
        return self._read.pop(0)

    def tick(self, now: int) -> bool:
        """Whether the line has risen since the last call."""
        if not self._interval or now < self._due:
            return False
        if self._mode in _ONE_SHOT_MODES:
            self._interval = 0
        else:
            self._due = now + self._interval - (now - self._start) % self._interval
        return True
