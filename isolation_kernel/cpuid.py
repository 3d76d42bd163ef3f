"""CPUID as a guest sees it: the leaves of the processor without ring −1, and the kernel's."""

from contracts.architecture import Gpr
from contracts.hypercalls import CPUID_SIGNATURE, CpuidLeaf
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.partition import Partition

__all__ = ["answer_cpuid"]

_FEATURES = 1
_HYPERVISOR_PRESENT = 1 << 31  # of ECX


def _leaf(partition: Partition, leaf: int) -> tuple[int, int, int, int]:
    """EAX, EBX, ECX, EDX."""
    if leaf == CpuidLeaf.SIGNATURE:
        name = CPUID_SIGNATURE.encode()
        b, c, d = (int.from_bytes(name[at : at + 4], "little") for at in (0, 4, 8))
        return max(CpuidLeaf), b, c, d
    if leaf == CpuidLeaf.MEMORY:
        return partition.memory.offset * PAGE_SIZE, partition.config.memory, partition.number, 0
    eax, ebx, ecx, edx = partition.base.config.native_cpuid.get(leaf, (0, 0, 0, 0))
    return eax, ebx, ecx | _HYPERVISOR_PRESENT if leaf == _FEATURES else ecx, edx


def answer_cpuid(partition: Partition) -> None:
    """The guest executes CPUID."""
    values = _leaf(partition, partition.vcpu.register(Gpr.EAX))
    for register, value in zip((Gpr.EAX, Gpr.EBX, Gpr.ECX, Gpr.EDX), values, strict=True):
        partition.vcpu.set_register(register, value)
