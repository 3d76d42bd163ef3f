"""No interference, on the RTL: guest 2 retires the same with the same results in any company; and its judge sees what is not so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cocotb_tests.sim.test_multiboot import HEADER, elf
from contracts.hypercalls import Hypercall
from contracts.protections import Protections
from sim.guests import GuestProgram
from sim.sanctuary.interference import COMPANIES, LEAST, MESSAGES, Retired, retired_by_guest2, same
from sim.sanctuary.world import GUEST_MEMORY

__all__: list[str] = []

ALONE, BESIDE, BY_DMA, STARVED = COMPANIES
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of no bytes
READS_OF_THE_CLOCK = 16
CLEAN = "clean_ended_guest"  # takes longer than these runs, and comes after all that is looked at

Runs = Callable[[str], Retired]

# MOV ECX, reads; 1: RDTSC; MOV EDX, 500; 2: DEC EDX; JNZ 2; DEC ECX; JNZ 1; MOV EAX, SHUTDOWN; XOR EBX, EBX; VMMCALL
CLOCK_READER = (
    b"\xb9" + READS_OF_THE_CLOCK.to_bytes(4, "little") + bytes.fromhex("0f31 baf4010000 4a 75fd 49 75f3")
    + b"\xb8" + Hypercall.SHUTDOWN.to_bytes(4, "little") + bytes.fromhex("31db 0f01d9")
)  # fmt: skip


@pytest.mark.parametrize("company", COMPANIES)
def test_guest_2_answers_rightly_and_does_much(company: str, retired: Runs) -> None:
    run = retired(company)
    assert run.right and run.asked == len(run.answers) == len(MESSAGES)
    assert run.enough and run.instructions > LEAST


@pytest.mark.parametrize("company", COMPANIES[1:])
def test_it_retires_in_company_what_it_retires_alone(company: str, retired: Runs) -> None:
    alone, beside = retired(ALONE), retired(company)
    assert (beside.instructions, beside.digest) == (alone.instructions, alone.digest)
    assert [(a.message, a.answer) for a in beside.answers] == [(a.message, a.answer) for a in alone.answers]
    assert beside.cycles > alone.cycles, "guest 1 was there"


def test_the_company_attacked(retired: Runs) -> None:
    assert [retired(company).refusals > 0 for company in COMPANIES] == [False, False, True, False]


def test_the_judge_says_so(retired: Runs) -> None:
    assert same([retired(company) for company in COMPANIES])


# the judge has teeth


@pytest.mark.parametrize("missing", COMPANIES)
def test_a_missing_company_is_noticed(missing: str, retired: Runs) -> None:
    runs = [retired(company) for company in COMPANIES]
    assert not same([r for r in runs if r.company != missing])
    assert not same([r if r.company != missing else runs[COMPANIES.index(missing) - 1] for r in runs])


def test_what_was_not_looked_at_is_refused(retired: Runs) -> None:
    """Runs of too few instructions, or with nothing digested, agree with each other and say nothing."""
    runs = [retired(company) for company in COMPANIES]
    assert not same([replace(r, instructions=LEAST - 1) for r in runs])
    assert same([replace(r, instructions=LEAST) for r in runs])
    assert not same([replace(r, digest=NOTHING) for r in runs])


def test_a_wrong_and_a_missing_answer_are_noticed(retired: Runs) -> None:
    *runs, last = (retired(company) for company in COMPANIES)
    wrong = replace(last.answers[-1], answer=bytes(32))
    assert not same([*runs, replace(last, answers=(*last.answers[:-1], wrong))])
    assert not same([*runs, replace(last, answers=last.answers[:-1])])


def test_other_messages_are_seen(retired: Runs) -> None:
    """Of the same lengths: as many instructions with other results, and right answers."""
    others = (*MESSAGES[:-1], MESSAGES[-1].upper())
    other = retired_by_guest2(ALONE, messages=others)
    assert other.right and other.instructions == retired(ALONE).instructions and other.digest != retired(ALONE).digest
    assert not same([other, *(retired(company) for company in COMPANIES[1:])])


def test_interference_is_seen(retired: Runs) -> None:
    """Without the DMA policy the very attack of that company reaches guest 2."""
    reached = retired_by_guest2(BY_DMA, protections=Protections.without("dma_policy", CLEAN))
    assert reached.refusals == 0
    assert (reached.instructions, reached.digest) != (retired(BY_DMA).instructions, retired(BY_DMA).digest)
    assert not same([reached if company == BY_DMA else retired(company) for company in COMPANIES])


@pytest.mark.parametrize("clock", [False, True], ids=["withheld", "given"])
def test_a_guest_that_reads_a_clock_is_seen(clock: bool, tmp_path: Path) -> None:
    """With the clock withheld the same program is the same in company: the difference is the clock's."""
    path = tmp_path / "reader.elf"
    path.write_bytes(elf(HEADER + CLOCK_READER))
    reader = GuestProgram.load(path, GUEST_MEMORY, "guest 2", clock=clock)
    alone, beside = (retired_by_guest2(c, guest2=reader, protections=Protections.without(CLEAN)) for c in (ALONE, BESIDE))
    assert alone.instructions == beside.instructions > READS_OF_THE_CLOCK
    assert (alone.digest != beside.digest) == clock
