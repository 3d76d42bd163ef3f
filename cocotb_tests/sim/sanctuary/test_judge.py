"""The judge notices a breach, a missing attempt, a lost allowed access and a wrong answer: each alone, on evidence made by hand."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.dma_engine import DMA_ENGINE
from contracts.hypercalls import Hypercall
from contracts.memory_map import Physical
from firmware.guests.attack import Judge, Stage
from firmware.guests.attacks import ATTACKS, BY_NAME, MACHINE_STATUS, SHUTDOWN_STATUS, SPOOF
from firmware.guests.layout import SECRET, Result
from sim.sanctuary.evidence import Access, Answer, Evidence, GuestExit, Region, Step
from sim.sanctuary.judge import judge

__all__: list[str] = []

KEY, MESSAGE = b"key", b"message"
MAC = hmac.new(KEY, MESSAGE, hashlib.sha256).digest()
WINDOW = 0x8000_0000
BEGIN, END = 1000, 2000  # cycles of the attempt


def record(**words: int) -> bytes:
    data = bytearray(Result.SIZE)
    for name, value in {"ALLOWED": 1, "FAULT": 0xFFFF_FFFF, **words}.items():
        data[Result[name] : Result[name] + 4] = value.to_bytes(4, "little")
    return bytes(data)


def held(attack: str) -> Evidence:
    """A run in which the attempt was made by a read of the window, and nothing came of it."""
    page = Region(0x100_0000, bytes(16), bytes(16), bytes(16))
    return Evidence(
        attack,
        target=0x100_0000,
        guest1=range(2 << 20),
        stages={Stage.BOOTED: 500, Stage.ATTEMPTING: BEGIN, Stage.ATTEMPTED: END, Stage.DONE: END + 500},
        record=record(),
        regions=dict.fromkeys(("page", "directory", "table", "target"), page),
        steps=[read(BEGIN + 1)],
        entered={BY_NAME[attack].attempt: BEGIN, BY_NAME[attack].allowed: END},
        owners={"given page": ("guest 1", "guest 1"), "DMA0": ("guest 1", "guest 1")},
        guard=((1, 2), (1, 2)),
        answers=[Answer(KEY, MESSAGE, BEGIN - 10, BEGIN + 10, MAC)],
        ended="guest 1 was done",
        cycles=END + 1000,
    )


def read(cycle: int, linear: int = WINDOW) -> Step:
    return Step(cycle, 0x10_0000, b"\x8b\x00", 0, (Access(linear, linear, False, False, 0),))


def starts_engine(cycle: int) -> Step:
    at = Physical.DMA_ENGINES + DMA_ENGINE["CONTROL"].offset
    return Step(cycle, 0x10_0000, b"\x89\x03", 0, (Access(at, at, True, False, DMA_ENGINE["CONTROL"].field("START").mask),))


def calls(cycle: int, number: Hypercall) -> GuestExit:
    return GuestExit(cycle, "VMMCALL", 0, 0, 0x10_0000, int(number), 0, b"\x0f\x01\xd9")


def changed(name: str) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, regions={**e.regions, name: replace(e.regions[name], end=b"\1" + bytes(15))})


BREACHES: dict[Judge, Callable[[Evidence], Evidence]] = {
    Judge.SECRET_IN_LOOT: lambda e: replace(e, secrets=(0x7040,)),
    Judge.MARK_AT_TARGET: changed("target"),
    Judge.PAGE_CHANGED: changed("directory"),
    Judge.GIVEN_PAGE_DIRTY: lambda e: replace(e, given=bytes(99) + b"\1"),
    Judge.GUEST2_STARVED: lambda e: replace(e, answers=[replace(e.answers[0], answered=END + 1)]),
    Judge.LOOT: lambda e: replace(e, record=record(LOOT=0x1234)),
    Judge.SECRET_SENT: lambda e: replace(e, sent=b"x" + SECRET),
    Judge.MACHINE_RESET: lambda e: replace(e, reset=True),
    Judge.MACHINE_ENDED: lambda e: replace(e, status=MACHINE_STATUS << 1 & 0xFF | 1),
    Judge.SYSTEM_ENDED: lambda e: replace(e, system_status=SHUTDOWN_STATUS),
    Judge.SPOOFED: lambda e: replace(e, com1=SPOOF.encode()),
    Judge.GUARD_CHANGED: lambda e: replace(e, guard=((1, 2), (1, 3))),
    Judge.ENGINE_TOUCHED: lambda e: replace(e, engine=(0, 0, 0x10_0000)),
    Judge.OWNER_CHANGED: lambda e: replace(e, owners={"DMA0": ("guest 1", "guest 2")}),
}


@pytest.mark.parametrize("rule", Judge, ids=lambda rule: rule.name)
def test_a_breach_is_noticed_and_nothing_else_is_taken_for_one(rule: Judge) -> None:
    attack = next(a for a in ATTACKS if a.judge is rule)
    evidence = held(attack.name)
    assert not judge(evidence).succeeded
    for other, breach in BREACHES.items():
        related = {rule, other} <= {Judge.MARK_AT_TARGET, Judge.PAGE_CHANGED}
        if other is rule or not related:
            assert judge(breach(evidence)).succeeded == (other is rule), other


def test_a_secret_that_was_written_and_put_back_is_noticed() -> None:
    evidence = held("map_write_guest2")
    target = replace(evidence.regions["target"], attempted=b"\1" + bytes(15))
    assert judge(replace(evidence, regions={**evidence.regions, "target": target})).succeeded


def test_a_missing_attempt_is_noticed() -> None:
    evidence = held("map_read_guest2")
    verdict = judge(evidence)
    assert (verdict.attempted, verdict.succeeded, verdict.allowed, verdict.answers_right) == (True, False, True, True)
    elsewhere = replace(evidence, steps=[read(BEGIN + 1, WINDOW - 4)])
    assert not judge(elsewhere).attempted
    before = replace(evidence, steps=[read(BEGIN - 1)])  # of the function that makes the attempt nothing was retired by then
    assert not judge(before).attempted
    never = replace(evidence, entered={"map_own": END})
    assert not judge(never).attempted


def test_acts_count_in_their_order_only() -> None:
    evidence = held("given_device")
    right = replace(evidence, exits=[calls(BEGIN + 5, Hypercall.GIVE_DEVICE)], steps=[starts_engine(BEGIN + 6)])
    assert judge(right).attempted
    assert not judge(replace(right, steps=[starts_engine(BEGIN + 4)])).attempted
    assert not judge(replace(right, exits=[calls(BEGIN + 5, Hypercall.GIVE_PAGE)])).attempted


def test_an_allowed_access_that_failed_is_noticed() -> None:
    evidence = held("map_read_guest2")
    assert not judge(replace(evidence, record=record(ALLOWED=0))).allowed
    assert not judge(replace(evidence, entered={"map_read": BEGIN})).allowed


@pytest.mark.parametrize("answer", (b"", bytes(32), MAC[:-1]), ids=("none", "wrong", "short"))
def test_a_wrong_answer_is_noticed(answer: bytes) -> None:
    evidence = held("map_read_guest2")
    letters = [*evidence.answers, Answer(KEY, MESSAGE, END, END + 1 if answer else None, answer)]
    assert not judge(replace(evidence, answers=letters)).answers_right


def test_an_end_of_guest_2_is_noticed() -> None:
    assert not judge(replace(held("map_read_guest2"), guest2_end="triple fault")).answers_right
    assert not judge(replace(held("map_read_guest2"), answers=[])).answers_right
