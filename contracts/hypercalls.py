"""What a guest may ask of the isolation kernel.

VMMCALL with EAX = number, EBX, ECX, EDX, ESI = arguments; EAX = result (Status, or a value where said). A call that waits lets the guest
sleep until it can be answered, or answers AGAIN if ESI is not 0. A channel is named by the number of the partition at its other end.
Who may read what is sealed is a number of 32 bits (1 to 8) and so many identities.

WAIT tells of each guest once until then, in the order in which it happened: in a channel of the caller's, of a message that has come or,
after a RECEIVE, of one that is still there; of room in one that was full; of an OPEN of the other end, and of its end. What came may have
been taken meanwhile. Who has the right is told of messages of the host, of guests that wait in OPEN for the caller, and of those that end.
"""

from enum import IntEnum

__all__ = [
    "CPUID_SIGNATURE", "HOST_END", "IDENTITY_SIZE", "LIST_HEADER", "MAX_MESSAGE", "MAX_QUEUED", "CpuidLeaf", "DeviceNumber", "Hypercall",
    "Status",
]  # fmt: skip

CPUID_SIGNATURE = "RingfenceIK1"  # EBX, ECX, EDX of leaf 4000_0000h
MAX_MESSAGE = 4096 - 16
HOST_END = 0  # the host, where a partition's number stands
MAX_QUEUED = 16  # messages in one direction
IDENTITY_SIZE = 32  # bytes of a guest's name
LIST_HEADER = 4  # bytes: how many names follow


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
    CLOSED = -6  # there is no such channel, or no more: the other end has closed it, or has ended
    UNAVAILABLE = -7  # no launch, TPM or store, or it refuses: nothing is there that this guest may read, say


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
    RECEIVE = 2  # EBX = buffer, ECX = its size, EDX = channel (0: from the host); waits for a message; EAX = its length
    SEND = 3  # EBX = buffer, ECX = bytes, EDX = channel: waits for room; 0: to the host, AGAIN if there is no room
    GIVE_PAGE = 4  # EBX = guest-physical page (address), ECX = partition number: the page is cleaned and moves away
    ACCEPT_PAGE = 5  # EBX = guest-physical address at which a page given to this guest shall appear; EAX = Status
    GIVE_DEVICE = 6  # EBX = device number, ECX = partition number
    SHUTDOWN = 7  # EBX = exit status: this guest ends
    SYSTEM_SHUTDOWN = 8  # EBX = exit status: the system ends; only for a guest with that right
    OPEN = 9  # EBX = partition number, ECX = buffer for the identity of that guest, IDENTITY_SIZE bytes; waits until it opens too
    CLOSE = 10  # EBX = channel: what was sent can still be received; the shared page is cleaned and goes back to its giver
    SHARE_PAGE = 11  # EBX = guest-physical page (address), ECX = channel: the page is cleaned and becomes the channel's, one each
    MAP_SHARED = 12  # EBX = guest-physical address at which the channel's page shall appear, ECX = channel; AGAIN if it has none yet
    SEAL = 13  # EBX = buffer, ECX = bytes (at most MAX_MESSAGE), EDX = slot, ESI = buffer of who may read it (0: the caller)
    UNSEAL = 14  # EBX = buffer, ECX = its size, EDX = slot, ESI = buffer of who sealed it, an identity (0: the caller); EAX = length
    ATTEST = 15  # EBX = buffer: the verifier's nonce and data of the guest's own, 32 bytes each: the host gets the quote
    WAIT = 16  # EAX = number of a guest at which something has happened since it was last told, 0: the host; waits until there is one
