"""What a stage reports when a micro-op cannot be carried out."""

from amaranth.lib import data

from rtl.arch.exceptions import Vector

__all__ = ["Fault"]


class Fault(data.Struct):
    """A fault or a trap on its way to the trap unit."""

    vector: Vector
    error: 32
    address: 32  # linear address of a #PF
    software: 1  # INT3, INTO or BOUND
    icebp: 1  # ICEBP
    after: 1  # reports the next EIP: a trap
    shutdown: 1  # no exception: the processor is to shut down
