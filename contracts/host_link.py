"""The host link: a bus master of the chipset for the isolation kernel in Python, and its mailbox with the ring −1 stub (decision 12).

The stub reads MAILBOX; the read stalls (without holding the bus) until the kernel, over the link, has written ANSWER. The kernel
touches memory only between the two. Commands and their operands are passed in the vCPU block, ordinary memory of ring −1.
"""

from enum import IntEnum

from contracts import vmcb
from contracts.architecture import Gpr
from contracts.memory_map import PAGE_SIZE
from contracts.registers import Access, Register, RegisterBlock

__all__ = ["HOST_LINK", "KERNEL_CYCLES_PER_EXIT", "REGISTER_OFFSETS", "LinkOp", "StubCommand", "VcpuBlock"]

KERNEL_CYCLES_PER_EXIT = 1000  # stands for the kernel's instructions until a C kernel has been measured


class LinkOp(IntEnum):
    """What the host asks of the link. ``*_BURST`` moves 16 aligned bytes in four beats."""

    READ = 0
    WRITE = 1
    READ_BURST = 2
    WRITE_BURST = 3
    IO_READ = 4
    IO_WRITE = 5
    ANSWER = 6  # data: the StubCommand that the stalled read of MAILBOX returns
    POLL = 7  # data: bit 0 the stub waits, bit 1 the guard's interrupt, bit 2 INTR of the 8259s
    IO_WRITE_32 = 8  # a dword to four ports, the first of them a multiple of 4
    CLEAR_PAGE = 9  # zeroes in all of an aligned page, line after line without waiting for their answers; no data
    READ_8 = 10  # a byte of memory space, and no other
    WRITE_8 = 11


class StubCommand(IntEnum):
    """What the kernel answers; the low 12 bits of a RUN carry this, the rest the page of the vCPU block."""

    RUN = 1  # load the guest's registers, VMLOAD, VMRUN, VMSAVE, store them; then wait again
    TAKE_INTERRUPT = 2  # open a window with STGI for one physical interrupt, write its vector (or -1) to VECTOR, CLGI; then wait again
    INVLPGA = 3  # EAX = LINEAR, ECX = ASID_ARG of the vCPU block
    HALT = 4  # STGI; HLT until a physical interrupt arrives, report it as TAKE_INTERRUPT does
    SHUTDOWN = 5  # CLI; HLT for ever


class VcpuBlock(IntEnum):
    """Byte offsets in a vCPU block: two pages, the VMCB first, then the guest's registers that VMRUN does not switch and the operands."""

    VMCB = 0x0000
    EBX = 0x1000
    ECX = 0x1004
    EDX = 0x1008
    ESI = 0x100C
    EDI = 0x1010
    EBP = 0x1014
    VECTOR = 0x1018
    LINEAR = 0x101C
    ASID_ARG = 0x1020
    SIZE = 0x2000


REGISTER_OFFSETS: dict[int, int] = {
    Gpr.EAX: vmcb.field("RAX").offset, Gpr.ESP: vmcb.field("RSP").offset, Gpr.EBX: VcpuBlock.EBX, Gpr.ECX: VcpuBlock.ECX,
    Gpr.EDX: VcpuBlock.EDX, Gpr.ESI: VcpuBlock.ESI, Gpr.EDI: VcpuBlock.EDI, Gpr.EBP: VcpuBlock.EBP,
}  # fmt: skip
"""Where each general register lies in a vCPU block: in the VMCB those that VMRUN switches."""

HOST_LINK = RegisterBlock(
    name="HOST_LINK",
    size=PAGE_SIZE,
    doc="Mailbox of the ring −1 stub. Answers ring −1's authority alone once the guard is on.",
    registers=(
        Register("MAILBOX", 0x00, Access.RO, "A read waits for the kernel's answer and returns it."),
        Register("PRESENT", 0x04, Access.RO, "Reads 5246_4831h ('RFH1') where a host link is built."),
    ),
)
