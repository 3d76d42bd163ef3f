"""Where things lie in the guests' memories and what stands there: for the guests in C, and for the host that judges them.

Addresses are guest-physical: those of guest 1 are machine addresses, those of guest 2 are offset by its base.
"""

from enum import IntEnum

__all__ = [
    "ACCEPT_PAGE",
    "DEFAULT_KEY",
    "GIVEN_MARK",
    "GIVEN_PAGE",
    "LAYOUT_HEADER",
    "RESULT_ADDRESS",
    "RESULT_MAGIC",
    "SECRET",
    "SECRET_WORDS",
    "VICTIM_WORD",
    "Disk",
    "Life",
    "Result",
    "Trusted",
    "layout_header",
]

LAYOUT_HEADER = "guest_layout.h"

DEFAULT_KEY = bytes(range(0x60, 0x80))  # guest 2's key until a message brings another
SECRET_WORDS = tuple(0x5EC2_E700 + 0x0101_0101 * n for n in range(8))
SECRET = b"".join(w.to_bytes(4, "little") for w in SECRET_WORDS)  # to be found nowhere but in guest 2
VICTIM_WORD = 0x1A7A_C7ED  # guest 2 expects it unchanged
GIVEN_PAGE = 0x001C_0000  # the page (guest-physical, guest 1) that attacks give away
ACCEPT_PAGE = 0x8000_0000  # where guest 1 accepts a page: guest-physical, beyond its RAM
GIVEN_MARK = 0x61FE_7ACE  # what an attacker leaves in a page before it gives it away


class Trusted(IntEnum):
    """Guest 2's pages (guest-physical) and what lies where in the first."""

    PAGE = 0x0018_0000  # the page that attacks aim at
    SECRET = 0x0018_0000  # SECRET_WORDS
    KEY = 0x0018_0040
    VICTIM = 0x0018_0080  # VICTIM_WORD
    DESCRIPTOR = 0x0018_00C0  # a DMA descriptor that fills RESULT_LOOT of guest 1 with SECRET_WORDS[0]
    DIRECTORY = 0x0018_1000  # guest 2's page directory; its entry 300h maps C000_0000h to 0 once more
    TABLE = 0x0018_2000  # a page table; its entry 0 maps guest-physical RESULT_ADDRESS
    STATE = 0x0018_0440  # SECRET_WORDS where VMLOAD would find segments, and at STATE_MSRS its MSRs
    STATE_MSRS = 0x0018_0628
    SPARE = 0x0018_3000  # a page that holds SECRET_WORDS too, and that guest 2 gives away when told to
    END = 0x0018_4000


RESULT_ADDRESS = 0x7000
RESULT_MAGIC = 0x4B4C_5441  # 'ATLK' in memory


class Result(IntEnum):
    """Words (byte offsets) of the record that the attacker leaves at RESULT_ADDRESS.

    The host judges by memory and by the retire trace, not by this.
    """

    MAGIC = 0x00  # RESULT_MAGIC once the attacker runs
    ATTACK = 0x04  # index in the table of attacks
    STAGE = 0x08  # see Stage in attack.py
    FAULT = 0x0C  # vector of the exception that the attempt took, FFFF_FFFFh for none
    FAULT_ADDRESS = 0x10  # CR2
    STATUS = 0x14  # result of a hypercall, STATUS of the DMA engine, or a counter
    ALLOWED = 0x18  # 1: the allowed access of the same kind worked
    ENTRY = 0x1C  # EIP at which the attempt starts, for the retire trace
    MARK = 0x20  # a word of the attacker's own, for aliases to find
    LOOT = 0x40  # 16 words: what the attempt brought in
    SIZE = 0x80


class Life(IntEnum):
    """Guest 1's own processes (``guests/attacker/life.c``): each has a count, the first word of its part of the object ``living``."""

    PROCESSES = 2
    STRIDE = 0x800  # from one part to the next


class Disk(IntEnum):
    """Sectors of the disk program (``guests/disk/disk.h``)."""

    SHARE_SECTORS = 32  # that belong to a guest which shares the disk, from its tag times this on
    PARK_SECTOR = 50  # the one that is left in the disk


def layout_header() -> str:
    """The C header of all this."""
    names: dict[str, int] = {f"TRUSTED_{m}": int(v) for m, v in Trusted.__members__.items()}
    names |= {f"RESULT_{m}": int(v) for m, v in Result.__members__.items()}
    names |= {f"DISK_{m}": int(v) for m, v in Disk.__members__.items()}
    names |= {f"LIFE_{m}": int(v) for m, v in Life.__members__.items()}
    names |= {"RESULT_ADDRESS": RESULT_ADDRESS, "RESULT_MAGIC_WORD": RESULT_MAGIC, "VICTIM_WORD": VICTIM_WORD, "GIVEN_MARK": GIVEN_MARK}
    names |= {"GIVEN_PAGE": GIVEN_PAGE, "ACCEPT_PAGE": ACCEPT_PAGE}
    lists = {"DEFAULT_KEY_BYTES": DEFAULT_KEY, "SECRET_WORD_LIST": SECRET_WORDS}
    lines = [f"#define {name} {value:#x}" for name, value in names.items()]
    lines += [f"#define {name} {', '.join(f'{v:#x}' for v in values)}" for name, values in lists.items()]
    return "\n".join(
        [
            "/* Made from firmware/guests/layout.py: do not edit. */",
            "#ifndef GUEST_LAYOUT_H",
            "#define GUEST_LAYOUT_H",
            *lines,
            "#endif",
            "",
        ]
    )
