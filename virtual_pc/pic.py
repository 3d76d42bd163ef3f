"""The 8259 pair that each guest sees: edge-triggered, fully nested, as far as operating systems use it."""

from contracts.memory_map import Irq, Port

__all__ = ["PicPair"]

_LINES = 8
_ICW1 = 1 << 4
_ICW1_NEEDS_ICW4 = 1 << 0
_ICW1_SINGLE = 1 << 1
_ICW4_AUTO_EOI = 1 << 1
_OCW3 = 1 << 3
_OCW2_EOI = 1 << 5
_OCW2_SPECIFIC = 1 << 6
_OCW3_READ = 1 << 1
_OCW3_READ_ISR = 1 << 0


def _first(lines: int) -> int:
    """The line with the highest priority; _LINES if there is none."""
    return next((line for line in range(_LINES) if lines >> line & 1), _LINES)


class _Pic:
    """One 8259."""

    def __init__(self) -> None:
        self.requests = self.in_service = 0
        self.mask = 0xFF
        self.base = 0
        self._expected: list[int] = []  # initialisation words to come
        self._auto_eoi = False
        self._read_isr = False

    def highest(self) -> int | None:
        """The line to be served next, if it has priority over what is in service."""
        line = _first(self.requests & ~self.mask)
        return line if line < _first(self.in_service) else None

    def acknowledge(self, line: int) -> int:
        self.requests &= ~(1 << line)
        if not self._auto_eoi:
            self.in_service |= 1 << line
        return self.base + line

    def write(self, data_port: bool, value: int) -> None:
        if data_port:
            if not self._expected:
                self.mask = value
            elif (word := self._expected.pop(0)) == 2:
                self.base = value & 0xF8
            elif word == 4:
                self._auto_eoi = bool(value & _ICW4_AUTO_EOI)
        elif value & _ICW1:
            self.__init__()  # type: ignore[misc]
            self.mask = 0
            self._expected = [2] + ([] if value & _ICW1_SINGLE else [3]) + ([4] if value & _ICW1_NEEDS_ICW4 else [])
        elif value & _OCW3:
            if value & _OCW3_READ:
                self._read_isr = bool(value & _OCW3_READ_ISR)
        elif value & _OCW2_EOI:
            line = value & 7 if value & _OCW2_SPECIFIC else _first(self.in_service)
            self.in_service &= ~(1 << line)

    def read(self, data_port: bool) -> int:
        return self.mask if data_port else self.in_service if self._read_isr else self.requests


class PicPair:
    """Master and slave."""

    def __init__(self) -> None:
        self.master, self.slave = _Pic(), _Pic()

    def raise_line(self, irq: int) -> None:
        """A rising edge on one of the sixteen lines."""
        (self.slave if irq >= _LINES else self.master).requests |= 1 << irq % _LINES

    def lower_line(self, irq: int) -> None:
        """A line falls: what it has asked for, and nobody has served, is forgotten."""
        (self.slave if irq >= _LINES else self.master).requests &= ~(1 << irq % _LINES)

    def _choose(self) -> tuple[_Pic, int] | None:
        line = self.slave.highest()
        cascade = 1 << Irq.CASCADE
        self.master.requests = self.master.requests & ~cascade | (0 if line is None else cascade)
        first = self.master.highest()
        if first is None:
            return None
        return (self.slave, line) if first == Irq.CASCADE and line is not None else (self.master, first)

    def pending(self) -> int | None:
        """The vector that would be served now, without serving it."""
        chosen = self._choose()
        return None if chosen is None else chosen[0].base + chosen[1]

    def acknowledge(self) -> int | None:
        """Serve it."""
        chosen = self._choose()
        if chosen is None:
            return None
        if chosen[0] is self.slave:
            self.master.acknowledge(Irq.CASCADE)
        return chosen[0].acknowledge(chosen[1])

    def _at(self, port: int) -> _Pic:
        return self.slave if port & ~1 == Port.PIC_SLAVE else self.master

    def read(self, port: int) -> int:
        """A byte from one of the four ports."""
        return self._at(port).read(bool(port & 1))

    def write(self, port: int, value: int) -> None:
        """A byte to one of the four ports."""
        self._at(port).write(bool(port & 1), value)
