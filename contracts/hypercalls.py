"""What a guest may ask of the isolation kernel.

VMMCALL with EAX = number, EBX, ECX, EDX, ESI = arguments; EAX = result (Status, or a value where said).
"""

from enum import IntEnum

__all__ = ["CPUID_SIGNATURE", "MAX_MESSAGE", "CpuidLeaf", "DeviceNumber", "Hypercall", "Status"]

CPUID_SIGNATURE = "RingfenceIK1"  # EBX, ECX, EDX of leaf 4000_0000h
MAX_MESSAGE = 4096 - 16


class CpuidLeaf(IntEnum):
    """CPUID leaves of the isolation kernel."""

    SIGNATURE = 0x4000_0000  # EAX = highest leaf
    MEMORY = 0x4000_0001  # EAX = machine address of the guest's physical 0 (0: one to one), EBX = bytes of memory, ECX = partition number


class Status(IntEnum):
    """Results; errors are negative as 32-bit numbers."""

    OK = 0
    BAD_CALL = -1
    BAD_ARGUMENT = -2
    DENIED = -3
    AGAIN = -4
    NOT_OWNER = -5


class DeviceNumber(IntEnum):
    """Numbers of the devices that can be assigned."""

    DMA0 = 0
    DMA1 = 1
    COM1 = 2
    IDE = 3


class Hypercall(IntEnum):
    """Numbers of the calls."""

    YIELD = 0  # give up the processor
    CONSOLE_WRITE = 1  # EBX = guest-physical buffer, ECX = bytes (at most MAX_MESSAGE)
    RECEIVE = 2  # EBX = guest-physical buffer, ECX = its size; blocks until a message is there; EAX = its length
    SEND = 3  # EBX = buffer, ECX = bytes: answer to the host, in order
    GIVE_PAGE = 4  # EBX = guest-physical page (address), ECX = partition number: the page is cleaned and moves away
    ACCEPT_PAGE = 5  # EBX = guest-physical address at which a page given to this guest shall appear; EAX = Status
    GIVE_DEVICE = 6  # EBX = device number, ECX = partition number
    SHUTDOWN = 7  # EBX = exit status: this guest ends
    SYSTEM_SHUTDOWN = 8  # EBX = exit status: the system ends; only for a guest with that right
