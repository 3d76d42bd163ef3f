"""The ports of the PC that a guest sees: a virtual device where one is needed, ones elsewhere. For configuration space see ``pci``."""

from contracts.memory_map import Irq, Port
from virtual_pc.pci import VirtualPci
from virtual_pc.pic import PicPair
from virtual_pc.pit import VirtualPit
from virtual_pc.ps2 import VirtualPs2
from virtual_pc.requests import Effect
from virtual_pc.uart import VirtualUart
from virtual_pc.vga import VGA_PORTS, VgaAccess, VirtualVga

__all__ = ["VirtualPc"]

_PIC_PORTS = (Port.PIC_MASTER, Port.PIC_MASTER + 1, Port.PIC_SLAVE, Port.PIC_SLAVE + 1)
_PIT_PORTS = range(Port.PIT, Port.PIT + 4)
_UART_PORTS = range(Port.COM1, Port.COM1 + 8)
_ONES = 0xFF
_KBC_PORTS = (Port.KBC_DATA, Port.KBC_STATUS)
_FAST_A20 = 1 << 1
_RESET_BITS: dict[int, int] = {Port.SYSTEM_CONTROL_A: 1 << 0, Port.RESET_CONTROL: 1 << 2}
_FIXED: dict[int, int] = {Port.DEBUG_CONSOLE: 0xE9, Port.SYSTEM_CONTROL_A: _FAST_A20}


class VirtualPc:
    """One guest's devices. ``now`` is always the processor's time stamp counter; ports are 16 bits, values 8."""

    def __init__(self, cycles_per_pit_tick: int) -> None:
        self.pic, self.pit, self.uart = PicPair(), VirtualPit(cycles_per_pit_tick), VirtualUart()
        self.ps2, self.vga, self.pci = VirtualPs2(self.pic), VirtualVga(), VirtualPci()
        self.time = 0  # what its time stamp counter holds more than the processor's, or how often it was read: ``clock``

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
        """Whether an interrupt will come by itself, or by the user's hands."""
        return self.pit.running or self.ps2.listens()

    # the user

    def hear(self, key: bytes, packet: bytes) -> None:
        """What the keyboard says of a key, in scan code set 2; the mouse's three bytes. Nothing of either: empty."""
        if key:
            self.ps2.key(key)
        if packet:
            self.ps2.move(packet)

    def shows(self) -> list[VgaAccess]:
        """Accesses to a real VGA that make it show what the guest's shows."""
        return self.vga.state()

    # ports

    def read(self, port: int, now: int) -> int:
        """A byte."""
        if port in _PIC_PORTS:
            return self.pic.read(port)
        if port in _PIT_PORTS:
            return self.pit.read(port, now)
        if port in _UART_PORTS:
            return self.uart.read(port - Port.COM1)
        if port in _KBC_PORTS:
            return self.ps2.read(port)
        if port in VGA_PORTS:
            return self.vga.read(port, now)
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
        elif port in _KBC_PORTS:
            reset = self.ps2.write(port, value)
        elif port in VGA_PORTS:
            self.vga.write(port, value)
        elif port == Port.EXIT:
            return Effect.EXIT
        return Effect.RESET if reset else Effect.NONE
