"""Signatures of the late launch: towards the DMA guard, and towards the TPM."""

from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["HashOp", "HashSignature", "ProtectSignature"]

LAUNCH_BASE_WIDTH = 16  # address bits 31:16 of a block of 64 KiB


class ProtectSignature(wiring.Signature):
    """Asks the guard to close a block. ``valid`` Out(1), ``base`` Out(16), address bits 31:16, hold still until ``ready`` In(1).

    In that cycle no DMA access that was admitted before is under way; from the next one on none to the block is admitted.
    """

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "base": Out(LAUNCH_BASE_WIDTH), "ready": In(1)})


class HashOp(enum.Enum, shape=2):
    """Steps of a measurement."""

    START = 0
    DATA = 1
    END = 2


class HashSignature(wiring.Signature):
    """Locality 4 of the TPM, as SKINIT reaches it.

    ``valid`` Out(1) with ``op``, and for DATA ``data`` Out(32) with ``mask`` Out(4), the bytes that are measured, the lowest first; all
    hold still until ``ready`` In(1).
    """

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "op": Out(HashOp), "data": Out(32), "mask": Out(4), "ready": In(1)})
