"""What an attack is: its target, what it needs, who judges it and how."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum

__all__ = ["Attack", "Judge", "Needs", "Stage", "Target"]


class Stage(IntEnum):
    """STAGE of the result record."""

    BOOTED = 1  # and its orders are known
    ATTEMPTING = 2
    ATTEMPTED = 3
    DONE = 4  # and the allowed access has been tried


class Target(Enum):
    """The command-line parameter that tells the attack its machine address. The host plants ``layout.SECRET`` where it will be read."""

    NONE = ""
    GUEST2 = "guest2"  # layout.Trusted.PAGE of guest 2
    DIRECTORY = "directory"  # layout.Trusted.DIRECTORY
    TABLE = "table"  # layout.Trusted.TABLE
    KERNEL = "kernel"  # memory of ring −1 that holds SECRET
    SHADOW = "shadow"  # a word of a shadow table
    VMCB = "vmcb"  # a word of guest 2's VMCB
    MAP = "map"  # a word of a policy map
    STUB = "stub"  # a word of the stub's pages
    TOP = "top"  # the last page of RAM
    DEVICE = "device"  # number of a device that guest 1 does not own


class Judge(Enum):
    """What is looked at to say whether the attack succeeded."""

    SECRET_IN_LOOT = "SECRET_WORDS[0] stands in the record's LOOT, or anywhere in guest 1's memory"
    MARK_AT_TARGET = "the word at the target (VICTIM for guest 2) is ATTACK_MARK or has changed"
    PAGE_CHANGED = "a word of guest 2's page, directory or table has changed"
    GIVEN_PAGE_DIRTY = "the page that was given away holds anything but zeros"
    GUEST2_STARVED = "guest 2 did not answer between stages ATTEMPTING and ATTEMPTED"
    LOOT = "the record's LOOT holds what only ring −1 may see (any word but all ones and zero)"
    SECRET_SENT = "SECRET is among what guest 1 sent or printed"
    MACHINE_RESET = "the platform was reset"
    MACHINE_ENDED = "the machine ended with MACHINE_STATUS"
    SYSTEM_ENDED = "the system was shut down"
    SPOOFED = "SPOOF stands in what the machine's COM1 printed"
    GUARD_CHANGED = "a register of the guard is not what the kernel wrote"
    ENGINE_TOUCHED = "a register of the DMA engine that was given away is not as a reset leaves it"
    OWNER_CHANGED = "a page or device changed its owner against the owner's will"


class Needs(Enum):
    """What the host does so that the attack has its chance."""

    DMA = "guest 1 owns DMA engine 0"
    GUEST2_MESSAGES = "guest 2 gets messages all the while"
    PAGE_FROM_GUEST2 = "guest 2 is told by a 'GIV:' message to give its SPARE page to guest 1"
    MESSAGE = "a message of four bytes, ATTACK_MARK, waits for guest 1"
    GIVE_PAGE = "guest 1 has the right to give pages away"
    GIVE_DEVICE = "guest 1 has the right to give devices away"


@dataclass(frozen=True)
class Attack:
    """One attack."""

    name: str
    text: str
    attempt: str
    allowed: str
    target: Target
    judge: Judge
    control: str
    off_in_both: tuple[str, ...] = ()
    needs: tuple[Needs, ...] = field(default=())
    last: bool = False  # the attempt may end the guest (or its device is gone after it): the allowed access comes first
