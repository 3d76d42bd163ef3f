"""The kernel's calls with one care left out each: what control runs are made of."""

from contracts.architecture import Gpr
from contracts.rights import Right
from isolation_kernel import hypercalls
from isolation_kernel.kernel import Kernel
from isolation_kernel.partition import Partition

__all__ = ["seals_what_it_reads_again"]


def seals_what_it_reads_again(kernel: Kernel, partition: Partition, address: int, length: int) -> None:
    """SEAL that asks the policy about one reading of the list, and seals for another."""
    listed, data = partition.vcpu.register(Gpr.ESI), hypercalls._read(kernel, partition, address, length)
    for reader in hypercalls._names(kernel, partition, listed):
        hypercalls._require(kernel.permits(partition, Right.SEAL, reader.hex()))
    readers = hypercalls._names(kernel, partition, listed)
    own = hypercalls._own_name(kernel, partition)
    kernel.roots.store.seal(own, partition.vcpu.register(Gpr.EDX), data, readers)
