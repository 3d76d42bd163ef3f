"""The model's COM1: what a 16550 remembers of what was written to it. Nothing arrives but what it sends itself in loopback."""

__all__ = ["Uart"]

_DATA, _ENABLE, _FIFO, _LINE, _MODEM, _LINE_STATUS, _MODEM_STATUS, _SCRATCH = range(8)
_DIVISOR_ACCESS = 1 << 7
_LOOPBACK = 1 << 4
_DEPTH = 16
_PARTNER = 0xB  # clear to send, ready, carrier: a partner that is always there
_RING = 1 << 2


class Uart:
    """``sent`` is what has left; ``registers`` by offset, the divisor's bytes behind them."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self._registers = bytearray(_SCRATCH + 1)
        self._divisor = bytearray(2)
        self._received = bytearray()
        self._fifos = self._overrun = False
        self._delta = 0

    def _lines(self) -> int:
        """Clear to send, ready, ring, carrier: in loopback the outputs."""
        modem = self._registers[_MODEM]
        return (modem >> 1 & 1 | modem << 1 & 2 | modem & 0xC) if modem & _LOOPBACK else _PARTNER

    def write(self, register: int, value: int) -> None:
        """A byte."""
        if register in (_DATA, _ENABLE) and self._registers[_LINE] & _DIVISOR_ACCESS:
            self._divisor[register] = value
        elif register == _DATA:
            if not self._registers[_MODEM] & _LOOPBACK:
                self.sent.append(value)
            elif len(self._received) < (_DEPTH if self._fifos else 1):
                self._received.append(value)
            else:
                self._overrun = True
        elif register == _FIFO:
            if value & 1 != self._fifos or value & 3 == 3:
                self._received.clear()
            self._fifos = bool(value & 1)
        elif register in (_ENABLE, _LINE, _MODEM, _SCRATCH):
            before = self._lines()
            self._registers[register] = value
            now = self._lines()
            self._delta |= (before ^ now) & (~_RING | before)

    def read(self, register: int) -> int:
        """A byte."""
        if register in (_DATA, _ENABLE) and self._registers[_LINE] & _DIVISOR_ACCESS:
            return self._divisor[register]
        if register == _DATA:
            return self._received.pop(0) if self._received else 0
        if register == _FIFO:
            return 0xC1 if self._fifos else 1
        if register == _LINE_STATUS:
            overrun, self._overrun = self._overrun, False
            return 0x60 | overrun << 1 | bool(self._received)
        if register == _MODEM_STATUS:
            delta, self._delta = self._delta, 0
            return self._lines() << 4 | delta
        return self._registers[register]
