"""The ports of the PC that a guest sees: a virtual device where one is needed, ones elsewhere. Configuration space is not among them."""

from enum import IntEnum

from contracts.memory_map import Irq, Port
from virtual_pc.pic import PicPair
from virtual_pc.pit import VirtualPit
from virtual_pc.uart import VirtualUart

__all__ = ["Effect", "VirtualPc"]

_PIC_PORTS = (Port.PIC_MASTER, Port.PIC_MASTER + 1, Port.PIC_SLAVE, Port.PIC_SLAVE + 1)
_PIT_PORTS = range(Port.PIT, Port.PIT + 4)
_UART_PORTS = range(Port.COM1, Port.COM1 + 8)
_ONES = 0xFF
_KBC_READ_OUTPUT, _KBC_WRITE_OUTPUT = 0xD0, 0xD1
_KBC_PULSE, _KBC_PULSE_MASK = 0xF0, 0xF1  # F0h to FEh pulse the lines whose bits are 0; line 0 is reset
_OUTPUT_PORT = 0xDF  # A20 on, no reset
_OUTPUT_NO_RESET = 1 << 0
_STATUS_OUTPUT_FULL = 1 << 0
_FAST_A20 = 1 << 1
_RESET_BITS: dict[int, int] = {Port.SYSTEM_CONTROL_A: 1 << 0, Port.RESET_CONTROL: 1 << 2}
_FIXED: dict[int, int] = {Port.DEBUG_CONSOLE: 0xE9, Port.SYSTEM_CONTROL_A: _FAST_A20}


class Effect(IntEnum):
    """What a write asks of the kernel, beyond the devices of the guest."""

    NONE = 0
    PRINT = 1  # the byte that was written
    RESET = 2  # the guest asks for a reset: of itself, as far as it can tell
    EXIT = 3  # the guest ends, with the byte as its status


class VirtualPc:
    """One guest's devices. ``now`` is always the processor's time stamp counter; ports are 16 bits, values 8."""

    def __init__(self, cycles_per_pit_tick: int) -> None:
        self.pic, self.pit, self.uart = PicPair(), VirtualPit(cycles_per_pit_tick), VirtualUart()
        self._keyboard_command = 0  # a command to the 8042 that waits for its data
        self._keyboard_output: int | None = None

    # interrupts and time

    def raise_line(self, irq: int) -> None:
        """A rising edge on one of the sixteen lines."""
        self.pic.raise_line(irq)

    def pending(self) -> int | None:
        """The vector that would be served now, without serving it."""
        return self.pic.pending()

    def acknowledge(self) -> None:
        """It is served."""
        self.pic.acknowledge()

    def tick(self, now: int) -> None:
        """Time has passed."""
        if self.pit.tick(now):
            self.pic.raise_line(Irq.TIMER)

    def running(self) -> bool:
        """Whether an interrupt will come by itself."""
        return self.pit.running

    # ports

    def read(self, port: int, now: int) -> int:
        """A byte."""
        if port in _PIC_PORTS:
            return self.pic.read(port)
        if port in _PIT_PORTS:
            return self.pit.read(port, now)
        if port in _UART_PORTS:
            return self.uart.read(port - Port.COM1)
        if port == Port.KBC_STATUS:
            return _STATUS_OUTPUT_FULL if self._keyboard_output is not None else 0
        if port == Port.KBC_DATA:
            value, self._keyboard_output = self._keyboard_output, None
            return 0 if value is None else value
        return _FIXED.get(port, _ONES)

    def write(self, port: int, value: int, now: int) -> Effect:
        """A byte; what it asks for. A20 stays on, whoever asks."""
        reset = bool(value & _RESET_BITS.get(port, 0))
        if port in _PIC_PORTS:
            self.pic.write(port, value)
        elif port in _PIT_PORTS:
            self.pit.write(port, value, now)
        elif port in _UART_PORTS:
            return Effect.PRINT if self.uart.write(port - Port.COM1, value) else Effect.NONE
        elif port == Port.DEBUG_CONSOLE:
            return Effect.PRINT
        elif port == Port.KBC_STATUS:
            reset = value & _KBC_PULSE_MASK == _KBC_PULSE
            self._keyboard_command = value if value == _KBC_WRITE_OUTPUT else 0
            if value == _KBC_READ_OUTPUT:
                self._keyboard_output = _OUTPUT_PORT
        elif port == Port.KBC_DATA:
            reset = self._keyboard_command == _KBC_WRITE_OUTPUT and not value & _OUTPUT_NO_RESET
            self._keyboard_command = 0
        elif port == Port.EXIT:
            return Effect.EXIT
        return Effect.RESET if reset else Effect.NONE
