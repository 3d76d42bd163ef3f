"""What the registers show, by the profile: a model of localities and of the states of a command, one step an access.

It knows no cycles: it is compared when everything has come to rest. What the TPM answers is told to it.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from cocotb_tests.chipset.devices.tpm.bench import ONES, access, status
from contracts.tpm import BUFFER_SIZE, BURST, HASH_LOCALITY, HEADER_SIZE, SIZE_END, SIZE_START, TPM

__all__ = ["State", "TisModel"]

_STS = TPM["STS"]
_NOBODY = None


class State(Enum):
    """Of a command."""

    IDLE = auto()
    READY = auto()
    RECEPTION = auto()
    EXECUTION = auto()
    COMPLETION = auto()


@dataclass
class TisModel:
    """The registers of localities 0 to 3. ``executed`` are the commands that were let go, with their localities."""

    owner: int | None = _NOBODY
    requests: set[int] = field(default_factory=set)
    seized: set[int] = field(default_factory=set)
    seizer: int | None = None
    leaving: bool = False
    hashing: bool = False
    established: bool = False
    state: State = State.IDLE
    after: State | None = None  # where a command that was ended while it ran leads
    command: bytes = b""
    answer: bytes = b""
    place: int = 0
    executed: list[tuple[int, bytes]] = field(default_factory=list)

    # localities

    def write_access(self, locality: int, value: int) -> None:
        told = [name for name in ("REQUEST_USE", "SEIZE", "BEEN_SEIZED", "ACTIVE_LOCALITY") if value & access(name)]
        if len(told) != 1:
            return
        own = self.owner == locality and not self.leaving
        match told[0]:
            case "REQUEST_USE":
                if not own:
                    self.requests.add(locality)
            case "SEIZE":
                if self.owner is _NOBODY:
                    self.requests.add(locality)
                elif locality > self.owner and (self.seizer is None or locality > self.seizer):
                    self.seizer = locality
            case "BEEN_SEIZED":
                self.seized.discard(locality)
            case "ACTIVE_LOCALITY":
                if own:
                    self.leaving = True
                else:
                    self.requests.discard(locality)
        self.settle()

    def settle(self) -> None:
        """The TPM changes hands, if it is to and nothing is under way."""
        if self.owner is not _NOBODY and (self.leaving or self.seizer is not None or self.hashing):
            self.end(State.IDLE)
            if self.state is State.IDLE:
                if not self.leaving:
                    self.seized.add(self.owner)
                if self.seizer is not None and self.hashing:
                    self.requests.add(self.seizer)
                self.owner = _NOBODY if self.hashing else self.seizer
                self.requests.discard(-1 if self.owner is None else self.owner)
                self.seizer, self.leaving = None, False
        if self.owner is _NOBODY and not self.hashing and self.requests:
            self.owner = max(self.requests)
            self.requests.remove(self.owner)

    def end(self, then: State) -> None:
        """What is under way ends; a command that runs does so with its answer."""
        if self.state is State.EXECUTION:
            self.after = then
        else:
            self.state = then

    def has(self, locality: int) -> bool:
        """Whether this locality may move anything."""
        return self.owner == locality and not self.leaving and self.seizer is None and not self.hashing

    # a command

    @property
    def expect(self) -> bool:
        got = len(self.command)
        return got < SIZE_END or (got < int.from_bytes(self.command[SIZE_START:SIZE_END], "big") and got < BUFFER_SIZE)

    def write_status(self, locality: int, value: int) -> None:
        if not self.has(locality):
            return
        if value & status("GO") and self.state is State.RECEPTION and not self.expect and not value & status("COMMAND_READY"):
            self.state, self.after = State.EXECUTION, None
            self.executed.append((locality, self.command))
        if value & status("RESPONSE_RETRY") and self.state is State.COMPLETION:
            self.place = 0
        clears = value & status("RESET_ESTABLISHMENT") and locality == HASH_LOCALITY - 1
        if clears and self.state in (State.IDLE, State.READY):
            self.established = False
        if value & status("COMMAND_READY"):
            self.end(State.READY)

    def put(self, locality: int, data: bytes) -> None:
        for byte in data if self.has(locality) else b"":
            if self.state is State.READY:
                self.state, self.command = State.RECEPTION, bytes((byte,))
            elif self.state is State.RECEPTION and self.expect:
                self.command += bytes((byte,))

    def get(self, locality: int, count: int) -> bytes:
        if not self.has(locality) or self.state is not State.COMPLETION:
            return b"\xff" * count
        got = self.answer[self.place : self.place + count]
        self.place += len(got)
        return got.ljust(count, b"\xff")

    def answered(self, answer: bytes) -> None:
        """The TPM has said this to the last command that was let go."""
        assert self.state is State.EXECUTION and len(answer) >= HEADER_SIZE
        self.state, self.answer, self.place = State.COMPLETION, answer, 0
        if self.after is not None:
            self.state, self.after = self.after, None
        self.settle()

    # the launch

    def hash_start(self) -> None:
        self.hashing = self.established = True
        self.settle()

    def hash_end(self) -> None:
        self.hashing = False
        self.settle()

    # what is read

    def access(self, locality: int) -> int:
        return (
            access("VALID")
            | (0 if self.established else access("ESTABLISHMENT"))
            | (access("REQUEST_USE") if locality in self.requests else 0)
            | (access("PENDING_REQUEST") if self.requests - {locality} else 0)
            | (access("BEEN_SEIZED") if locality in self.seized else 0)
            | (access("ACTIVE_LOCALITY") if self.owner == locality and not self.leaving else 0)
        )

    def status(self, locality: int) -> int:
        if not self.has(locality):
            return ONES
        value, burst = status("VALID", "SELF_TEST_DONE") | _STS.field("FAMILY").put(1), 0
        match self.state:
            case State.READY:
                value, burst = value | status("COMMAND_READY"), BURST
            case State.RECEPTION:
                value, burst = value | (status("EXPECT") if self.expect else 0), BUFFER_SIZE - len(self.command)
            case State.COMPLETION:
                burst = len(self.answer) - self.place
                value |= status("DATA_AVAILABLE") if burst else 0
        return value | _STS.field("BURST_COUNT").put(min(burst, BURST))
