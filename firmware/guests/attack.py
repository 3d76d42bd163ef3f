"""What an attack is: its target, what it needs, who judges it and how."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum

__all__ = ["Attack", "Judge", "Needs", "Stage", "Target", "Witness"]


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
    SHADOW_DIRECTORY = "shadow_directory"  # guest 2's shadow directory, with entries in use
    SHADOW_TABLE = "shadow_table"  # guest 2's shadow table for TRUSTED_PAGE
    OWN_SHADOW = "own_shadow"  # the shadow directory that guest 1 itself runs on
    KERNEL_DIRECTORY = "kernel_directory"  # a page of ring −1 that holds a page directory on which guest 1 could run
    VMCB = "vmcb"  # a word of guest 2's VMCB
    MAP = "map"  # a word of a policy map
    MAP_EDGE = "map_edge"  # words of guest 1's policy map, where its last pages end
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
    SYSTEM_ENDED = "the stub has executed the command SHUTDOWN: ring −1 has halted for good"
    SPOOFED = "SPOOF stands in what the machine's COM1 printed"
    GUARD_CHANGED = "a register of the guard is not what the kernel wrote"
    ENGINE_TOUCHED = "a register of the DMA engine that was given away is not as a reset leaves it"
    PAGE_LOST = "guest 1 no longer reaches GIVEN_PAGE at its address"
    DEVICE_REACHES = "the policy map of the target device, in RAM, has changed"
    COPIED = "the record's LOOT holds the words at the target"
    CR3_LOADED = "guest 1 went on with CR3 at the target"


class Needs(Enum):
    """What the host does so that the attack has its chance."""

    DMA = "guest 1 owns DMA engine 0"
    GUEST2_MESSAGES = "guest 2 gets messages all the while"
    PAGE_FROM_GUEST2 = "guest 2 is told by a 'GIV:' message to give its SPARE page to guest 1"
    SECOND_DMA = "guest 1 owns DMA engine 1 too"
    MESSAGE = "two messages of four bytes wait for guest 1: ATTACK_MARK, OWN_MARK"
    RESTART = "guest 1 is started again when it resets itself"
    GIVE_PAGE = "guest 1 has the right to give pages away"
    GIVE_DEVICE = "guest 1 has the right to give devices away"


class Witness(Enum):
    """Who shows, after an attempt that guest 1 does not survive, that what is allowed of the same kind still works."""

    GUEST2_ENDS = "guest 2 is told to end, and ends by itself"
    ROM_READS = "the ROM, started by the reset, reads RAM"


@dataclass(frozen=True)
class Attack:
    """One attack. ``allowed``: guest 1's function that makes the allowed access of the same kind, after the attempt."""

    name: str
    text: str
    attempt: str
    allowed: str | Witness
    target: Target
    judge: Judge
    control: str
    off_in_both: tuple[str, ...] = ()
    needs: tuple[Needs, ...] = field(default=())
    prepare: str = ""  # a function that is called before the attempt begins
