"""CPUID as a guest sees it: the leaves of the processor without ring −1, and the kernel's."""

from contracts.architecture import Gpr
from contracts.configuration import CpuidLeaves, Registers
from contracts.hypercalls import CPUID_SIGNATURE, CpuidLeaf
from virtual_pc.requests import Doing, Done, Get, Put

__all__ = ["cpuid", "tells"]

_FEATURES = 1
_HYPERVISOR_PRESENT = 1 << 31  # of ECX


def cpuid(leaf: int, native: CpuidLeaves, memory: Registers) -> Registers:
    """``native``: the processor's leaves; ``memory``: the kernel's leaf of that name, which is about this guest."""
    if leaf == CpuidLeaf.SIGNATURE:
        name = CPUID_SIGNATURE.encode()
        b, c, d = (int.from_bytes(name[at : at + 4], "little") for at in (0, 4, 8))
        return max(CpuidLeaf), b, c, d
    if leaf == CpuidLeaf.MEMORY:
        return memory
    eax, ebx, ecx, edx = native.get(leaf, (0, 0, 0, 0))
    return eax, ebx, ecx | _HYPERVISOR_PRESENT if leaf == _FEATURES else ecx, edx


def tells(native: CpuidLeaves, memory: Registers) -> Doing:
    """The instruction."""
    leaf = cpuid((yield Get(Gpr.EAX)), native, memory)
    for register, value in zip((Gpr.EAX, Gpr.EBX, Gpr.ECX, Gpr.EDX), leaf, strict=True):
        yield Put(register, value)
    yield Done()
