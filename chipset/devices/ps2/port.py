"""What lies between controller and devices, and between a device and who uses it."""

from amaranth.hdl import signed
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from contracts.ps2 import KeyPrefix

__all__ = ["KeyEvent", "KeyPrefixCode", "MouseEvent", "Ps2Signature"]

_MOVEMENT_WIDTH = 9  # of a packet's two movements, signed


class Ps2Signature(wiring.Signature):
    """A PS/2 device as the controller sees it: a circuit of this room, or on a board the serializers of two pins.

    ``send`` stream of bytes, Out; a byte that the device does not take in time is taken back. ``receive`` stream of bytes, In; while
    ``ready`` is 0 the device's clock is held, and a device that is sent a byte may take back or change the byte that it offers.
    """

    def __init__(self) -> None:
        super().__init__({"send": Out(stream.Signature(8)), "receive": In(stream.Signature(8))})


class KeyPrefixCode(enum.Enum, shape=2):
    """``contracts.ps2.KeyPrefix`` as a field."""

    NONE = int(KeyPrefix.NONE)
    E0 = int(KeyPrefix.E0)
    E1 = int(KeyPrefix.E1)


class KeyEvent(data.Struct):
    """A key goes down, goes down again because it is held, or is let go. ``code`` is that of scan code set 2."""

    code: 8
    released: 1
    prefix: KeyPrefixCode


class MouseEvent(data.Struct):
    """The mouse has moved by so many counts to the right and away from the user; its buttons are now so."""

    x: signed(_MOVEMENT_WIDTH)
    y: signed(_MOVEMENT_WIDTH)
    left: 1
    right: 1
    middle: 1
