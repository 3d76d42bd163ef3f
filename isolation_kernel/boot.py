"""A guest's first state: memory, devices, and what its processor and VMCB hold when it starts."""

from collections.abc import Iterable

from contracts.architecture import Exc, Gpr
from contracts.configuration import GuestConfig
from contracts.memory_map import PAGE_SIZE
from contracts.msr import Efer
from contracts.vmcb import DR_INTERCEPTS, SEGMENTS, CrIntercept, General1, General2, InterruptControl, SegmentPart, TlbControl, segment
from isolation_kernel.control_registers import apply_control
from isolation_kernel.frames import HOLE, Frames, KernelError
from isolation_kernel.guest_memory import SCREEN_PAGES, GuestMemory
from isolation_kernel.partition import Partition
from virtual_pc.first_state import first_cr0, first_state

__all__ = ["claim_memory", "load_segments", "set_start_state", "set_up_vmcb"]

_GUESTS_OWN = {segment(name, part).name for name in SEGMENTS for part in SegmentPart} | {"CPL", "DR6", "DR7", "RFLAGS", "CR2", "RIP"}
_GENERAL1 = (
    General1.INTR, General1.NMI, General1.INIT, General1.CPUID, General1.INVD, General1.HLT, General1.INVLPG,
    General1.IOIO, General1.MSR,
)  # fmt: skip
_GENERAL2 = (General2.VMRUN, General2.VMMCALL, General2.WBINVD, General2.ICEBP)
_RING_MINUS_1 = (General2.VMLOAD, General2.VMSAVE, General2.STGI, General2.CLGI, General2.SKINIT)


def _bits(numbers: Iterable[int]) -> int:
    return sum(1 << n for n in numbers)


def claim_memory(frames: Frames, owner: int, config: GuestConfig, first: int) -> dict[int, int]:
    """A guest's frames, by guest page number: from ``first`` in a row, less the screen's, or all of the hole below 1 MiB where it
    is mapped one to one."""
    pages = [n for n in range(config.memory // PAGE_SIZE) if n not in (HOLE if config.one_to_one else SCREEN_PAGES)]
    if config.one_to_one:
        frames.take(pages, owner)
    return {page: first + page for page in pages}


def load_segments(memory: GuestMemory, config: GuestConfig) -> None:
    """Copy a guest's image into its memory."""
    for address, data in config.segments:
        if not memory.write(address, data):
            raise KernelError(f"{config.name}: {len(data)} bytes at {address:#x} do not fit in its {config.memory >> 10} KiB of memory")


def set_up_vmcb(partition: Partition, msr_map: int) -> None:
    """Intercepts and maps: everything exits that a guest shares with others or with the kernel."""
    vcpu = partition.vcpu
    control = CrIntercept.CR0 | CrIntercept.CR3 | CrIntercept.CR4
    for accesses, registers in (("CR_READ", control), ("CR_WRITE", control), ("DR_READ", DR_INTERCEPTS), ("DR_WRITE", DR_INTERCEPTS)):
        vcpu.put(f"INTERCEPT_{accesses}", registers)
    vcpu.put("INTERCEPT_EXCEPTIONS", _bits((Exc.DB, Exc.PF, Exc.AC)))
    on = partition.base.protections
    sometimes = {General1.RDTSC: not partition.config.clock, General1.INVLPGA: on.svm_intercepts, General1.SHUTDOWN: on.reset_virtualised}
    vcpu.put("INTERCEPT_GENERAL1", _bits((*_GENERAL1, *(bit for bit, wanted in sometimes.items() if wanted))))
    vcpu.put("INTERCEPT_GENERAL2", _bits((*_GENERAL2, *(_RING_MINUS_1 if on.svm_intercepts else ()))))
    vcpu.put("IOPM_BASE_PA", partition.io_map.address)
    vcpu.put("MSRPM_BASE_PA", msr_map)
    vcpu.put("INT_CONTROL", InterruptControl.V_INTR_MASKING | InterruptControl.V_IGN_TPR)
    vcpu.put("TLB_CONTROL", TlbControl.NOTHING)
    vcpu.put("EFER", Efer.SVME)


def set_start_state(partition: Partition, cpu_signature: int) -> None:
    """The processor as the guest's entry wants to find it: no more of the VMCB than its own segments and registers."""
    vcpu, entry = partition.vcpu, partition.config.entry
    for name, value in partition.pc.ask(list, first_state(entry, cpu_signature)) or ():
        if name in Gpr.__members__:
            vcpu.set_register(Gpr[name], value)
        elif name in _GUESTS_OWN:
            vcpu.put(name, value)
    vcpu.put("EVENTINJ", 0)
    vcpu.put("INTERRUPT_SHADOW", 0)
    partition.cr0, partition.cr3, partition.cr4 = first_cr0(entry), 0, 0
    apply_control(partition)
