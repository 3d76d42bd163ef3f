"""The ATA drive: task file, commands, and sectors between storage and host (ATA/ATAPI-6, T13/1410D)."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.ide.address import (
    DEFAULT_TRANSLATION,
    AddressRegisters,
    Translation,
    names_a_sector,
    next_address,
    sector_number,
)
from chipset.devices.ide.cable import CableSignature
from chipset.devices.ide.commands import Command, CommandDecoder, Work, transfer_mode
from chipset.devices.ide.identify import Identify
from chipset.devices.ide.sector_buffer import SectorBuffer
from chipset.devices.storage.port import SECTOR_WIDTH, StorageOp, StorageSignature
from chipset.interconnect.ports import IoSignature, WideIoSignature
from contracts.ide import BLOCK_SECTORS, Ata, Error, Feature, TaskFile

__all__ = ["DATA_MASKS", "Drive"]

_WORD_MASK, _DWORD_MASK = 0b0011, 0b1111
DATA_MASKS = (_WORD_MASK, _DWORD_MASK)  # of the accesses that reach the data port
_DIAGNOSTIC_PASSED = 0x01
_ACTIVE = 0xFF  # CHECK POWER MODE
_MAX_COUNT = 256
_BLOCK_SIZES = [1 << n for n in range(BLOCK_SECTORS.bit_length())]


class _Status(data.Struct):
    """``contracts.ide.Status``."""

    err: 1
    zero: 2
    drq: 1
    dsc: 1
    df: 1
    drdy: 1
    bsy: 1


class _Select(data.Struct):
    """The high half of DEVICE: ``contracts.ide.Device``. Bits 5 and 7 are kept for software."""

    dev: 1
    bit5: 1
    lba: 1
    bit7: 1


class _Control(data.Struct):
    """``contracts.ide.Control``."""

    zero: 1
    nien: 1
    srst: 1
    reserved: 5


class Drive(wiring.Component):
    """Device 0 of its channel, alone there: with device 1 selected, or without a medium, all registers read as 0 and commands are ignored.

    A transfer ends at the first sector that fails; the registers then name it. A sector goes to storage whole or not at all. Sectors pass
    the buffer one by one, but for READ and WRITE MULTIPLE, which move blocks of 1, 2, 4, 8 or 16; a software reset disables these two.

    Members
    -------
    task_file : In(IoSignature), eight ports; data : In(WideIoSignature), the data port; control : In(IoSignature), one port
    cable : Out(CableSignature); storage : Out(StorageSignature)
    irq : Out(1)
    hold : In(1), brings the drive to rest: nothing new is begun, and at rest every register and the sector buffer are cleared
    idle : Out(1), no command is under way
    buffer : the ``SectorBuffer``, for a testbench
    """

    task_file: In(IoSignature())
    data: In(WideIoSignature())
    control: In(IoSignature())
    cable: Out(CableSignature())
    storage: Out(StorageSignature())
    irq: Out(1)
    hold: In(1)
    idle: Out(1)

    def __init__(self) -> None:
        super().__init__()
        self.buffer = SectorBuffer()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.buffer = self.buffer
        m.submodules.identify = self._identify = Identify()
        m.submodules.decoder = self._decoder = CommandDecoder()
        # The task file.
        self._error = Signal(8)
        self._features = Signal(8)
        self._count = Signal(range(_MAX_COUNT + 1))  # sectors left; of 256, a byte reads as 0, as it was written
        self._address = Signal(AddressRegisters)
        self._select = Signal(_Select)
        self._status = Signal(_Status)
        self._failed = Signal()  # the last command did
        self._interrupt = Signal()
        self._no_interrupt = Signal()
        self._reset = Signal()  # SRST
        self._stopping = Signal()
        # What commands leave.
        self._translation = Signal(Translation, init=DEFAULT_TRANSLATION)
        self._dma_mode, self._dma_set = Signal(2), Signal()
        self._multiple = Signal(range(BLOCK_SECTORS + 1))  # sectors in a block of READ and WRITE MULTIPLE; 0: disabled
        # The command that is carried out.
        self._command = Signal(Command)
        self._first = Signal()  # no sector of it is done yet
        self._block = Signal(range(BLOCK_SECTORS + 1), init=1)  # sectors that the buffer is for
        self._held = Signal(range(BLOCK_SECTORS + 1))  # sectors in it that are not where they go to
        self._deep = Signal(reset_less=True)  # more than one of its sectors may hold data: memory survives a reset

        present = Signal()
        m.d.comb += present.eq(self.storage.sectors != 0)
        self._selected = Signal()
        m.d.comb += self._selected.eq(present & ~self._select.dev)
        m.d.comb += self._decoder.code.eq(self.task_file.write_data)
        self._stop = Signal()  # a reset is asked for, or was, and has not been carried out
        m.d.comb += [
            self._stop.eq(self._reset | self.hold | self._stopping),
            self.irq.eq(self._interrupt & ~self._no_interrupt & self._selected & ~self._stop),
            self._identify.multiple.eq(self._multiple), self.buffer.sectors.eq(self._block),
            self._identify.index.eq(self.buffer.at), self._identify.sectors.eq(self.storage.sectors),
            self._identify.dma_mode.eq(self._dma_mode), self._identify.dma_set.eq(self._dma_set),
        ]  # fmt: skip
        started = self._registers(m, present)
        self._work(m, started)
        return m

    # What the host sees.

    def _registers(self, m: Module, present: Signal) -> Signal:
        """The task file; whether a command is written in this cycle that the drive takes."""
        io, status = self.task_file, self._status
        free = ~status.bsy & ~status.drq
        started = Signal()
        m.d.comb += [status.drdy.eq(~status.bsy), status.dsc.eq(~status.bsy), status.err.eq(self._failed & ~status.bsy)]

        with m.If(io.write & free & ~self.hold):
            with m.Switch(io.address):
                with m.Case(TaskFile.FEATURES):
                    m.d.sync += self._features.eq(io.write_data)
                with m.Case(TaskFile.SECTOR_COUNT):
                    m.d.sync += self._count.eq(io.write_data)
                with m.Case(TaskFile.LBA_LOW):
                    m.d.sync += self._address.low.eq(io.write_data)
                with m.Case(TaskFile.LBA_MID):
                    m.d.sync += self._address.mid.eq(io.write_data)
                with m.Case(TaskFile.LBA_HIGH):
                    m.d.sync += self._address.high.eq(io.write_data)
                with m.Case(TaskFile.DEVICE):
                    m.d.sync += Cat(self._address.top, self._select).eq(io.write_data)
                with m.Case(TaskFile.COMMAND):
                    diagnostic = io.write_data == Ata.EXECUTE_DIAGNOSTIC  # for both devices, whichever is selected
                    m.d.comb += started.eq(present & (self._selected | diagnostic) & ~self._stop)
        control = _Control(self.control.write_data)
        with m.If(self.control.write & ~self.hold):
            m.d.sync += [self._no_interrupt.eq(control.nien), self._reset.eq(control.srst)]

        with m.If(self._selected):
            m.d.comb += self.control.read_data.eq(status)
            with m.Switch(io.address):
                with m.Case(TaskFile.DATA):
                    m.d.comb += io.read_data.eq(-1)  # a byte of it is not there
                with m.Case(TaskFile.ERROR):
                    m.d.comb += io.read_data.eq(self._error)
                with m.Case(TaskFile.SECTOR_COUNT):
                    m.d.comb += io.read_data.eq(self._count)
                with m.Case(TaskFile.LBA_LOW):
                    m.d.comb += io.read_data.eq(self._address.low)
                with m.Case(TaskFile.LBA_MID):
                    m.d.comb += io.read_data.eq(self._address.mid)
                with m.Case(TaskFile.LBA_HIGH):
                    m.d.comb += io.read_data.eq(self._address.high)
                with m.Case(TaskFile.DEVICE):
                    m.d.comb += io.read_data.eq(Cat(self._address.top, self._select))
                with m.Case(TaskFile.STATUS):
                    m.d.comb += io.read_data.eq(status)
                    with m.If(io.read):
                        m.d.sync += self._interrupt.eq(0)
        with m.If(started):
            m.d.sync += self._interrupt.eq(0)
        return started

    # What the drive does.

    def _work(self, m: Module, started: Signal) -> None:
        """Its state machine: each sector passes LOCATE, then to the host FETCH and GIVE, from it TAKE and STORE, and last ADVANCE. Of a
        block all sectors are fetched before the one GIVE, and all are stored after the one TAKE."""
        buffer, cable, storage = self.buffer, self.cable, self.storage
        command, count, address, select = self._command, self._count, self._address, self._select
        block, held = self._block, self._held
        sector = Signal(SECTOR_WIDTH)
        found = Signal()
        limit = Signal.like(block)  # sectors of a block, but for the last one
        m.d.comb += limit.eq(Mux(command.multiple, self._multiple, 1))
        m.d.comb += [
            storage.request.payload.sector.eq(sector), storage.write.payload.eq(buffer.read_data),
            cable.read.payload.eq(buffer.read_data), cable.to_host.eq(command.reads),
        ]  # fmt: skip
        m.d.comb += self._status.bsy.eq(1)

        def end(error: Error | None = None, quiet: bool = False) -> None:
            """The command is over; ``quiet``: the host knows already."""
            if error is not None:
                m.d.sync += [self._error.eq(error), self._failed.eq(1)]
            if not quiet:
                m.d.sync += self._interrupt.eq(1)
            m.next = "IDLE"

        def ask(op: StorageOp, following: str) -> None:
            """Hand the storage a request."""
            m.d.comb += [storage.request.valid.eq(1), storage.request.payload.op.eq(op)]
            with m.If(storage.request.ready):
                m.next = following

        def storage_done(error: Error, following: str) -> None:
            """The end of a request; only here a reset may interrupt the traffic with the storage."""
            with m.If(storage.done):
                m.next = following
                with m.If(self._stop):
                    m.d.comb += buffer.rewind.eq(1)
                    m.next = "CLEAR"
                with m.Elif(storage.error):
                    end(error)

        with m.FSM():
            with m.State("POWER_ON"):
                m.d.comb += [storage.reset.eq(1), buffer.rewind.eq(1)]
                m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += [buffer.step.eq(1), buffer.both.eq(1), buffer.write.eq(1), buffer.write_data.eq(0)]
                m.d.sync += [self._interrupt.eq(0), self._failed.eq(0), self._error.eq(0), self._features.eq(0)]
                m.d.sync += [count.eq(0), address.eq(0), select.eq(0), command.eq(0), sector.eq(0)]
                m.d.sync += [self._stopping.eq(0), self._multiple.eq(0), block.eq(1), held.eq(0)]
                m.d.comb += [buffer.sectors.eq(Mux(self._deep, BLOCK_SECTORS, 1)), self.idle.eq(buffer.full)]
                with m.If(buffer.full & ~self._stop):
                    m.d.sync += [*self._signature(), self._deep.eq(0)]
                    m.next = "IDLE"
            with m.State("IDLE"):
                m.d.comb += [self._status.bsy.eq(self._stop), self.idle.eq(~self._stop), buffer.rewind.eq(1)]
                m.d.sync += [block.eq(1), held.eq(0)]
                with m.If(started):
                    m.d.sync += [self._error.eq(0), self._failed.eq(0), self._first.eq(1)]
                    m.next = "BEGIN"
                with m.If(self._stop):
                    m.next = "CLEAR"
            with m.State("BEGIN"):
                self._begin(m, end)
            with m.State("LOCATE"):
                m.d.sync += [
                    sector.eq(sector_number(address, select.lba, self._translation)),
                    found.eq(names_a_sector(address, select.lba, self._translation)),
                ]  # fmt: skip
                m.next = "CHECK"
            with m.State("CHECK"):
                begins = held == 0  # a block
                m.d.comb += buffer.rewind.eq(begins | self._stop)
                with m.If(self._stop):
                    m.next = "CLEAR"
                with m.Elif(~found | (sector >= storage.sectors)):
                    end(Error.IDNF)
                with m.Elif(command.reads):
                    m.d.sync += block.eq(held + 1)
                    m.next = "FETCH"
                with m.Elif(command.writes & ~begins):
                    m.next = "STORE"
                with m.Elif(command.writes):
                    with m.If(~self._first & ~command.dma):
                        m.d.sync += self._interrupt.eq(1)
                    size = Mux(count < limit, count, limit)[: len(block)]
                    m.d.sync += [block.eq(size), held.eq(size)]
                    m.next = "TAKE"
                with m.Else():
                    end()
            with m.State("FETCH"):
                ask(StorageOp.READ, "FETCH_WORDS")
            with m.State("FETCH_WORDS"):
                m.d.comb += [
                    storage.read.ready.eq(1), buffer.step.eq(storage.read.valid), buffer.both.eq(1), buffer.write.eq(1),
                    buffer.write_data.eq(storage.read.payload),
                ]  # fmt: skip
                storage_done(Error.UNC, "FETCHED")
            with m.State("FETCHED"):
                with m.If(~command.transfers):
                    m.next = "ADVANCE"
                with m.Elif((block != limit) & (count != 1)):
                    m.d.sync += held.eq(block)
                    m.next = "ADVANCE"
                with m.Else():
                    m.d.comb += buffer.rewind.eq(1)
                    with m.If(~command.dma):
                        m.d.sync += self._interrupt.eq(1)
                    m.next = "GIVE"
            with m.State("GIVE"):
                self._give(m, end)
            with m.State("TAKE"):
                self._take(m, end)
            with m.State("STORE"):
                ask(StorageOp.WRITE, "STORE_WORDS")
            with m.State("STORE_WORDS"):
                m.d.comb += [storage.write.valid.eq(~buffer.full), buffer.step.eq(storage.write.ready), buffer.both.eq(1)]
                storage_done(Error.ABRT, "ADVANCE")
            with m.State("ADVANCE"):
                m.d.comb += buffer.rewind.eq(self._stop)
                m.d.sync += [count.eq(count - 1), self._first.eq(0)]
                m.next = "LOCATE"
                with m.If(self._stop):
                    m.next = "CLEAR"
                with m.Elif(count == 1):
                    with m.If(command.dma | command.writes | ~command.transfers):  # else the last sector's interrupt was the last
                        m.d.sync += self._interrupt.eq(1)
                    m.next = "IDLE"  # the registers keep naming the last sector
                with m.Else():
                    m.d.sync += address.eq(next_address(address, select.lba, self._translation))
                with m.If(command.writes):
                    m.d.sync += held.eq(held - 1)
            with m.State("FILL"):
                m.next = "FILL_WORD"
                with m.If(buffer.full):
                    m.next = "FETCHED"
            with m.State("FILL_WORD"):
                m.d.comb += [buffer.step.eq(1), buffer.write.eq(1), buffer.write_data.eq(self._identify.word)]
                m.next = "FILL"
            with m.State("FLUSH"):
                ask(StorageOp.FLUSH, "FLUSHING")
            with m.State("FLUSHING"):
                storage_done(Error.ABRT, "FLUSHED")
            with m.State("FLUSHED"):
                end()

        with m.If(self._reset | self.hold):
            m.d.sync += self._stopping.eq(1)
        with m.If(self.hold):
            m.d.sync += [
                self._reset.eq(0), self._no_interrupt.eq(0), self._dma_set.eq(0), self._dma_mode.eq(0),
                self._translation.eq(Translation.const(DEFAULT_TRANSLATION)),
            ]  # fmt: skip
        with m.If(block > 1):
            m.d.sync += self._deep.eq(1)

    def _signature(self) -> list[Any]:
        """The registers of an ATA device after reset and diagnostics (9.12)."""
        return [
            self._error.eq(_DIAGNOSTIC_PASSED), self._count.eq(1), self._address.eq(1), self._select.eq(0),
        ]  # fmt: skip

    def _begin(self, m: Module, end: Callable[..., None]) -> None:
        """A command's first step, a cycle after it was written."""
        command, count, decoder = self._command, self._count, self._decoder
        m.d.sync += command.eq(decoder.command)
        with m.Switch(decoder.command.work):
            with m.Case(Work.MEDIUM):
                with m.If(count == 0):
                    m.d.sync += count.eq(_MAX_COUNT)
                m.next = "LOCATE"
                with m.If(decoder.command.multiple & (self._multiple == 0)):
                    end(Error.ABRT)
            with m.Case(Work.IDENTIFY):
                m.next = "FILL"
            with m.Case(Work.FLUSH):
                m.next = "FLUSH"
            with m.Case(Work.DIAGNOSTIC):
                m.d.sync += self._signature()
                end()
            with m.Case(Work.GEOMETRY):
                end()
                with m.If(count == 0):
                    end(Error.ABRT)
                with m.Else():
                    m.d.sync += [self._translation.last_head.eq(self._address.top), self._translation.sectors.eq(count)]
            with m.Case(Work.POWER_MODE):
                m.d.sync += count.eq(_ACTIVE)
                end()
            with m.Case(Work.FEATURES):
                is_pio, is_dma = transfer_mode(count[:8])
                end()
                with m.If((self._features != Feature.SET_TRANSFER_MODE) | ~(is_pio | is_dma)):
                    end(Error.ABRT)
                with m.Elif(is_dma):
                    m.d.sync += [self._dma_mode.eq(count), self._dma_set.eq(1)]
            with m.Case(Work.BLOCK):  # a size that is not supported disables, as 0 does
                size = Signal.like(self._multiple)
                with m.Switch(count):
                    for n in _BLOCK_SIZES:
                        with m.Case(n):
                            m.d.comb += size.eq(n)
                m.d.sync += self._multiple.eq(size)
                end()
                with m.If((size == 0) & (count != 0)):
                    end(Error.ABRT)
            with m.Case(Work.NOTHING):
                end()
            with m.Default():
                end(Error.ABRT)

    def _data_port(self, m: Module, direction: Signal) -> None:
        """The host moves words of the buffer: ``direction`` is the data port's strobe."""
        m.d.comb += [
            self._status.bsy.eq(self._stop), self._status.drq.eq(~self._stop), self.buffer.step.eq(direction),
            self.buffer.both.eq(self.data.mask == _DWORD_MASK),
        ]  # fmt: skip

    def _give(self, m: Module, end: Callable[..., None]) -> None:
        """A sector goes to the host."""
        buffer, cable, command = self.buffer, self.cable, self._command
        with m.If(command.dma):
            m.d.comb += [cable.request.eq(~buffer.full), cable.read.valid.eq(~buffer.full), buffer.step.eq(cable.read.ready)]
        with m.Elif(~buffer.full):
            self._data_port(m, self.data.read)
            m.d.comb += self.data.read_data.eq(buffer.read_data)
        with m.If(self._stop):
            m.d.comb += buffer.rewind.eq(1)
            m.next = "CLEAR"
        with m.Elif(cable.failed & command.dma):
            end(Error.ABRT)
        with m.Elif(buffer.full & (cable.settled | ~command.dma)):
            m.next = "ADVANCE"
            m.d.sync += self._held.eq(0)
            with m.If(command.work == Work.IDENTIFY):
                end(quiet=True)

    def _take(self, m: Module, end: Callable[..., None]) -> None:
        """A sector comes from the host."""
        buffer, cable, command = self.buffer, self.cable, self._command
        m.d.comb += [buffer.write.eq(1), buffer.write_data.eq(Mux(command.dma, cable.write.payload, self.data.write_data))]
        with m.If(command.dma):
            m.d.comb += [cable.request.eq(~buffer.full), cable.write.ready.eq(~buffer.full), buffer.step.eq(cable.write.valid)]
        with m.Elif(~buffer.full):
            self._data_port(m, self.data.write)
        with m.If(self._stop):
            m.d.comb += buffer.rewind.eq(1)
            m.next = "CLEAR"
        with m.Elif(cable.failed & command.dma):
            end(Error.ABRT)
        with m.Elif(buffer.full):
            m.d.comb += buffer.rewind.eq(1)
            m.next = "STORE"
