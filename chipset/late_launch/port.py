"""The late launch as the DMA guard sees it."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ProtectSignature"]

LAUNCH_BASE_WIDTH = 16  # address bits 31:16 of a block of 64 KiB


class ProtectSignature(wiring.Signature):
    """Asks the guard to close a block. ``valid`` Out(1), ``base`` Out(16), address bits 31:16, hold still until ``ready`` In(1).

    In that cycle no DMA access that was admitted before is under way; from the next one on none to the block is admitted.
    """

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "base": Out(LAUNCH_BASE_WIDTH), "ready": In(1)})
