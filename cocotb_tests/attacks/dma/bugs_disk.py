"""The seeded bugs of the control runs of attacks by way of the disk, as ``bugs`` has the others."""

from chipset.devices.ide.controller import IdeController
from chipset.interconnect.device_bus import DeviceBus, _Held
from cocotb_tests.attacks.dma.switchboard import seeded
from cocotb_tests.opened import Opened

__all__ = ["disk_is_not_held", "drive_keeps_its_work", "movable_ports_come_first"]

_PLACE_BITS = 4  # sixteen ports


@seeded(IdeController)
def drive_keeps_its_work(controller: Opened) -> None:
    """The drive does not see ring -1's hold: its command goes on."""
    controller.module.d.comb += controller.module.submodules.drive.hold.eq(0)


@seeded(IdeController)
def disk_is_not_held(controller: Opened) -> None:
    """Neither drive nor bus master sees ring -1's hold."""
    parts = controller.module.submodules
    controller.module.d.comb += [part.hold.eq(0) for part in (parts.drive, parts.walker, parts.registers)]


@seeded(DeviceBus)
def movable_ports_come_first(bus: Opened) -> None:
    """Where a base address lies over another device's ports, what is written there goes to the ports that were moved."""
    m, component = bus.module, bus.component
    if not component._movable:
        return  # a machine without a disk
    place, registers = component.place_ide_registers, component.io_ide_registers
    with m.If(place.enable & (bus["port"][_PLACE_BITS:] == place.base[_PLACE_BITS:])):
        for name in component._io:
            m.d.comb += getattr(component, f"io_{name}").write.eq(0)
        m.d.comb += registers.write.eq(bus["in_io"] & bus.shaped("held", _Held).write)
