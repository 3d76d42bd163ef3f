"""The secure loader block, as whoever launches it fills it in, and what the loader leaves in it for the kernel.

The block lies in RAM from 1 MiB on, below ring −1's memory; one that lies elsewhere comes to nothing. Its first ``MEASURED_LIMIT`` bytes
hold what can be measured: header, code, constants. Behind it whoever launches writes ``Parameter``, which nobody believes; the loader
writes ``Record``, the first policy map, and its stack, which grows down from the block's end.

The loader then reads the mailbox (``contracts.host_link``) for what only the kernel can tell: one word for the page at which ring −1's
memory begins, then ``DIGEST_WORDS`` for the SHA-256 of the kernel's image, in the digest's order of bytes, lowest first in each word. It
copies the stub there, measures the copy, extends PCR 18 by it and by the kernel's digest, and enters it; so the next read of the mailbox
is the stub's. A loader that gives up says so in ``Record.STATUS`` and reads the mailbox for ever.
"""

from enum import IntEnum

from contracts.event_log import DIGEST_SIZE, HEADER_SIZE
from contracts.late_launch import BLOCK_SIZE
from contracts.memory_map import PAGE_SIZE, RamLayout
from contracts.registers import WORD_SIZE

__all__ = [
    "DIGEST_WORDS", "LOG_OFFSET", "MAP_OFFSET", "MEASURED_LIMIT", "SCRATCH_OFFSET", "STUB_LIMIT", "LoaderStatus", "Parameter", "Record",
]  # fmt: skip

MEASURED_LIMIT = 0xB000
DIGEST_WORDS = DIGEST_SIZE // WORD_SIZE
STUB_LIMIT = RamLayout().stub_size
"""Bytes of the longest stub."""
SCRATCH_OFFSET = 0xB800
"""The loader's own variables, up to ``Record``."""
MAP_OFFSET = 0xD000
"""The first policy map: a page of zeros, so that no device reaches anything."""


class Parameter(IntEnum):
    """Byte offsets of what the loader is told by whoever launches it, a 32-bit word each."""

    STUB = 0xB000  # physical address of the stub's image
    STUB_SIZE = 0xB004  # its bytes, a multiple of 4


class Record(IntEnum):
    """Byte offsets of what the loader tells the kernel, a 32-bit word each. The event log lies at ``LOG_OFFSET``."""

    STATUS = 0xC000  # LoaderStatus
    LOG_SIZE = 0xC004  # bytes of the event log, which lacks the launch itself: that is the kernel's to look up


LOG_OFFSET = 0xC010
assert LOG_OFFSET + HEADER_SIZE < MAP_OFFSET and MAP_OFFSET + 2 * PAGE_SIZE < BLOCK_SIZE


class LoaderStatus(IntEnum):
    """What has become of the launch."""

    BEGUN = 1  # the block is closed by the policy map; the loader waits for the kernel's words
    MEASURED = 2  # stub and kernel are in PCR 18: the stub has been entered
    NO_TPM = 3  # there is no TPM, or it has died: the stub has been entered, and nothing can unseal or attest
    STUB_REFUSED = 0x80  # it lies in ring −1's memory, or has an impossible size
    KERNEL_REFUSED = 0x81  # ring −1's memory cannot begin there: at no page, or not above the block
    TPM_REFUSED = 0x82  # the TPM is there and has not taken a measurement: what comes next would be taken for the loader
