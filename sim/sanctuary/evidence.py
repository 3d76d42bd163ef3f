"""What is left of a run for the judge: plain data, from memory, the retire port, the chipset's own outputs and the exits.

Nothing here says which protections were on.
"""

from dataclasses import dataclass, field

from firmware.guests.layout import Result
from sim.kernel_time import KernelTime
from sim.sanctuary.picture import MemoryPicture

__all__ = ["Access", "Answer", "Evidence", "GuestExit", "GuestSeen", "Life", "Region", "Step"]


@dataclass(frozen=True)
class Access:
    """A data access that completed."""

    linear: int
    physical: int
    write: bool
    io: bool
    data: int
    size: int = 4  # bytes


@dataclass(frozen=True)
class Step:
    """An instruction that guest 1 retired, or (``vector`` is not None) an exception or interrupt that it took."""

    cycle: int
    eip: int
    code: bytes
    cpl: int
    accesses: tuple[Access, ...] = ()
    vector: int | None = None
    registers: tuple[int, ...] = (0,) * 8  # by Gpr, after it


@dataclass(frozen=True)
class GuestExit:
    """An exit of a guest, with the instruction at its EIP as far as it could be read. ``registers`` go by Gpr."""

    cycle: int
    name: str
    info1: int
    info2: int
    eip: int
    registers: tuple[int, ...]
    cpl: int
    code: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What guest 2 made of a message. ``key``: the key that it had been given by then."""

    key: bytes
    message: bytes
    posted: int  # cycle
    answered: int | None = None
    answer: bytes = b""


@dataclass(frozen=True)
class GuestSeen:
    """A guest that ran: its image, memory in bytes, the machine address of its physical 0, and the devices it was started with."""

    name: str
    image: str
    memory: int
    base: int
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Life:
    """How far guest 1 has come with what it does besides attacking, as its memory says: its timer's ticks, and the count of each of its
    processes, which ring 3 itself writes."""

    ticks: int
    counts: tuple[int, ...]


@dataclass
class Region:
    """Bytes of memory: before guest 1 started, after its attempt (if it came so far) and at the end."""

    address: int
    before: bytes
    attempted: bytes | None = None
    end: bytes = b""

    def changes(self) -> list[int]:
        """Addresses of bytes that have changed."""
        later = [self.end] if self.attempted is None else [self.attempted, self.end]
        return [self.address + n for n, byte in enumerate(self.before) if any(seen[n] != byte for seen in later)]


@dataclass
class Evidence:
    """One run. Addresses are the machine's; cycles count from power-on."""

    attack: str
    target: int
    guest1: range  # guest 1's memory
    stages: dict[int, int] = field(default_factory=dict)  # cycle at which each stage was first seen
    life: dict[int, Life] = field(default_factory=dict)  # as it was when each stage was first seen
    life_last: Life | None = None  # and when guest 1 last ran
    restarted: bool = False  # guest 1 was started again: the newest of ``life`` counts from nothing
    record: bytes = bytes(Result.SIZE)  # the attacker's record as last seen
    regions: dict[str, Region] = field(default_factory=dict)
    secrets: tuple[int, ...] = ()  # where SECRET_WORDS[0] stands in guest 1's memory
    steps: list[Step] = field(default_factory=list)
    exits: list[GuestExit] = field(default_factory=list)
    entered: dict[str, int] = field(default_factory=dict)  # function of guest 1: cycle in which its first instruction was retired
    refusals: tuple[tuple[int, bool, int], ...] = ()  # DMA accesses: address, write, requester
    given: bytes = b""  # the page that guest 1 gave away, as the machine holds it at the end; empty if it still is guest 1's
    engine: tuple[int, ...] = ()  # registers of DMA engine 0 at the end, of a run whose attack gives it away
    guard: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())  # what the guard's registers held before and at the end
    sent: bytes = b""  # what guest 1 sent and printed
    com1: bytes = b""  # what the machine's own COM1 printed
    reset: bool = False
    status: int | None = None  # the machine ended with it
    lost: bool = False  # the processor never came back to ring −1: the machine was reset, ended, or a guest kept it
    stub_halted: bool = False  # the last that ring −1 did was to halt in the stub, where it waits for no command any more
    cleared: bool = False  # no byte of guest 1's memory is left at the end
    own_page: int = 0  # where guest 1's image has its own_page
    main: int = 0  # and its main()
    guest2_calls: list[GuestExit] = field(default_factory=list)  # guest 2's last hypercalls
    after_reset: list[Step] = field(default_factory=list)  # the first that the processor retired after a platform reset
    answers: list[Answer] = field(default_factory=list)
    guest2_end: str = ""  # why guest 2 ended, if it did
    ended: str = ""  # how the run ended
    cycles: int = 0
    window: bytes = b""  # the machine's view around the attempt, as the model records it; for waves, not for the judge
    picture: MemoryPicture | None = None  # who owned what at the end; for the report, not for the judge
    exit_counts: dict[str, int] = field(default_factory=dict)
    kernel_time: KernelTime = KernelTime()  # from power-on
    guests: tuple[GuestSeen, ...] = ()

    def word(self, field_: Result) -> int:
        """A word of the attacker's record."""
        return int.from_bytes(self.record[field_ : field_ + 4], "little")
