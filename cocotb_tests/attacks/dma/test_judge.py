"""The judge of the attacks on the DMA guard: each harm is noticed, and nothing else is taken for one."""

from collections.abc import Callable

import pytest

from cocotb_tests.attacks.dma.evidence import Answer, Contest, Denial, Evidence, Job, Party
from cocotb_tests.attacks.dma.judge import BOUND, Harm, judge
from cocotb_tests.attacks.dma.world import HOMES, MAPS, MARK, VICTIM, World, secret
from contracts.ide import IDE_REQUESTER
from contracts.requesters import Requester

__all__: list[str] = []

FOREIGN = VICTIM + 8


def clean() -> Evidence:
    """A run in which a device was refused the victim's page, and all went as it should."""
    evidence = Evidence(World())
    evidence.touched.append((0, VICTIM, False))
    evidence.denials.append(Denial(20, VICTIM, Requester.DMA0, False))
    evidence.jobs += [
        Job(Party.DEVICE_0, VICTIM, write=False, hostile=True, asked=10, taken=11, ended=30, words=[0xFFFF_FFFF], error=True),
        Job(Party.DEVICE_0, HOMES[0], write=False, lawful=True, asked=40, taken=41, ended=50, words=[MARK]),
    ]
    evidence.answers += [Answer(30, 0, 0xFFFF_FFFF, True), Answer(50, 0, MARK, False)]
    evidence.world.ram[HOMES[0]] = MARK
    evidence.found = {"STATUS": 1, "DENIED_COUNT": 1, "LOG_ADDRESS": VICTIM, "LOG_INFO": Requester.DMA0, "CONTROL": 1}
    evidence.left = {"STATUS": 1, "DENIED_COUNT": 1, "LOG_ADDRESS": VICTIM, "LOG_INFO": Requester.DMA0, "CONTROL": 1}
    return evidence


def test_a_clean_run_is_clean() -> None:
    verdict = judge(clean())
    assert verdict.attempted
    assert not verdict.succeeded
    assert not verdict.unanswered
    assert not verdict.refused


def change_memory(evidence: Evidence) -> None:
    evidence.world.ram[FOREIGN] = MARK


def lose_a_store(evidence: Evidence) -> None:
    evidence.world.write(MAPS[0], 1, 0xF)


def change_a_register(evidence: Evidence) -> None:
    evidence.found["CONTROL"] = 0


def change_a_port(evidence: Evidence) -> None:
    evidence.ports.append((0x21, 0xA5, 0x5A))


def answer_with_a_secret(evidence: Evidence) -> None:
    evidence.answers.append(Answer(60, 1, secret(FOREIGN), False))


def leave_a_secret(evidence: Evidence) -> None:
    evidence.world.ram[HOMES[1]] = secret(FOREIGN)


def let_the_guest_read(evidence: Evidence) -> None:
    evidence.jobs.append(Job(Party.GUEST, VICTIM, write=False, asked=1, taken=1, ended=2, words=[secret(FOREIGN)]))


def give_the_disk_a_secret(evidence: Evidence) -> None:
    evidence.answers.append(Answer(60, IDE_REQUESTER, secret(FOREIGN), False))


def keep_the_victims_guest_waiting(evidence: Evidence) -> None:
    evidence.jobs.append(Job(Party.VICTIMS_GUEST, 0x1F0, write=False, asked=1, taken=2))


def keep_ring_minus_1_waiting(evidence: Evidence) -> None:
    evidence.jobs.append(Job(Party.RING_MINUS_1, VICTIM, write=False, asked=1, taken=2, ended=BOUND + 2))


def never_answer_the_host(evidence: Evidence) -> None:
    evidence.jobs.append(Job(Party.HOST, VICTIM, write=False, asked=1))


def starve_the_victims_device(evidence: Evidence) -> None:
    evidence.devices = (True, False, True)
    evidence.contests.append(Contest(0, 100, Party.DEVICE_1))
    evidence.jobs += [Job(Party.DEVICE_1, HOMES[1], write=False, asked=n, taken=n, ended=n + 4, words=[0] * 4) for n in range(0, 36, 4)]


def count_one_too_few(evidence: Evidence) -> None:
    evidence.denials.append(Denial(25, VICTIM, Requester.DMA0, False))


def log_another(evidence: Evidence) -> None:
    evidence.denials[0] = Denial(20, VICTIM, Requester.DMA1, False)


def forget_a_refusal(evidence: Evidence) -> None:
    evidence.found["STATUS"] = 0


def forget_it_in_between(evidence: Evidence) -> None:
    evidence.status_reads.append((15, 40, 0))


NOTICED: dict[Callable[[Evidence], None], Harm] = {
    change_memory: Harm.CHANGE, lose_a_store: Harm.CHANGE, change_a_register: Harm.CHANGE, change_a_port: Harm.CHANGE,
    give_the_disk_a_secret: Harm.SECRET, keep_the_victims_guest_waiting: Harm.SHARE,
    answer_with_a_secret: Harm.SECRET, leave_a_secret: Harm.SECRET, let_the_guest_read: Harm.SECRET,
    keep_ring_minus_1_waiting: Harm.SHARE, never_answer_the_host: Harm.SHARE, starve_the_victims_device: Harm.SHARE,
    count_one_too_few: Harm.UNNOTICED, log_another: Harm.UNNOTICED, forget_a_refusal: Harm.UNNOTICED, forget_it_in_between: Harm.UNNOTICED,
}  # fmt: skip


@pytest.mark.parametrize("happen", NOTICED, ids=lambda f: f.__name__)
def test_a_harm_is_noticed(happen: Callable[[Evidence], None]) -> None:
    evidence = clean()
    happen(evidence)
    assert NOTICED[happen] in {harm for harm, _ in judge(evidence).harms}


def test_what_is_the_attackers_own_is_no_harm() -> None:
    evidence = clean()
    evidence.devices = (True, False, True)
    evidence.world.ram[HOMES[1]] = MARK
    evidence.answers.append(Answer(60, 1, secret(FOREIGN), False))  # the victim's device reads the victim's memory
    evidence.status_reads.append((21, 40, 0))  # after the refusal was cleared
    evidence.ports.append((0x21, 0xA5, 0xA5))
    assert not judge(evidence).succeeded


@pytest.mark.parametrize("ended", [None, 10 + BOUND + 1])
def test_a_refusal_without_an_answer_is_noticed(ended: int | None) -> None:
    evidence = clean()
    evidence.jobs[0].ended = ended
    verdict = judge(evidence)
    assert verdict.unanswered
    assert not verdict.succeeded


def test_a_transfer_has_a_bound_of_its_own() -> None:
    evidence = clean()
    evidence.jobs.append(Job(Party.DISK, HOMES[0], write=True, lawful=True, bound=10 * BOUND, asked=10, ended=10 + 10 * BOUND))
    assert not judge(evidence).refused
    evidence.jobs[-1].ended = 11 + 10 * BOUND
    assert judge(evidence).refused


@pytest.mark.parametrize("what", ["error", "late", "never"])
def test_a_refusal_of_what_is_allowed_is_noticed(what: str) -> None:
    evidence = clean()
    job = evidence.jobs[1]
    job.error = what == "error"
    job.ended = {"error": 50, "late": 40 + BOUND + 1, "never": None}[what]
    assert judge(evidence).refused


def test_a_missing_attempt_is_noticed() -> None:
    evidence = clean()
    evidence.touched.clear()
    evidence.jobs[0].hostile = False
    assert not judge(evidence).attempted
