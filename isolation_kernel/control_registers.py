"""CR0, CR3 and CR4 as a guest sees them, and what the processor runs with instead."""

from contracts.architecture import Cr0, Exc
from contracts.configuration import GUEST_CR0, GUEST_CR4
from contracts.exit_codes import ExitCode
from contracts.vmcb import CrIntercept
from isolation_kernel.instruction import big_code, carry_out
from isolation_kernel.linear import GuestFault
from isolation_kernel.partition import Partition
from virtual_pc.control_registers import reads_control, writes_control
from virtual_pc.requests import Written

__all__ = ["apply_control", "read_control", "write_control"]

_WORD = 0xFFFF_FFFF
_CACHES = int(Cr0.CD | Cr0.NW)
_FLUSHES = Cr0.PG | Cr0.WP


def _run_with_cr0(partition: Partition) -> None:
    """Paging and CR0.WP are always on in the processor, caches too."""
    partition.vcpu.put("CR0", partition.cr0 & ~_CACHES | Cr0.PG | Cr0.WP)


def apply_control(partition: Partition, globals_too: bool = True) -> None:
    """Load the shadow root that fits the guest's CR0, CR3 and CR4."""
    root = partition.shadow.load(partition.cr3, partition.mode, globals_too)
    vcpu = partition.vcpu
    _run_with_cr0(partition)
    vcpu.put("CR4", partition.cr4)
    vcpu.put("CR3", root.directory << 12)
    vcpu.put("ASID", root.asid)


def _check_cr3(partition: Partition, cr3: int, paging: bool) -> None:
    if paging and partition.base.protections.table_owner_check and partition.memory.frame_of(cr3 >> 12) is None:
        raise GuestFault(Exc.GP, 0)  # deny by default: a directory outside the guest's memory


def _write_cr0(partition: Partition, value: int) -> None:
    _check_cr3(partition, partition.cr3, bool(value & Cr0.PG))
    changed = value ^ partition.cr0
    partition.cr0 = value
    _run_with_cr0(partition)
    if value & Cr0.PG and not partition.base.protections.cr3_intercept:
        partition.vcpu.put("INTERCEPT_CR_WRITE", CrIntercept.CR0 | CrIntercept.CR4)
    if changed & _FLUSHES:
        apply_control(partition)


def write_control(partition: Partition) -> None:
    """The guest writes a control register, by MOV, CLTS or LMSW; GuestFault if it may not."""
    number = partition.vcpu.get("EXITCODE") - ExitCode.CR_WRITE
    found = carry_out(partition, writes_control(big_code(partition), number, partition.cr0))
    if not isinstance(found, Written):
        raise GuestFault(Exc.UD)
    if number == 0:
        _write_cr0(partition, found.value & GUEST_CR0)
    elif number == 3:
        _check_cr3(partition, found.value & _WORD, partition.mode.paging)
        partition.cr3 = found.value & _WORD
        if partition.mode.paging:
            apply_control(partition, globals_too=False)
    else:
        partition.cr4 = found.value & GUEST_CR4
        apply_control(partition)


def read_control(partition: Partition) -> None:
    """The guest reads a control register, by MOV or SMSW."""
    number = partition.vcpu.get("EXITCODE") - ExitCode.CR_READ
    carry_out(partition, reads_control(big_code(partition), number, {0: partition.cr0, 3: partition.cr3, 4: partition.cr4}[number]))
