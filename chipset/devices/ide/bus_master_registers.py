"""The registers of the IDE bus master (82371SB data sheet, 2.7): COMMAND, STATUS, and the place of the descriptor table."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import IoSignature
from contracts.ide import BusMasterPort

__all__ = ["BusMasterRegisters"]


class _Command(data.Struct):
    """``contracts.ide.BusMasterCommand``."""

    start: 1
    reserved0: 2
    to_memory: 1
    reserved1: 4


class _Status(data.Struct):
    """``contracts.ide.BusMasterStatus``. The top bit is 0: both channels could be busy at once."""

    active: 1
    error: 1
    interrupt: 1
    reserved: 2
    capable: 2
    simplex: 1


class BusMasterRegisters(wiring.Component):
    """The primary channel's; the secondary's, eight ports further on, read as 0.

    Members
    -------
    io : In(IoSignature), sixteen ports
    table : Out(32), where the descriptors begin; to_memory : Out(1)
    start, stop : Out(1), one cycle: START has been set, or cleared
    active : Out(1); finish : In(1) clears it; fail : In(1) clears it and sets ERROR
    irq : In(1), of the drive: INTERRUPT is set where it rises
    hold : In(1), clears everything
    """

    io: In(IoSignature())
    table: Out(32)
    to_memory: Out(1)
    start: Out(1)
    stop: Out(1)
    active: Out(1)
    finish: In(1)
    fail: In(1)
    irq: In(1)
    hold: In(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        io = self.io
        command = Signal(_Command)
        status = Signal(_Status)
        table = Signal(data.ArrayLayout(8, 4))
        irq_before = Signal()
        m.d.sync += irq_before.eq(self.irq)
        m.d.comb += [self.table.eq(table), self.to_memory.eq(command.to_memory), self.active.eq(status.active)]

        with m.If(self.finish | self.fail):
            m.d.sync += status.active.eq(0)
        with m.If(io.write):
            new_command, new_status = _Command(io.write_data), _Status(io.write_data)
            with m.Switch(io.address):
                with m.Case(BusMasterPort.COMMAND):
                    m.d.sync += [command.start.eq(new_command.start), command.to_memory.eq(new_command.to_memory)]
                    m.d.comb += [
                        self.start.eq(new_command.start & ~command.start & ~self.hold),
                        self.stop.eq(~new_command.start & command.start),
                    ]
                with m.Case(BusMasterPort.STATUS):
                    m.d.sync += [
                        status.error.eq(status.error & ~new_status.error), status.interrupt.eq(status.interrupt & ~new_status.interrupt),
                        status.capable.eq(new_status.capable),
                    ]  # fmt: skip
                for n in range(4):
                    with m.Case(BusMasterPort.DESCRIPTOR_TABLE + n):
                        m.d.sync += table[n].eq(io.write_data & (0xFC if n == 0 else 0xFF))
        # What happens wins over what is written.
        with m.If(self.start | self.stop):
            m.d.sync += status.active.eq(self.start)
        with m.If(self.fail):
            m.d.sync += status.error.eq(1)
        with m.If(self.irq & ~irq_before):
            m.d.sync += status.interrupt.eq(1)
        with m.If(self.hold):
            m.d.sync += [command.eq(0), status.eq(0), table.eq(0)]

        with m.Switch(io.address):
            with m.Case(BusMasterPort.COMMAND):
                m.d.comb += io.read_data.eq(command)
            with m.Case(BusMasterPort.STATUS):
                m.d.comb += io.read_data.eq(status)
            for n in range(4):
                with m.Case(BusMasterPort.DESCRIPTOR_TABLE + n):
                    m.d.comb += io.read_data.eq(table[n])
        return m
