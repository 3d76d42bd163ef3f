"""Configuration mechanism 1: the address register at CF8h, and the data ports at CFCh to CFFh."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.pci.config_function import ConfigFunction
from chipset.interconnect.ports import PORT_WIDTH, IoPlace, IoSignature, WideIoSignature
from contracts.pci import FUNCTIONS, IDE_FUNCTION, Command, ConfigOffset, IdeTiming

__all__ = ["ConfigAddress", "ConfigSpace", "IdeSettings"]

_BYTE_ONES = 0xFF


class ConfigAddress(data.Struct):
    """CONFIG_ADDRESS as ``contracts.pci`` declares it; the reserved bits read as 0."""

    zero: 2
    register: 6
    function: 3
    device: 5
    bus: 8
    reserved: 7
    enable: 1


class IdeSettings(data.Struct):
    """What the IDE function's configuration says to the controller."""

    legacy: 1  # the primary channel's ports answer
    bus_master: 1  # it may access memory
    registers: IoPlace  # of the bus master


class ConfigSpace(wiring.Component):
    """The functions of bus 0, behind one address register.

    CF8h takes dwords alone: a byte at CF9h is the reset control's. With the address register's ENABLE clear, and where no function is,
    the data ports read as ones and drop what is written.

    Parameters
    ----------
    ide : whether the IDE function is there

    Members
    -------
    address : In(WideIoSignature); data : In(IoSignature), four ports
    ide : Out(IdeSettings); clear_ide : In(1), the IDE function is back at its reset
    """

    def __init__(self, *, ide: bool) -> None:
        self._functions = tuple(f for f in FUNCTIONS if ide or f is not IDE_FUNCTION)
        super().__init__({
            "address": In(WideIoSignature()), "data": In(IoSignature()), "ide": Out(IdeSettings), "clear_ide": In(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        selected = Signal(ConfigAddress)
        written = Signal(ConfigAddress)
        m.d.comb += [written.eq(self.address.write_data), self.address.read_data.eq(selected)]
        with m.If(self.address.write):
            m.d.sync += selected.eq(written)
            m.d.sync += [selected.zero.eq(0), selected.reserved.eq(0)]

        m.d.comb += self.data.read_data.eq(_BYTE_ONES)
        for function in self._functions:
            part = ConfigFunction(function)
            m.submodules[function.name.lower()] = part
            here = selected.enable & (selected.bus == 0) & (selected.device == function.device) & (selected.function == function.function)
            m.d.comb += [
                part.offset.eq(Cat(self.data.address[:2], selected.register)),
                part.write.eq(self.data.write & here),
                part.write_data.eq(self.data.write_data),
            ]
            with m.If(here):
                m.d.comb += self.data.read_data.eq(part.read_data)
            if function is IDE_FUNCTION:
                m.d.comb += part.clear.eq(self.clear_ide)
                self._ide_settings(m, part)
        return m

    def _ide_settings(self, m: Module, part: ConfigFunction) -> None:
        command, bar, timing = (
            Signal(32, name=offset.name.lower())
            for offset in (ConfigOffset.COMMAND, ConfigOffset.BAR4, ConfigOffset.IDE_TIMING_PRIMARY)
        )  # fmt: skip
        for value, offset in ((command, ConfigOffset.COMMAND), (bar, ConfigOffset.BAR4), (timing, ConfigOffset.IDE_TIMING_PRIMARY)):
            m.d.comb += value.eq(part.words[f"at_{offset:02x}"])
        ports_on = (command & Command.IO).any()
        base = bar[:PORT_WIDTH] & ~Const(1, PORT_WIDTH)
        m.d.comb += [
            self.ide.legacy.eq(ports_on & (timing & IdeTiming.DECODE).any()),
            self.ide.bus_master.eq((command & Command.BUS_MASTER).any()),
            # A base of 0 is one that nobody has set, as QEMU has it; beyond 64 KiB there are no ports.
            self.ide.registers.enable.eq(ports_on & (base != 0) & (bar[PORT_WIDTH:] == 0)),
            self.ide.registers.base.eq(base),
        ]
