"""What a command code means to the drive."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, enum

from contracts.ide import Ata, Feature, TransferMode

__all__ = ["Command", "Work", "decode"]

_PIO_MODES, _DMA_MODES = 5, 3  # numbered from 0


class Work(enum.Enum, shape=3):
    """What a command has the drive do, sector by sector or at once."""

    ABORT = 0  # the drive does not know it
    NOTHING = 1  # it is done as soon as it is there
    MEDIUM = 2  # sectors, as the flags of ``Command`` say
    IDENTIFY = 3
    FLUSH = 4
    DIAGNOSTIC = 5
    GEOMETRY = 6  # INITIALIZE DEVICE PARAMETERS
    POWER_MODE = 7  # CHECK POWER MODE


class Command(data.Struct):
    """A command, decoded. The flags are those of MEDIUM; with none of them the address is checked and that is all."""

    work: Work
    reads: 1  # sectors come from the medium
    writes: 1  # sectors go to it
    transfers: 1  # sectors go to the host, or come from it
    dma: 1  # by the bus master
    sets_dma_mode: 1  # SET FEATURES: a multiword DMA mode


_MEDIUM = {
    (Ata.READ_SECTORS, Ata.READ_SECTORS_NO_RETRY): ("reads", "transfers"),
    (Ata.WRITE_SECTORS, Ata.WRITE_SECTORS_NO_RETRY): ("writes", "transfers"),
    (Ata.READ_DMA, Ata.READ_DMA_NO_RETRY): ("reads", "transfers", "dma"),
    (Ata.WRITE_DMA, Ata.WRITE_DMA_NO_RETRY): ("writes", "transfers", "dma"),
    (Ata.READ_VERIFY, Ata.READ_VERIFY_NO_RETRY): ("reads",),
    tuple(range(Ata.SEEK, Ata.SEEK + 16)): (),
}
_SIMPLE = {
    (
        *range(Ata.RECALIBRATE, Ata.RECALIBRATE + 16),
        *(Ata.STANDBY_IMMEDIATE, Ata.IDLE_IMMEDIATE, Ata.STANDBY, Ata.IDLE),  # it is always awake
    ): Work.NOTHING,
    (Ata.IDENTIFY_DEVICE,): Work.IDENTIFY,
    (Ata.FLUSH_CACHE,): Work.FLUSH,
    (Ata.EXECUTE_DIAGNOSTIC,): Work.DIAGNOSTIC,
    (Ata.INITIALIZE_PARAMETERS,): Work.GEOMETRY,
    (Ata.CHECK_POWER_MODE,): Work.POWER_MODE,
}


def decode(m: Module, code: Value, features: Value, count: Value) -> data.View:
    """The meaning of a command code (8 bits), with the FEATURES and SECTOR COUNT registers. Combinational."""
    command = Signal(Command)
    with m.Switch(code):
        for codes, flags in _MEDIUM.items():
            with m.Case(*(int(c) for c in codes)):
                m.d.comb += [command.work.eq(Work.MEDIUM), *(command[flag].eq(1) for flag in flags)]
        for codes, work in _SIMPLE.items():
            with m.Case(*(int(c) for c in codes)):
                m.d.comb += command.work.eq(work)
        with m.Case(int(Ata.SET_FEATURES)):
            kind, number = count[3:], count[:3]
            with m.If(features == Feature.SET_TRANSFER_MODE):
                with m.Switch(kind):
                    with m.Case(TransferMode.PIO_DEFAULT >> 3):
                        m.d.comb += command.work.eq(_done_if(number <= TransferMode.PIO_DEFAULT_NO_IORDY))
                    with m.Case(TransferMode.PIO_FLOW_CONTROL >> 3):
                        m.d.comb += command.work.eq(_done_if(number < _PIO_MODES))
                    with m.Case(TransferMode.MULTIWORD_DMA >> 3):
                        m.d.comb += [command.work.eq(_done_if(number < _DMA_MODES)), command.sets_dma_mode.eq(number < _DMA_MODES)]
    return command


def _done_if(condition: Value) -> Value:
    return Mux(condition, Work.NOTHING, Work.ABORT)
