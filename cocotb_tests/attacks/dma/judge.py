"""The judge. It is shown what was seen of a run, and not which run it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from cocotb_tests.attacks.dma.evidence import Contest, Evidence, Job, Party
from cocotb_tests.attacks.dma.world import MEMORY_BYTES, Owner, is_secret

__all__ = ["BOUND", "Harm", "Verdict", "judge"]

BOUND = 120  # cycles from the first sight of a request on the bus to its last answer, whoever else asks
_DEVICES = (Party.DEVICE_0, Party.DEVICE_1, Party.DISK)
_COUNT_LIMIT = 0xFFFF
_FAIR = 0.4  # of memory's beats, where two ask: a half, less what changing over costs


class Harm(Enum):
    """What an attack may achieve."""

    SECRET = "read a secret"
    CHANGE = "changed what is not its own"
    SHARE = "took more than its share"
    UNNOTICED = "was refused without a trace"


@dataclass(frozen=True)
class Verdict:
    """``attempted``: the attacker tried. ``harms``: what it achieved, each with where. ``unanswered``: accesses of the attacker that got no
    answer in time. ``refused``: what was allowed and did not get through."""

    attempted: bool
    harms: tuple[tuple[Harm, str], ...]
    unanswered: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        """Whether there is any harm."""
        return bool(self.harms)


def judge(evidence: Evidence) -> Verdict:
    """The verdict on a run."""
    harms = [
        *((Harm.SECRET, where) for where in _secrets(evidence)), *((Harm.CHANGE, where) for where in _changes(evidence)),
        *((Harm.SHARE, where) for where in _shares(evidence)), *((Harm.UNNOTICED, where) for where in _unnoticed(evidence)),
    ]  # fmt: skip
    attackers = [job for job in evidence.jobs if _is_attackers(evidence, job)]
    late = tuple(_told(job) for job in attackers if not _in_time(job))
    if not evidence.idle_engines:
        late += ("an engine is still busy",)
    refused = tuple(_told(job) for job in evidence.jobs if job.lawful and (job.error or not _in_time(job)))
    return Verdict(_attempted(evidence, attackers), tuple(harms), late, refused)


def _told(job: Job) -> str:
    took = "no answer" if job.ended is None else f"error {job.error} after {job.ended - (job.asked or 0)}"
    return f"{job.party.value} {'writes' if job.write else 'reads'} {job.address:#x}: {took}"


def _is_attackers(evidence: Evidence, job: Job) -> bool:
    if job.party in _DEVICES:
        return evidence.devices[_DEVICES.index(job.party)]
    return job.party is Party.GUEST


def _in_time(job: Job) -> bool:
    """Whether it was answered within the bound. A master that does not finish its request is owed nothing."""
    if job.dropped or not job.complete:
        return True
    return job.ended is not None and job.asked is not None and job.ended - job.asked <= (job.bound or BOUND)


def _foreign(evidence: Evidence, address: int) -> bool:
    return evidence.world.owner(address) is not Owner.ATTACKER


def _attempted(evidence: Evidence, attackers: list[Job]) -> bool:
    if any(job.hostile for job in attackers if job.asked is not None):
        return True
    return any(evidence.devices[device] and _foreign(evidence, address) for device, address, _ in evidence.touched)


def _secrets(evidence: Evidence) -> Iterator[str]:
    """Secrets that the attacker's devices or its guest were given, or that lie in its pages."""
    for answer in evidence.answers:
        if evidence.devices[answer.device] and is_secret(answer.data):
            yield f"{answer.data:#x} on the bus of device {answer.device}, cycle {answer.cycle}"
    for job in evidence.jobs:
        if job.party is Party.GUEST and any(map(is_secret, job.words)):
            yield f"the guest read {job.words} at {job.address:#x}"
    for address, value in evidence.world.ram.items():
        if is_secret(value) and not _foreign(evidence, address):
            yield f"{value:#x} in the attacker's memory at {address:#x}"


def _changes(evidence: Evidence) -> Iterator[str]:
    """Memory that is not the attacker's, and ring -1's registers and ports, against what their lawful writers left there."""
    world = evidence.world
    for address in sorted(world.ram.keys() | world.lawful.keys()):
        now, then = world.ram.get(address, 0), world.lawful.get(address, 0)
        if now != then and _foreign(evidence, address) and address < MEMORY_BYTES:
            yield f"{address:#x} is {now:#x}, not {then:#x}"
    for name, value in evidence.found.items():
        if value != evidence.left.get(name, 0):
            yield f"{name} is {value:#x}, not {evidence.left.get(name, 0):#x}"
    for port, written, found in evidence.ports:
        if found != written:
            yield f"port {port:#x} is {found:#x}, not {written:#x}"


def _shares(evidence: Evidence) -> Iterator[str]:
    """Others than the attacker who waited too long, or got too little."""
    for job in evidence.jobs:
        if not _is_attackers(evidence, job) and not _in_time(job):
            yield _told(job)
    for contest in evidence.contests:
        beats = sum(_beats(job, contest) for job in evidence.jobs if job.party is contest.one)
        if beats < _FAIR * (contest.end - contest.start):
            yield f"{contest.one.value} got {beats} beats in {contest.end - contest.start} cycles"


def _beats(job: Job, contest: Contest) -> int:
    return len(job.words) if job.ended is not None and contest.start <= job.ended < contest.end else 0


def _unnoticed(evidence: Evidence) -> Iterator[str]:
    """Refusals against the guard's log: the first one since the log was cleared, and their number since reset."""
    for cleared, read, status in evidence.status_reads:
        between = [d for d in evidence.denials if cleared <= d.cycle < read]
        if between and not status & 1:
            yield f"{between[0]}, but STATUS is {status:#x}"
    found = evidence.found
    if not found.keys() >= {"STATUS", "DENIED_COUNT", "LOG_ADDRESS", "LOG_INFO"}:
        return  # nobody could look, which is harm enough
    denials = [d for d in evidence.denials if evidence.reset_at is None or d.cycle > evidence.reset_at]
    if found["DENIED_COUNT"] != min(len(denials), _COUNT_LIMIT):
        yield f"{len(denials)} refusals, {found['DENIED_COUNT']} are counted"
    since = [d for d in denials if d.cycle >= evidence.cleared_at]
    if found["STATUS"] & 1 != bool(since):
        yield f"{len(since)} refusals since STATUS was cleared, but it is {found['STATUS']:#x}"
    elif since:
        first = since[0]
        logged = (found["LOG_ADDRESS"], found["LOG_INFO"])
        if logged != (first.address, first.requester | first.write << 5):
            yield f"the first refusal is {first}, logged is {logged}"
