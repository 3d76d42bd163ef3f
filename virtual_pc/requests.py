"""What an instruction that exits asks to have done for it, of its guest's own: the room says it step by step, the kernel does it or not.

A generator yields one of these at a time, and is sent a number for those that ask for one (0 for the others). The last one is what the
instruction comes to: ``Done``, a fault, or what the kernel alone can do.
"""

from collections.abc import Generator
from enum import Enum, IntEnum, auto
from typing import NamedTuple

from contracts.architecture import Exc
from virtual_pc.decode import Segment

__all__ = ["Access", "Addressed", "Configure", "Doing", "Done", "Effect", "Fetch", "Get", "Memory", "Print", "Put", "Request", "Written"]


class Fetch(NamedTuple):
    """The next bytes of the instruction."""

    size: int


class Get(NamedTuple):
    """A general register, all 32 bits."""

    register: int


class Put(NamedTuple):
    """The low ``size`` bytes of a general register."""

    register: int
    value: int
    size: int = 4


class Access(Enum):
    """What is done to memory."""

    LOAD = auto()
    STORE = auto()
    PROBE = auto()  # nothing yet, but it faults as a store would


class Memory(NamedTuple):
    """An operand in a segment, as the guest's own instruction reaches it."""

    access: Access
    segment: Segment
    offset: int
    size: int
    value: int = 0


class Configure(NamedTuple):
    """A byte of real configuration space, ``lane`` of the dword that ``address`` names in CONFIG_ADDRESS: it is read, or ``value`` is
    written."""

    address: int
    lane: int
    value: int | None = None


class Print(NamedTuple):
    """The guest prints a byte."""

    byte: int


class Effect(IntEnum):
    """What a write to a port asks of the kernel, beyond the devices of the guest."""

    NONE = 0
    PRINT = 1  # the byte that was written
    RESET = 2  # the guest asks for a reset: of itself, as far as it can tell
    EXIT = 3  # the guest ends, with the byte as its status


class Done(NamedTuple):
    """It is carried out; ``over``: and not to be executed again. ``effect``: the strongest that it asks for; ``status`` is EXIT's byte."""

    over: bool = True
    effect: Effect = Effect.NONE
    status: int = 0


class Written(NamedTuple):
    """The control register gets this value."""

    value: int


class Addressed(NamedTuple):
    """An address of which no segment was asked."""

    segment: Segment
    offset: int


Request = Fetch | Get | Put | Memory | Configure | Print | Done | Written | Addressed | Exc
Doing = Generator[Request, int, None]
