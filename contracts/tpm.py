"""The TPM's registers, as the PC Client Platform TPM Profile's FIFO interface (TIS) has them, and what its register file asks of the TPM.

There are five localities, a 4 KiB page each. Locality 0 is anybody's, 1 to 3 are ring −1's after a late launch, 4 is the launch's alone:
its page is declared, and no software reaches it.
"""

from enum import IntEnum

from contracts.memory_map import PAGE_SIZE
from contracts.registers import Access, Field, Register, RegisterBlock

__all__ = [
    "BUFFER_SIZE", "BURST", "HASH_LOCALITY", "HEADER_SIZE", "LOCALITIES", "LOCALITY_STRIDE", "SIZE_END", "SIZE_START", "TPM", "TPM_HASH",
    "HashOp", "ResetAnswer", "TpmOp",
]  # fmt: skip

LOCALITIES = 5
HASH_LOCALITY = 4  # the late launch's
LOCALITY_STRIDE = PAGE_SIZE
BUFFER_SIZE = 4096  # bytes of the longest command and of the longest answer: a TPM 2.0's TPM_PT_MAX_COMMAND_SIZE
HEADER_SIZE = 10  # of a command and of an answer: tag, size, code, all big-endian
SIZE_START, SIZE_END = 2, 6  # where the size lies in it
BURST = 64  # bytes that the FIFO takes or gives at most before burstCount is to be read again


class TpmOp(IntEnum):
    """What the register file asks of what holds the TPM."""

    RESET = 0  # the platform has been reset, and the TPM is to be; answered by one byte, of ``ResetAnswer``
    COMMAND = 1  # bytes of a command, the last one marked; answered by the answer's bytes, the last one marked
    HASH_START = 2
    HASH_DATA = 3  # up to four bytes of what is measured
    HASH_END = 4  # answered by one byte, which means nothing, when the PCR has its value
    CLEAR_ESTABLISHMENT = 5  # no late launch has ever been, says tpmEstablishment from now on


class ResetAnswer(IntEnum):
    """Bits of the byte that answers RESET."""

    ESTABLISHED = 1 << 0  # there has been a late launch since this was last cleared


class HashOp(IntEnum):
    """What the late launch sends."""

    START = 0
    DATA = 1
    END = 2


_ONES = 0xFFFF_FFFF
_INTERRUPTS = "This TPM raises no interrupts."

TPM = RegisterBlock(
    name="TPM",
    size=PAGE_SIZE,
    doc="One locality of the TPM. A locality that does not answer, or a TPM that is absent or has failed, reads as ones.",
    by_byte=True,
    registers=(
        Register("ACCESS", 0x000, Access.RW, "Which locality has the TPM. One bit is to be written at a time; zeros change nothing.", (
            Field("ESTABLISHMENT", 0, 1, "Read: 0 = there has been a late launch since this was last cleared."),
            Field("REQUEST_USE", 1, 1, "Write 1: ask for the TPM. Read: this locality has asked and waits."),
            Field("PENDING_REQUEST", 2, 1, "Read: another locality has asked and waits."),
            Field("SEIZE", 3, 1, "Write 1: take the TPM from a lower locality; what that has under way is ended."),
            Field("BEEN_SEIZED", 4, 1, "Read: the TPM was taken from this locality. Write 1: clear."),
            Field("ACTIVE_LOCALITY", 5, 1, "Read: this locality has the TPM. Write 1: give it up, or take back a request that waits."),
            Field("VALID", 7, 1, "Read: 1 as soon as the TPM has answered the platform's reset."),
        ), reset=0x81, size=1),
        Register("INT_ENABLE", 0x008, Access.RO, _INTERRUPTS),
        Register("INT_VECTOR", 0x00C, Access.RO, _INTERRUPTS, size=1),
        Register("INT_STATUS", 0x010, Access.RO, _INTERRUPTS),
        Register("INTF_CAPABILITY", 0x014, Access.RO, "What the interface can do: no interrupts, transfers of at most 4 bytes.", (
            Field("INTERRUPTS", 0, 8, "Kinds of interrupts that are there: none."),
            Field("BURST_COUNT_STATIC", 8, 1, "0: BURST_COUNT changes with what is left."),
            Field("DATA_TRANSFER_SIZE", 9, 2, "0: at most 4 bytes."),
            Field("INTERFACE_VERSION", 28, 3, "3: the FIFO interface for TPM 2.0."),
        ), reset=3 << 28),
        Register("STS", 0x018, Access.RW, "State of a command, for the locality that has the TPM; others read ones.", (
            Field("RESPONSE_RETRY", 1, 1, "Write 1: read the answer again from its first byte."),
            Field("SELF_TEST_DONE", 2, 1, "Read: 1, the TPM has been tested at the platform's reset."),
            Field("EXPECT", 3, 1, "Read: the command is not complete."),
            Field("DATA_AVAILABLE", 4, 1, "Read: the answer has bytes that were not read yet."),
            Field("GO", 5, 1, "Write 1: carry out the command, if it is complete."),
            Field("COMMAND_READY", 6, 1, "Write 1: end what is under way and make ready. Read: ready for a command's first byte."),
            Field("VALID", 7, 1, "Read: EXPECT and DATA_AVAILABLE mean something."),
            Field("BURST_COUNT", 8, 16, "Read: bytes that can be moved now without looking again."),
            Field("COMMAND_CANCEL", 24, 1, "Written: ignored; commands run to their end."),
            Field("RESET_ESTABLISHMENT", 25, 1, "Write 1 in locality 3 while no command is under way: set ACCESS.ESTABLISHMENT."),
            Field("FAMILY", 26, 2, "1: TPM 2.0."),
        ), reset=_ONES),
        Register("DATA_FIFO", 0x024, Access.RW, "Bytes of a command or an answer, lowest address first; beyond its end FFh.",
                 reset=_ONES),
        Register("INTERFACE_ID", 0x030, Access.RO, "FIFO, and nothing else can be chosen.", (
            Field("TYPE", 0, 4, "0: FIFO."),
            Field("VERSION", 4, 4, "0."),
            Field("LOCALITIES", 8, 1, "1: there are five."),
            Field("FIFO", 13, 1, "1: FIFO is there."),
            Field("CRB", 14, 1, "0: the command response buffer is not."),
        ), reset=1 << 8 | 1 << 13),
        Register("XDATA_FIFO", 0x080, Access.RW, "The same as DATA_FIFO.", reset=_ONES),
        Register("DID_VID", 0xF00, Access.RO, "Whose TPM: that of `swtpm`, whose maker is IBM.", (
            Field("VENDOR", 0, 16),
            Field("DEVICE", 16, 16),
        ), reset=0x0001_1014),
        Register("RID", 0xF04, Access.RO, "Revision.", reset=1, size=1),
    ),
)  # fmt: skip

TPM_HASH = RegisterBlock(
    name="TPM_HASH",
    size=PAGE_SIZE,
    doc="Locality 4, as the profile has it. No access reaches it here, whoever makes it: reads are ones, writes are dropped.",
    by_byte=True,
    registers=(
        Register("END", 0x20, Access.WO, "PCR 17 gets the hash of what was measured.", size=1),
        Register("DATA", 0x24, Access.WO, "Up to four bytes more of what is measured."),
        Register("START", 0x28, Access.WO, "A measured launch begins; PCRs 17 to 22 become zeros.", size=1),
    ),
)
