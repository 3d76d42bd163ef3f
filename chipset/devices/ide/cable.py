"""Between drive and bus master: the DMA handshake of the IDE cable, sixteen bits wide."""

from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CABLE_WIDTH", "CableSignature"]

CABLE_WIDTH = 16


class CableSignature(wiring.Signature):
    """The cable as the drive sees it.

    ``request`` Out(1): data of a DMA command can move, from the drive if ``to_host`` Out(1) is 1 (it goes by ``read``) and to it
    otherwise (by ``write``). ``settled`` In(1): all that came by ``read`` lies in memory. ``failed`` In(1), one cycle: an access to
    memory was refused, and the drive gives its command up.
    """

    def __init__(self) -> None:
        super().__init__({
            "request": Out(1), "to_host": Out(1), "read": Out(stream.Signature(CABLE_WIDTH)), "write": In(stream.Signature(CABLE_WIDTH)),
            "settled": In(1), "failed": In(1),
        })  # fmt: skip
