"""The order of the retire port's slots, looked at in every cycle by the benches of the pipeline and of the core."""

from amaranth.hdl import Cat, Value
from amaranth.lib import data

__all__ = ["gap"]


def gap(port: data.View) -> Value:
    """1 if a slot has a record and an older one of the same cycle has none."""
    valid = Cat(record.valid for record in port)
    return (valid & (valid + 1)).any()  # ones from the lowest bit on, and nothing above them, have no bit in common with their successor
