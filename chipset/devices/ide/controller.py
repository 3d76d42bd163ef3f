"""The IDE function of the PIIX3: one channel, its drive, and the bus master."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.ide.bus_master_registers import BusMasterRegisters
from chipset.devices.ide.drive import Drive
from chipset.devices.ide.region_walker import RegionWalker
from chipset.devices.pci.config_space import IdeSettings
from chipset.devices.storage.port import StorageSignature
from chipset.interconnect.ports import IoSignature, WideIoSignature
from contracts.bus import BusSignature

__all__ = ["IdeController"]


class IdeController(wiring.Component):
    """The controller. While the channel's ports are off they read as ones, and what is written to them is dropped.

    Members
    -------
    task_file : In(IoSignature), eight ports; data : In(WideIoSignature), the data port; control : In(IoSignature), one port
    registers : In(IoSignature), the bus master's sixteen ports
    settings : In(IdeSettings), from the function's configuration space
    bus : Out(BusSignature), the way to memory; storage : Out(StorageSignature)
    irq : Out(1)
    hold : In(1), brings the device to rest and clears it; idle : Out(1), nothing is under way
    drive : the ``Drive``, for a testbench
    """

    task_file: In(IoSignature())
    data: In(WideIoSignature())
    control: In(IoSignature())
    registers: In(IoSignature())
    settings: In(IdeSettings)
    bus: Out(BusSignature())
    storage: Out(StorageSignature())
    irq: Out(1)
    hold: In(1)
    idle: Out(1)

    def __init__(self) -> None:
        super().__init__()
        self.drive = Drive()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.drive = drive = self.drive
        m.submodules.registers = registers = BusMasterRegisters()
        m.submodules.walker = walker = RegionWalker()
        wiring.connect(m, drive.cable, walker.cable)
        wiring.connect(m, wiring.flipped(self.storage), drive.storage)
        wiring.connect(m, wiring.flipped(self.bus), walker.bus)
        wiring.connect(m, wiring.flipped(self.registers), registers.io)
        for outer, inner in ((self.task_file, drive.task_file), (self.control, drive.control), (self.data, drive.data)):
            on = self.settings.legacy
            m.d.comb += [
                inner.read.eq(outer.read & on), inner.write.eq(outer.write & on), inner.write_data.eq(outer.write_data),
                outer.read_data.eq(-1),
            ]  # fmt: skip
            with m.If(on):
                m.d.comb += outer.read_data.eq(inner.read_data)
        m.d.comb += [
            drive.task_file.address.eq(self.task_file.address), drive.data.mask.eq(self.data.mask),
            walker.table.eq(registers.table), walker.to_memory.eq(registers.to_memory), walker.active.eq(registers.active),
            walker.start.eq(registers.start), walker.stop.eq(registers.stop), walker.enable.eq(self.settings.bus_master),
            registers.finish.eq(walker.finish), registers.fail.eq(walker.fail), registers.irq.eq(drive.irq), self.irq.eq(drive.irq),
            drive.hold.eq(self.hold), walker.hold.eq(self.hold), registers.hold.eq(self.hold), self.idle.eq(drive.idle & walker.idle),
        ]  # fmt: skip
        return m
