"""CR0, CR3 and CR4 as a guest sees them, and what the processor runs with instead."""

from contracts.architecture import Cr0, Cr4, Exc
from contracts.exit_codes import ExitCode
from contracts.vmcb import CrIntercept
from isolation_kernel.instruction import intercepted
from isolation_kernel.linear import GuestFault, read_linear, write_linear
from isolation_kernel.partition import Partition
from virtual_pc.decode import Operation

__all__ = ["apply_control", "read_control", "write_control"]

_CR0 = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | Cr0.PG
_CR4 = int(Cr4.TSD | Cr4.PSE | Cr4.PGE)
_MSW_CLEARABLE = int(Cr0.MP | Cr0.EM | Cr0.TS)
_MSW = _MSW_CLEARABLE | Cr0.PE
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
    value = value & _CR0 | Cr0.ET
    if value & Cr0.PG and not value & Cr0.PE or value & Cr0.NW and not value & Cr0.CD:
        raise GuestFault(Exc.GP, 0)
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
    number, instruction, vcpu = partition.vcpu.get("EXITCODE") - ExitCode.CR_WRITE, intercepted(partition), partition.vcpu
    if instruction.operation is Operation.CLTS and number == 0:
        value = partition.cr0 & ~int(Cr0.TS)
    elif instruction.operation is Operation.LMSW and number == 0:
        if instruction.register is not None:
            word = vcpu.register(instruction.register)
        else:
            word = int.from_bytes(read_linear(partition, instruction.linear, 2), "little")
        value = partition.cr0 & ~_MSW_CLEARABLE | word & _MSW  # sets PE, never clears it
    elif instruction.operation is Operation.WRITE_CR and instruction.register is not None:
        value = vcpu.register(instruction.register)
    else:
        raise GuestFault(Exc.UD)
    if number == 0:
        _write_cr0(partition, value)
    elif number == 3:
        _check_cr3(partition, value, partition.mode.paging)
        partition.cr3 = value
        if partition.mode.paging:
            apply_control(partition, globals_too=False)
    elif value & ~_CR4:
        raise GuestFault(Exc.GP, 0)
    else:
        partition.cr4 = value
        apply_control(partition)


def read_control(partition: Partition) -> None:
    """The guest reads a control register, by MOV or SMSW."""
    number, instruction = partition.vcpu.get("EXITCODE") - ExitCode.CR_READ, intercepted(partition)
    if instruction.operation not in ((Operation.READ_CR, Operation.SMSW) if number == 0 else (Operation.READ_CR,)):
        raise GuestFault(Exc.UD)
    value = {0: partition.cr0, 3: partition.cr3, 4: partition.cr4}[number]
    if instruction.register is None:
        write_linear(partition, instruction.linear, (value & 0xFFFF).to_bytes(2, "little"))
    else:
        partition.vcpu.set_register(instruction.register, value, instruction.size)
