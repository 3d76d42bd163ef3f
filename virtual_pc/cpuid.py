"""CPUID as a guest sees it: the leaves of the processor without ring −1, and the kernel's."""

from collections.abc import Mapping

from contracts.hypercalls import CPUID_SIGNATURE, CpuidLeaf

__all__ = ["NATIVE_CPUID", "CpuidLeaves", "Registers", "cpuid"]

Registers = tuple[int, int, int, int]  # EAX, EBX, ECX, EDX
CpuidLeaves = Mapping[int, Registers]
NATIVE_CPUID: CpuidLeaves = {  # leaf 0 says RingfenceCPU; leaf 1: a 486 with PSE, TSC, MSR, CX8, PGE
    0: (1, 0x676E_6952, 0x5550_4365, 0x636E_6566),
    1: (0x0480, 0, 0, 0x2138),
}

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
