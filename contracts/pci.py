"""PCI configuration mechanism 1 and the functions that answer it (PCI Local Bus Specification 2.1; Intel 82441FX and 82371SB data sheets).

A dword written to ``Port.PCI_ADDRESS`` names a register of a function; the four ports from ``Port.PCI_DATA`` on are that register, and
may be accessed by byte, word or dword. Bus 0 alone is there, with the functions of QEMU's i440FX machine; everything else reads as ones.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from contracts.registers import Access, Field, Register

__all__ = [
    "BAR_IO_MASK", "BAR_IO_SPACE", "BASE_ADDRESSES", "CONFIG_ADDRESS", "CONFIG_SIZE", "FUNCTIONS", "HOST_BRIDGE", "IDE_FUNCTION",
    "ISA_BRIDGE", "Command", "ConfigOffset", "ConfigWord", "Function", "IdeTiming",
]  # fmt: skip

CONFIG_SIZE = 256  # bytes of a function's configuration space

CONFIG_ADDRESS = Register("CONFIG_ADDRESS", 0, Access.RW, "Which register CONFIG_DATA is; narrower accesses do not reach it.", (
    Field("REGISTER", 2, 6, "Dword of the function's configuration space."),
    Field("FUNCTION", 8, 3, "Function of the device."),
    Field("DEVICE", 11, 5, "Device on the bus."),
    Field("BUS", 16, 8, "Bus; 0 alone is there."),
    Field("ENABLE", 31, 1, "1 = CONFIG_DATA is a configuration register; 0 = nothing is there."),
))  # fmt: skip


class ConfigOffset(IntEnum):
    """Byte offsets in a function's configuration space, as far as a function here has them. The width in bytes is beside each."""

    VENDOR_ID = 0x00  # 2
    DEVICE_ID = 0x02  # 2
    COMMAND = 0x04  # 2
    STATUS = 0x06  # 2
    REVISION = 0x08  # 1
    PROG_IF = 0x09  # 1
    SUBCLASS = 0x0A  # 1
    CLASS = 0x0B  # 1
    LATENCY_TIMER = 0x0D  # 1
    HEADER_TYPE = 0x0E  # 1; bit 7: the device has further functions
    BAR4 = 0x20  # 4; of the IDE function: the bus master's I/O ports
    INTERRUPT_LINE = 0x3C  # 1; kept for software
    INTERRUPT_PIN = 0x3D  # 1; 0: none, the IDE channel has ISA's own line
    IDE_TIMING_PRIMARY = 0x40  # 2; ``IdeTiming``
    IDE_TIMING_SECONDARY = 0x42  # 2
    PIRQ_ROUTING = 0x60  # 4 of one byte each, of the ISA bridge: 80h, nothing is routed


class Command(IntFlag):
    """COMMAND."""

    IO = 1 << 0  # the function's I/O ports answer
    MEMORY = 1 << 1
    BUS_MASTER = 1 << 2  # the function may access memory


class IdeTiming(IntFlag):
    """IDETIM. Timings are kept for software: the drive here keeps up with every transfer mode."""

    DECODE = 1 << 15  # the channel's legacy ports answer


BASE_ADDRESSES = range(0x10, 0x28)  # offsets of the base address registers
BAR_IO_SPACE = 1  # bit 0 of a base address register: it places I/O ports
BAR_IO_MASK = 0xFFFF_FFF0  # BAR4's own bits: 16 ports

_BRIDGE, _STORAGE = 0x06, 0x01  # base classes
_IDE_LEGACY = 0x80  # programming interface: bus master; both channels at their legacy ports
_MULTI_FUNCTION = 0x80
_STATUS = 0x0280  # fast back-to-back capable, DEVSEL# medium


@dataclass(frozen=True)
class ConfigWord:
    """A dword of configuration space: its value after reset, and the bits that software may write."""

    reset: int
    writable: int = 0


def _word(low: int, high: int) -> int:
    return int(low) | high << 16


def _words(vendor: int, device: int, command: int, class_code: tuple[int, int, int], revision: int, header: int,
           command_writable: int = 0, latency_writable: int = 0) -> dict[int, ConfigWord]:  # fmt: skip
    base, sub, interface = class_code
    return {
        ConfigOffset.VENDOR_ID: ConfigWord(_word(vendor, device)),
        ConfigOffset.COMMAND: ConfigWord(_word(command, _STATUS), int(command_writable)),
        ConfigOffset.REVISION: ConfigWord(revision | interface << 8 | sub << 16 | base << 24),
        ConfigOffset.LATENCY_TIMER & ~3: ConfigWord(header << 16, latency_writable << 8),
    }


@dataclass(frozen=True)
class Function:
    """A function of bus 0. ``words``: its configuration space by dword offset; what is not named reads as 0 and cannot be written."""

    name: str
    device: int
    function: int
    words: dict[int, ConfigWord]
    doc: str

    def select(self, offset: int) -> int:
        """What CONFIG_ADDRESS must hold for CONFIG_DATA to be the dword at byte ``offset``."""
        fields = (("ENABLE", 1), ("DEVICE", self.device), ("FUNCTION", self.function), ("REGISTER", offset >> 2))
        return sum(CONFIG_ADDRESS.field(name).put(value) for name, value in fields)


HOST_BRIDGE = Function("HOST_BRIDGE", 0, 0, _words(
    0x8086, 0x1237, Command.MEMORY | Command.BUS_MASTER, (_BRIDGE, 0x00, 0x00), 0x02, 0x00,
), "82441FX; it has nothing that could be set here: memory's map is fixed.")  # fmt: skip

ISA_BRIDGE = Function("ISA_BRIDGE", 1, 0, _words(
    0x8086, 0x7000, Command.IO | Command.MEMORY | Command.BUS_MASTER, (_BRIDGE, 0x01, 0x00), 0x00, _MULTI_FUNCTION,
) | {ConfigOffset.PIRQ_ROUTING: ConfigWord(0x8080_8080)}, "82371SB (PIIX3), function 0; no PCI interrupt is routed.")  # fmt: skip

IDE_FUNCTION = Function("IDE", 1, 1, _words(
    0x8086, 0x7010, Command(0), (_STORAGE, 0x01, _IDE_LEGACY), 0x00, 0x00,
    command_writable=Command.IO | Command.BUS_MASTER, latency_writable=0xF0,
) | {
    ConfigOffset.BAR4: ConfigWord(BAR_IO_SPACE, BAR_IO_MASK),
    ConfigOffset.INTERRUPT_LINE: ConfigWord(0, 0xFF),
    ConfigOffset.IDE_TIMING_PRIMARY: ConfigWord(0, 0xFFFF_FFFF),
}, "82371SB (PIIX3), function 1: contracts/ide.py. DMA requester 2.")  # fmt: skip

FUNCTIONS = (HOST_BRIDGE, ISA_BRIDGE, IDE_FUNCTION)
