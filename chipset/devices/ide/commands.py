"""What a command code means to the drive."""

from amaranth.hdl import Module, Value
from amaranth.lib import data, enum, memory, wiring
from amaranth.lib.wiring import In, Out

from contracts.ide import Ata, TransferMode

__all__ = ["Command", "CommandDecoder", "Work", "transfer_mode"]

_CODES = 256
_PIO_MODES, _DMA_MODES = 5, 3  # numbered from 0
_MODE_BITS = 3


class Work(enum.Enum, shape=4):
    """What a command has the drive do, sector by sector or at once."""

    ABORT = 0  # the drive does not know it
    NOTHING = 1  # it is done as soon as it is there
    MEDIUM = 2  # sectors, as the flags of ``Command`` say
    IDENTIFY = 3
    FLUSH = 4
    DIAGNOSTIC = 5
    GEOMETRY = 6  # INITIALIZE DEVICE PARAMETERS
    POWER_MODE = 7  # CHECK POWER MODE
    FEATURES = 8  # SET FEATURES
    BLOCK = 9  # SET MULTIPLE MODE


class Command(data.Struct):
    """A command, decoded. With none of the flags MEDIUM checks the address and that is all."""

    work: Work
    reads: 1  # sectors come from the medium
    writes: 1  # sectors go to it
    transfers: 1  # sectors go to the host, or come from it
    dma: 1  # by the bus master
    multiple: 1  # in blocks of as many sectors as are set


_COMMANDS = (
    ((Ata.READ_SECTORS, Ata.READ_SECTORS_NO_RETRY), Work.MEDIUM, ("reads", "transfers")),
    ((Ata.WRITE_SECTORS, Ata.WRITE_SECTORS_NO_RETRY), Work.MEDIUM, ("writes", "transfers")),
    ((Ata.READ_MULTIPLE,), Work.MEDIUM, ("reads", "transfers", "multiple")),
    ((Ata.WRITE_MULTIPLE,), Work.MEDIUM, ("writes", "transfers", "multiple")),
    ((Ata.READ_DMA, Ata.READ_DMA_NO_RETRY), Work.MEDIUM, ("reads", "transfers", "dma")),
    ((Ata.WRITE_DMA, Ata.WRITE_DMA_NO_RETRY), Work.MEDIUM, ("writes", "transfers", "dma")),
    ((Ata.READ_VERIFY, Ata.READ_VERIFY_NO_RETRY), Work.MEDIUM, ("reads",)),
    (range(Ata.SEEK, Ata.SEEK + 16), Work.MEDIUM, ()),
    (range(Ata.RECALIBRATE, Ata.RECALIBRATE + 16), Work.NOTHING, ()),
    ((Ata.STANDBY_IMMEDIATE, Ata.IDLE_IMMEDIATE, Ata.STANDBY, Ata.IDLE), Work.NOTHING, ()),  # it is always awake
    ((Ata.IDENTIFY_DEVICE,), Work.IDENTIFY, ("reads", "transfers")),
    ((Ata.FLUSH_CACHE,), Work.FLUSH, ()),
    ((Ata.EXECUTE_DIAGNOSTIC,), Work.DIAGNOSTIC, ()),
    ((Ata.INITIALIZE_PARAMETERS,), Work.GEOMETRY, ()),
    ((Ata.CHECK_POWER_MODE,), Work.POWER_MODE, ()),
    ((Ata.SET_FEATURES,), Work.FEATURES, ()),
    ((Ata.SET_MULTIPLE_MODE,), Work.BLOCK, ()),
)


class CommandDecoder(wiring.Component):
    """A table. ``code`` In(8); ``command`` Out(Command), a cycle later."""

    code: In(8)
    command: Out(Command)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = [Command.const({"work": Work.ABORT}) for _ in range(_CODES)]
        for codes, work, flags in _COMMANDS:
            for code in codes:
                words[int(code)] = Command.const({"work": work, **dict.fromkeys(flags, 1)})
        m.submodules.table = table = memory.Memory(shape=Command, depth=_CODES, init=words)
        read = table.read_port(domain="sync")
        m.d.comb += [read.addr.eq(self.code), self.command.eq(read.data)]
        return m


def transfer_mode(value: Value) -> tuple[Value, Value]:
    """Whether SET_TRANSFER_MODE's value (8 bits) is a PIO mode that the drive has, and whether it is a multiword DMA mode."""
    kind, number = value[_MODE_BITS:], value[:_MODE_BITS]
    is_default = (kind == TransferMode.PIO_DEFAULT >> _MODE_BITS) & (number <= TransferMode.PIO_DEFAULT_NO_IORDY)
    is_pio = (kind == TransferMode.PIO_FLOW_CONTROL >> _MODE_BITS) & (number < _PIO_MODES)
    is_dma = (kind == TransferMode.MULTIWORD_DMA >> _MODE_BITS) & (number < _DMA_MODES)
    return is_default | is_pio, is_dma
