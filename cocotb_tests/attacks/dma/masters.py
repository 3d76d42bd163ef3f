"""Masters that a script drives: they say on the bus whatever they are told to, true or not."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from amaranth.hdl import Value
from amaranth.lib import data

from chipset.host_link.link import LinkCommand
from cocotb_tests.attacks.dma.evidence import Job
from contracts.bus import BURST_WORDS, Authority, BusRequest, Space
from contracts.host_link import LinkOp

__all__ = ["PATIENCE", "Beat", "BusLines", "LinkLines", "Master", "Pending", "beats_of", "link_write"]

PATIENCE = 200  # cycles that a script waits for an answer, more than any bound
_BUS = {name: f.offset for name, f in data.Layout.cast(BusRequest)}
_LINK = {name: f.offset for name, f in data.Layout.cast(LinkCommand)}
_WORD = 4
_A20 = 1 << 20


@dataclass(frozen=True)
class Beat:
    """One transfer of a request, after ``gap`` cycles of silence: its fields, and which bit of the request each begins at."""

    fields: dict[str, int]
    gap: int = 0
    offsets: dict[str, int] = field(default_factory=lambda: _BUS)

    def bits(self, a20m: bool) -> int:
        """The request. ``a20m``: address bit 20 is masked in memory space, as the processor does it before its caches."""
        fields = self.fields
        if a20m and fields.get("space") == Space.MEMORY.value:
            fields = fields | {"address": fields["address"] & ~_A20}
        return sum(int(value) << self.offsets[name] for name, value in fields.items())


@dataclass(eq=False)
class Pending:
    """A request on its way; await it for its Job, which has no end if nobody answers."""

    job: Job
    beats: Sequence[Beat]

    def __await__(self) -> Generator[None, None, Job]:
        for _ in range(PATIENCE):
            if self.job.finished:
                break
            yield
        return self.job


@dataclass(frozen=True)
class BusLines:
    """The signals of a BusSignature."""

    bus: Any

    @property
    def outputs(self) -> tuple[Value, Value]:
        """What the master drives: valid, and the request as bits."""
        return self.bus.req_valid, self.bus.req.as_value()

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it sees: ready; an answer, its data, error, last."""
        return self.bus.req_ready, self.bus.rsp_valid, self.bus.rsp.data, self.bus.rsp.error, self.bus.rsp.last


@dataclass(frozen=True)
class LinkLines:
    """The signals of the host link, which has one word an answer."""

    soc: Any

    @property
    def outputs(self) -> tuple[Value, Value]:
        """As ``BusLines``, the request being a LinkCommand."""
        return self.soc.link_commands.valid, self.soc.link_commands.payload.as_value()

    @property
    def inputs(self) -> tuple[Value, ...]:
        """As ``BusLines``."""
        soc = self.soc
        return soc.link_commands.ready, soc.link_answer_valid, soc.link_answer.data, soc.link_answer.error, soc.link_answer_valid


class Master:
    """Plays requests one after the other; the next one goes out before the last one is answered.

    ``step`` is told what the lines were at a clock edge, and then ``drive`` gives what they are to be.
    """

    def __init__(self, lines: BusLines | LinkLines, jobs: list[Job]) -> None:
        self.lines = lines
        self._jobs = jobs
        self.clear()

    def clear(self) -> None:
        """Nothing is queued and nothing is due."""
        self._queue: deque[Pending] = deque()
        self._due: deque[Job] = deque()
        self._beat = 0
        self._silent = 0
        self._driven: tuple[int, int] = (0, 0)

    @property
    def busy(self) -> bool:
        """Whether anything is queued or due."""
        return bool(self._queue or self._due)

    def send(self, job: Job, beats: Sequence[Beat]) -> Pending:
        """Queue a request."""
        pending = Pending(job, beats)
        self._jobs.append(job)
        if not self._queue:
            self._silent = beats[0].gap
        self._queue.append(pending)
        return pending

    def drop(self) -> None:
        """The machine is in reset: what was under way will not be answered."""
        for job in (*self._due, *(p.job for p in self._queue)):
            job.dropped = True
        self.clear()

    def step(self, cycle: int, ready: int, answered: int, word: int, error: int, last: int) -> None:
        """What the lines were in this cycle."""
        if self._driven[0] and ready:
            pending = self._queue[0]
            if self._beat == 0:
                pending.job.taken = cycle
                self._due.append(pending.job)
            self._beat += 1
            if self._beat == len(pending.beats):
                self._queue.popleft()
                self._beat = 0
            if self._queue:
                self._silent = self._queue[0].beats[self._beat].gap
        elif not self._driven[0] and self._silent:
            self._silent -= 1
        if answered and self._due:
            job = self._due[0]
            job.words.append(word)
            job.error |= bool(error)
            if last:
                job.ended = cycle
                self._due.popleft()

    def drive(self, cycle: int, a20m: bool) -> tuple[int, int] | None:
        """What the lines are to be from now on: valid and request; None if they stay as they are."""
        wanted = (0, self._driven[1])
        if self._queue and not self._silent:
            pending = self._queue[0]
            if pending.job.asked is None:
                pending.job.asked = cycle + 1
            wanted = (1, pending.beats[self._beat].bits(a20m))
        if wanted == self._driven:
            return None
        self._driven = wanted
        return wanted


def beats_of(address: int, words: Sequence[int] | None, *, burst: bool, mask: int = 0xF, authority: Authority = Authority.GUEST,
             space: Space = Space.MEMORY, gap: int = 0, **lies: int) -> list[Beat]:  # fmt: skip
    """The beats of an honest request (``words`` None: a read), but for ``lies``, which every beat tells."""
    values = [0] if words is None else words
    assert len(values) == (BURST_WORDS if burst and words is not None else 1)
    return [
        Beat(
            {
                "address": address + _WORD * n, "space": space.value, "write": words is not None, "mask": mask, "data": value,
                "burst": burst, "last": n == len(values) - 1, "authority": authority.value, **lies,
            },
            gap if n == 0 else 0,
        )
        for n, value in enumerate(values)
    ]  # fmt: skip


def link_write(address: int, word: int) -> list[Beat]:
    """The host link's command to write a word."""
    return [Beat({"op": LinkOp.WRITE, "address": address, "data": word}, offsets=_LINK)]
