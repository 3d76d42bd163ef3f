"""Where on the medium a command begins, from the task file: by LBA, or by cylinder, head and sector in the current translation."""

from amaranth.hdl import Cat, Mux, Value
from amaranth.lib import data

from chipset.devices.ide.identify import HEADS, SECTORS_PER_TRACK
from chipset.devices.storage.port import SECTOR_WIDTH

__all__ = ["DEFAULT_TRANSLATION", "AddressRegisters", "Translation", "names_a_sector", "next_address", "sector_number"]


class AddressRegisters(data.Struct):
    """LBA low, mid and high, and the low half of DEVICE: 28 bits of LBA, or sector, cylinder and head."""

    low: 8
    mid: 8
    high: 8
    top: 4


class Translation(data.Struct):
    """What INITIALIZE DEVICE PARAMETERS sets."""

    last_head: 4  # number of the highest
    sectors: 8  # in a track


DEFAULT_TRANSLATION = {"last_head": HEADS - 1, "sectors": SECTORS_PER_TRACK}


def _cylinder(address: data.View) -> Value:
    return Cat(address.mid, address.high)


def sector_number(address: data.View, lba: Value, translation: data.View) -> Value:
    """The number of the sector that the registers name: 28 bits are enough for both ways."""
    track = _cylinder(address) * (translation.last_head + 1) + address.top
    return Mux(lba, address.as_value(), track * translation.sectors + address.low - 1)[:SECTOR_WIDTH]


def names_a_sector(address: data.View, lba: Value, translation: data.View) -> Value:
    """1 unless head or sector lie outside the translation."""
    return lba | ((address.low != 0) & (address.low <= translation.sectors) & (address.top <= translation.last_head))


def next_address(address: data.View, lba: Value, translation: data.View) -> Value:
    """The registers for the sector that follows."""
    at_end_of_track = address.low == translation.sectors
    at_end_of_cylinder = at_end_of_track & (address.top == translation.last_head)
    following = Cat(
        Mux(at_end_of_track, 1, address.low + 1)[:8],
        (_cylinder(address) + at_end_of_cylinder)[:16],
        Mux(at_end_of_cylinder, 0, address.top + at_end_of_track)[:4],
    )
    return Mux(lba, address.as_value() + 1, following)[:SECTOR_WIDTH]
