"""Where things lie in the attacked machine's memory, and the code that is put there: each says on port E9h that it runs."""

import struct

from cocotb_tests.attacks.launch.machine_code import says
from contracts.host_link import HOST_LINK
from contracts.memory_map import Physical, Port, RamLayout

__all__ = [
    "BLOCK", "CHAINS", "IDT", "LETTER_OF_STUB", "LETTER_OF_TROJAN", "LOOT", "RING_MINUS_1", "SCRATCH", "SCRIPT", "SLED", "STUB", "TABLES",
    "TROJAN", "sled", "stub",
]  # fmt: skip

BLOCK = 0x80_0000
STUB = 0x82_0000  # the stub's image
SCRIPT = 0x84_0000
CHAINS = (0x85_0000, 0x86_0000)  # descriptors for each engine
SCRATCH = 0x88_0000  # the attacker's memory, for transfers that only take time
SLED = 0x8A_0000
LOOT = 0x8C_0000  # where stolen bytes go
TABLES = 0x8E_0000  # the attacker's page tables
IDT = 0x0  # where INIT leaves IDTR
RING_MINUS_1 = RamLayout().kernel_base

LETTER_OF_STUB, LETTER_OF_TROJAN = "S", "T"
_OUT, _NOP = 0xE6, 0x90
_HERE = b"\xeb\xfe"  # jmp $
_LINE = 16


TROJAN = says(LETTER_OF_TROJAN) + bytes((_OUT, Port.EXIT)) + _HERE
"""Code of the attacker's: it says so and ends the machine."""


def sled(size: int) -> bytes:
    """Bytes that lead to the trojan wherever they are entered, but for some in each line."""
    return (bytes((_NOP,)) * (_LINE - len(TROJAN)) + TROJAN) * (size // _LINE)


def stub(before: bytes = b"", size: int = 0) -> bytes:
    """A stub of the least kind: it says that it runs, does ``before``, and waits at the mailbox. Of at least ``size`` bytes."""
    waits = b"\xa1" + struct.pack("<I", Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset) + b"\xeb\xf9"  # mov eax, [mailbox]; jmp back
    code = says(LETTER_OF_STUB) + before + waits
    return code.ljust(max(size, len(code) + -len(code) % 4), b"\0")
