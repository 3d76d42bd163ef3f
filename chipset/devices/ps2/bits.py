"""The 8042's registers as fields."""

from amaranth.lib import data

__all__ = ["CommandByteBits", "OutputPortBits"]


class OutputPortBits(data.Struct):
    """``contracts.ps2.OutputPort``."""

    not_reset: 1
    a20: 1
    mouse: 2
    keyboard_full: 1
    mouse_full: 1
    keyboard_clock: 1
    keyboard_data: 1


class CommandByteBits(data.Struct):
    """``contracts.ps2.CommandByte``."""

    keyboard_interrupt: 1
    mouse_interrupt: 1
    system: 1
    reserved0: 1
    keyboard_disabled: 1
    mouse_disabled: 1
    translate: 1
    reserved1: 1
