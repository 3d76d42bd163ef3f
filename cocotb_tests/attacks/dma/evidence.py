"""What a run leaves behind for the judge. Nothing in it says which run it was."""

from dataclasses import dataclass, field
from enum import Enum

from cocotb_tests.attacks.dma.world import World

__all__ = ["Answer", "Contest", "Denial", "Evidence", "Job", "Party"]


class Party(Enum):
    """Who makes an access."""

    RING_MINUS_1 = "ring -1"
    HOST = "host link"
    GUEST = "the attacker's guest"
    DEVICE_0 = "device 0"
    DEVICE_1 = "device 1"
    DISK = "the disk"
    VICTIMS_GUEST = "the victim's guest"


@dataclass(eq=False)
class Job:
    """One access: what was asked, when, and what came back. Cycles count from the start of the run."""

    party: Party
    address: int
    write: bool
    lawful: bool = False  # allowed by the policy: it must get through
    hostile: bool = False  # an attack on somebody, though it may name the attacker's own memory
    asked: int | None = None  # first seen on the bus
    taken: int | None = None
    ended: int | None = None
    dropped: bool = False  # the machine was reset meanwhile
    complete: bool = True  # its master gave all beats of it, without a pause
    bound: int | None = None  # cycles within which it is to be answered, if it is more than one access
    words: list[int] = field(default_factory=list)
    error: bool = False

    @property
    def word(self) -> int:
        """The first word of the answer."""
        return self.words[0]

    @property
    def finished(self) -> bool:
        """Whether nothing more is to be expected."""
        return self.ended is not None or self.dropped


@dataclass(frozen=True)
class Answer:
    """A word that a device was given."""

    cycle: int
    device: int
    data: int
    error: bool


@dataclass(frozen=True)
class Denial:
    """A refusal as the guard shows it."""

    cycle: int
    address: int
    requester: int
    write: bool


@dataclass(frozen=True)
class Contest:
    """From cycle ``start`` to ``end`` both asked all the time; ``one`` is due a fair share of memory's beats."""

    start: int
    end: int
    one: Party


@dataclass
class Evidence:
    """Everything that could be seen of a run.

    ``devices`` says which devices are the attacker's, the disk being the last; ``touched`` are (device, address, write) of every access of
    a device; ``ports`` are I/O ports of ring -1's own devices, what it has written there, and what is there;
    ``registers`` are those of the guard as ring -1 left them and as they are; ``reset_at`` is the cycle of the last platform reset.
    """

    world: World
    devices: tuple[bool, ...] = (True, True, True)
    jobs: list[Job] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    touched: list[tuple[int, int, bool]] = field(default_factory=list)
    denials: list[Denial] = field(default_factory=list)
    contests: list[Contest] = field(default_factory=list)
    idle_engines: bool = True
    reset_at: int | None = None
    cleared_at: int = 0  # cycle in which ring -1 last cleared STATUS
    status_reads: list[tuple[int, int, int]] = field(default_factory=list)  # cleared_at, cycle of a read of STATUS, what it was
    ports: list[tuple[int, int, int]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
