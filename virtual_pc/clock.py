"""The time stamp counter that a guest sees, by RDTSC and as its one MSR: the machine's and an offset; for a guest without a clock it counts
how often it was read.
"""

from contracts.architecture import Exc, Gpr
from contracts.msr import Msr
from virtual_pc.ports import VirtualPc
from virtual_pc.requests import Doing, Done, Get, Put, Written

__all__ = ["accesses_msr", "reads_clock"]

_HALF = 32  # bits


def reads_clock(pc: VirtualPc, now: int | None) -> Doing:
    """RDTSC. ``now``: the processor's time stamp counter; None: the guest has no clock."""
    pc.time += now is None
    value = pc.time + (now or 0)
    yield Put(Gpr.EAX, value)
    yield Put(Gpr.EDX, value >> _HALF)
    yield Done()


def accesses_msr(pc: VirtualPc, write: bool, now: int | None) -> Doing:
    """RDMSR or WRMSR. ``Written`` is the new offset of a guest with a clock."""
    if (yield Get(Gpr.ECX)) != Msr.TSC:
        yield Exc.GP
    elif write:
        pc.time = ((yield Get(Gpr.EDX)) << _HALF | (yield Get(Gpr.EAX))) - (now or 0)
        yield Done() if now is None else Written(pc.time)
    else:
        yield from reads_clock(pc, now)
