"""The 16550 that a guest without COM1 sees: what it sends goes to its console, nothing ever arrives."""

__all__ = ["VirtualUart"]

_REGISTERS = 8
_DATA, _INTERRUPT_ENABLE, _IDENTIFICATION, _LINE_CONTROL, _LINE_STATUS, _MODEM_STATUS = 0, 1, 2, 3, 5, 6
_DIVISOR_ACCESS = 1 << 7
_READ_ONLY = {_IDENTIFICATION: 0x01, _LINE_STATUS: 0x60, _MODEM_STATUS: 0xB0}  # nothing pending; empty; carrier, ready, clear to send


class VirtualUart:
    """Registers by their offset."""

    def __init__(self) -> None:
        self._registers = bytearray(_REGISTERS)

    def write(self, register: int, value: int) -> bool:
        """Write one; whether the value was sent."""
        if register == _DATA and not self._registers[_LINE_CONTROL] & _DIVISOR_ACCESS:
            return True
        if register not in (_DATA, _INTERRUPT_ENABLE) or not self._registers[_LINE_CONTROL] & _DIVISOR_ACCESS:
            self._registers[register] = value
        return False

    def read(self, register: int) -> int:
        """Read one."""
        return 0 if register == _DATA else _READ_ONLY.get(register, self._registers[register])
