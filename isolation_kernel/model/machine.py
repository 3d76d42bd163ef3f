"""The machine interface on the model: memory, TLB, interrupt controller, timer, and a script behind each vCPU block."""

from collections.abc import Callable

from contracts.clocks import CYCLES_PER_PIT_TICK
from contracts.host_link import KERNEL_CYCLES_PER_EXIT
from contracts.memory_map import PAGE_SIZE, Irq, Port, RamLayout
from isolation_kernel.model.cpu import GuestCpu
from isolation_kernel.model.memory import PhysicalMemory, Straps
from isolation_kernel.model.script import Script
from isolation_kernel.model.state import Block
from isolation_kernel.model.tlb import Tlb
from isolation_kernel.model.uart import Uart
from virtual_pc.pic import PicPair
from virtual_pc.pit import VirtualPit
from virtual_pc.ps2 import VirtualPs2
from virtual_pc.vga import VGA_PORTS, VirtualVga

__all__ = ["ModelMachine", "PlatformReset", "Stuck"]

_RUN_CYCLES = 100
_ACCESS_CYCLES = 14  # a word, a byte, or a line of 16 bytes over the host link: what a burst takes on the RTL
_LINE = 16
_RESET_BITS: dict[int, int] = {Port.SYSTEM_CONTROL_A: 1, Port.RESET_CONTROL: 4}


class PlatformReset(Exception):
    """The whole machine was reset."""


class Stuck(Exception):
    """A guest runs and nothing ends it."""


class ModelMachine:
    """A machine without circuits. ``translations`` (None: not kept) lists each translation used: ASID, linear, physical, write.

    Each access of the kernel takes ``access_cycles``, of a block each line of 16 bytes.
    """

    def __init__(
        self, layout: RamLayout | None = None, cycles_per_pit_tick: int = CYCLES_PER_PIT_TICK, straps: Straps | None = None
    ) -> None:
        self.memory = PhysicalMemory((layout or RamLayout()).size, straps or Straps())
        self.tlb = Tlb()
        self.pic = PicPair()
        self.pit = VirtualPit(cycles_per_pit_tick)
        self.ps2 = VirtualPs2(self.pic)
        self.vga = VirtualVga()
        self.msrs: dict[int, int] = {}
        self.uart = Uart()
        self.access_cycles = _ACCESS_CYCLES
        self.exited: int | None = None
        self.is_shut_down = False
        self.operation_limit = 100_000
        self.translations: list[tuple[int, int, int, bool]] | None = None
        self.cpus: dict[int, GuestCpu] = {}
        self.on_read: Callable[[int], None] = lambda address: None  # a test changes memory right after the kernel's read of a word
        self._cycles = 0

    def attach(self, block: int, script: Callable[[], Script]) -> GuestCpu:
        """Put a script behind a vCPU block."""
        self.cpus[block] = GuestCpu(self, script)
        return self.cpus[block]

    # time and interrupts

    def advance(self, cycles: int) -> None:
        """Time passes: the timer, and DMA."""
        self._cycles += cycles
        for master in self.memory.masters:
            master.step()
        if self.pit.tick(self._cycles):
            self.pic.raise_line(Irq.TIMER)
        while self.memory.raised:
            self.pic.raise_line(self.memory.raised.pop())

    def set_time(self, cycles: int) -> None:
        """A replay says what time it is; nothing happens meanwhile."""
        self._cycles = cycles

    def _charge(self, length: int = 1) -> None:
        self._cycles += self.access_cycles * -(-length // _LINE)

    @property
    def com1(self) -> bytearray:
        """What COM1 has sent."""
        return self.uart.sent

    def interrupt_pending(self) -> bool:
        """INTR of the 8259s."""
        return self.pic.pending() is not None

    def stuck(self) -> None:
        """A guest has run too long."""
        raise Stuck

    def platform_reset(self) -> PlatformReset:
        """The exception to raise."""
        return PlatformReset()

    # the machine interface

    def read32(self, address: int) -> int:
        self._charge()
        value = self.memory.read32(address)
        self.on_read(address)
        return value

    def write32(self, address: int, value: int) -> None:
        assert 0 <= value < 1 << 32 and not address & 3
        self._charge()
        self.memory.write32(address, value)

    def read_block(self, address: int, length: int) -> bytes:
        assert address + length <= len(self.memory.ram)
        self._charge(length)
        return bytes(self.memory.ram[address : address + length])

    def write_block(self, address: int, data: bytes) -> None:
        assert address + len(data) <= len(self.memory.ram)
        self._charge(len(data))
        self.memory.ram[address : address + len(data)] = data

    def clear(self, address: int, length: int) -> None:
        assert not address % PAGE_SIZE and not length % PAGE_SIZE
        self.write_block(address, bytes(length))

    def io_read(self, port: int) -> int:
        self._charge()
        if Port.COM1 <= port < Port.COM1 + 8:
            return self.uart.read(port - Port.COM1)
        if port & ~0x81 == Port.PIC_MASTER:
            return self.pic.read(port)
        if Port.PIT <= port < Port.PIT + 4:
            return self.pit.read(port, self._cycles)
        if port in (Port.KBC_DATA, Port.KBC_STATUS):
            return self.ps2.read(port)
        if port in VGA_PORTS:
            return self.vga.read(port, self._cycles) if self.memory.has_display else 0xFF
        if Port.PCI_DATA <= port < Port.PCI_DATA + 4:
            return self.memory.pci.read(port - Port.PCI_DATA)
        found = self.memory.ide.find(port)
        return 0xFF if found is None else self.memory.ide.read(*found)

    def io_write(self, port: int, value: int) -> None:
        assert 0 <= value < 256
        self._charge()
        if port & ~0x81 == Port.PIC_MASTER:
            self.pic.write(port, value)
        elif Port.PIT <= port < Port.PIT + 4:
            self.pit.write(port, value, self._cycles)
        elif Port.COM1 <= port < Port.COM1 + 8:
            self.uart.write(port - Port.COM1, value)
        elif port == Port.EXIT:
            self.exited = value
        elif value & _RESET_BITS.get(port, 0):
            raise PlatformReset
        elif port in (Port.KBC_DATA, Port.KBC_STATUS):
            if self.ps2.write(port, value):
                raise PlatformReset
        elif port in VGA_PORTS:
            self.vga.write(port, value)
        elif Port.PCI_DATA <= port < Port.PCI_DATA + 4:
            self.memory.pci.write(port - Port.PCI_DATA, value)
        elif (found := self.memory.ide.find(port)) is not None:
            self.memory.ide.write(*found, value)

    def io_write32(self, port: int, value: int) -> None:
        assert 0 <= value < 1 << 32 and not port & 3
        if port == Port.PCI_ADDRESS:
            self._charge()
            self.memory.pci.address = value
            return
        for n in range(4):
            self.io_write(port + n, value >> 8 * n & 0xFF)

    def run(self, block: int) -> None:
        self._cycles += _RUN_CYCLES + KERNEL_CYCLES_PER_EXIT
        self.cpus[block].run(Block(self.memory, block))

    def take_interrupt(self, block: int) -> int | None:
        return self.pic.acknowledge()

    def halt(self, block: int) -> int | None:
        for _ in range(self.operation_limit):
            if self.interrupt_pending():
                return self.take_interrupt(block)
            self.advance(1000)
        raise Stuck

    def invlpga(self, block: int, linear: int, asid: int) -> None:
        self.tlb.flush_page(asid, linear // PAGE_SIZE)

    def time(self) -> int:
        return self._cycles

    def shutdown(self) -> None:
        self.is_shut_down = True
