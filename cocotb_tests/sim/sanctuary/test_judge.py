"""The judge notices a breach, a missing attempt, a lost allowed access and a wrong answer: each alone, on evidence made by hand."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.architecture import Gpr
from contracts.boot import BOOT_ADDRESS
from contracts.dma_engine import DMA_ENGINE
from contracts.hypercalls import Hypercall
from contracts.memory_map import Physical, Port
from contracts.msr import Msr
from firmware.guests.attack import Judge, Stage, Witness
from firmware.guests.attacks import ATTACKS, BY_NAME, MACHINE_STATUS, OWN_MARK, OWN_STATUS, SHUTDOWN_STATUS, SPOOF
from firmware.guests.layout import GIVEN_PAGE, SECRET, Result
from sim.sanctuary.acts_of_time import spins
from sim.sanctuary.attempts import TABLE_WINDOW
from sim.sanctuary.evidence import Access, Answer, Evidence, GuestExit, Life, Region, Step
from sim.sanctuary.judge import judge

__all__: list[str] = []

KEY, MESSAGE = b"key", b"message"
MAC = hmac.new(KEY, MESSAGE, hashlib.sha256).digest()
WINDOW = 0x8000_0000
BEGIN, END = 1000, 2000  # cycles of the attempt
TARGET, OWN_PAGE, CHAIN, MAIN = 0x100_0000, 0x10_B000, 0x10_E000, 0x10_0200
WORDS = bytes((1, 2, 3, 4)) + bytes(12)
REGIONS = ("page", "directory", "table", "target", "device map")


def record(**words: int) -> bytes:
    data = bytearray(Result.SIZE)
    for name, value in {"ALLOWED": 1, "FAULT": 0xFFFF_FFFF, **words}.items():
        data[Result[name] : Result[name] + 4] = value.to_bytes(4, "little")
    return bytes(data)


def held(attack: str) -> Evidence:
    """A run in which the target was mapped at the window and read there, and nothing came of it; then guest 1's own page was."""
    page = Region(TARGET, bytes(16), bytes(16), bytes(16))
    return Evidence(
        attack,
        target=TARGET,
        guest1=range(2 << 20),
        stages={Stage.BOOTED: 500, Stage.ATTEMPTING: BEGIN, Stage.ATTEMPTED: END, Stage.DONE: END + 500},
        life={Stage.BOOTED: Life(1, (1, 1)), Stage.ATTEMPTING: Life(2, (3, 2)), Stage.ATTEMPTED: Life(2, (3, 3))},
        life_last=Life(3, (4, 4)),
        record=record(),
        regions=dict.fromkeys(REGIONS, page),
        steps=[maps(BEGIN), read(BEGIN + 1), *own(END + 1)],
        entered={BY_NAME[attack].attempt: BEGIN, str(BY_NAME[attack].allowed): END},
        own_page=OWN_PAGE,
        main=MAIN,
        guard=((1, 2), (1, 2)),
        answers=[Answer(KEY, MESSAGE, BEGIN - 10, BEGIN + 10, MAC)],
        ended="guest 1 was done",
        cycles=END + 1000,
    )


def step(cycle: int, *accesses: Access, eip: int = 0x10_0000, code: bytes = b"\x8b\x00", **registers: int) -> Step:
    return Step(cycle, eip, code, 0, accesses, registers=tuple(registers.get(r.name.lower(), 0) for r in Gpr))


def read(cycle: int, linear: int = WINDOW, physical: int = Physical.NOWHERE, data: int = 0xFFFF_FFFF) -> Step:
    return step(cycle, Access(linear, physical, False, False, data))


def write(cycle: int, linear: int, data: int, physical: int | None = None) -> Step:
    return step(cycle, Access(linear, linear if physical is None else physical, True, False, data))


def maps(cycle: int, target: int = TARGET) -> Step:
    return write(cycle, 0x11_1000, target | 3)


def own(cycle: int) -> list[Step]:
    """map_own: writes to its own page by the window and reads it."""
    return [
        write(cycle, WINDOW + 4, OWN_MARK + 1, OWN_PAGE + 4),
        read(cycle + 1, WINDOW, OWN_PAGE, OWN_MARK),
        read(cycle + 2, OWN_PAGE + 4, OWN_PAGE + 4, OWN_MARK + 1),
    ]


def starts_engine(cycle: int, source: int = 0, destination: int = GIVEN_PAGE, flags: int = 5) -> list[Step]:
    """With a chain of one, written before."""
    engine = Physical.DMA_ENGINES
    words = enumerate((source, destination, 4, flags))
    return [
        *(write(cycle, CHAIN + 4 * n, word) for n, word in words),
        write(cycle, engine + DMA_ENGINE["DESCRIPTOR"].offset, CHAIN),
        write(cycle, engine + DMA_ENGINE["CONTROL"].offset, DMA_ENGINE["CONTROL"].field("START").mask),
    ]


def leaves(cycle: int, name: str, code: bytes = b"", info1: int = 0, info2: int = 0, cpl: int = 0, **registers: int) -> GuestExit:
    return GuestExit(cycle, name, info1, info2, 0x10_0000, tuple(registers.get(r.name.lower(), 0) for r in Gpr), cpl, code)


def calls(cycle: int, number: Hypercall, first: int = 0, second: int = 0, cpl: int = 0) -> GuestExit:
    return leaves(cycle, "VMMCALL", b"\x0f\x01\xd9", cpl=cpl, eax=int(number), ebx=first, ecx=second)


Traced = list[Step] | GuestExit


def traced(attack: str, what: Traced) -> Evidence:
    """A run of which this alone is seen."""
    if isinstance(what, GuestExit):
        return replace(held(attack), steps=[], exits=[what])
    return replace(held(attack), steps=what, exits=[])


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
    Judge.SYSTEM_ENDED: lambda e: replace(e, stub_halted=True),
    Judge.SPOOFED: lambda e: replace(e, com1=SPOOF.encode()),
    Judge.GUARD_CHANGED: lambda e: replace(e, guard=((1, 2), (1, 3))),
    Judge.ENGINE_TOUCHED: lambda e: replace(e, engine=(0, 0, 0x10_0000)),
    Judge.PAGE_LOST: lambda e: replace(e, steps=[*e.steps, read(BEGIN + 9, GIVEN_PAGE)]),
    Judge.DEVICE_REACHES: changed("device map"),
    Judge.COPIED: lambda e: replace(
        e, regions={**e.regions, "target": replace(e.regions["target"], attempted=WORDS)}, record=record(LOOT=0x0403_0201)
    ),
    Judge.CR3_LOADED: lambda e: replace(
        e, steps=[*e.steps, step(BEGIN + 5, code=b"\x0f\x22\xd8", eax=TARGET), step(BEGIN + 6, eip=0x10_0003)]
    ),
}


ALIKE = ({Judge.MARK_AT_TARGET, Judge.PAGE_CHANGED}, {Judge.COPIED, Judge.LOOT}, {Judge.COPIED, Judge.MARK_AT_TARGET})


@pytest.mark.parametrize("rule", Judge, ids=lambda rule: rule.name)
def test_a_breach_is_noticed_and_nothing_else_is_taken_for_one(rule: Judge) -> None:
    attack = next(a for a in ATTACKS if a.judge is rule)
    evidence = held(attack.name)
    assert not judge(evidence).succeeded
    for other, breach in BREACHES.items():
        related = any({rule, other} <= alike for alike in ALIKE)
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
    elsewhere = replace(evidence, steps=[maps(BEGIN), read(BEGIN + 1, WINDOW - 4)])
    assert not judge(elsewhere).attempted
    before = replace(
        evidence, steps=[maps(BEGIN - 2), read(BEGIN - 1)]
    )  # of the function that makes the attempt nothing was retired by then
    assert not judge(before).attempted
    never = replace(evidence, entered={"map_own": END})
    assert not judge(never).attempted


def test_the_allowed_access_is_not_taken_for_the_attempt() -> None:
    """It is of the same kind, and comes after it."""
    evidence = held("map_read_guest2")
    assert not judge(replace(evidence, steps=[maps(END), read(END + 1), *own(END + 2)])).attempted
    assert not judge(replace(evidence, steps=[maps(BEGIN), *own(END + 1)])).attempted
    dma = held("dma_read_guest2")
    assert judge(replace(dma, steps=starts_engine(BEGIN + 1, TARGET, 0x7040, 1))).attempted
    assert not judge(replace(dma, steps=starts_engine(END + 1, TARGET, 0x7040, 1))).attempted


def test_a_refused_attempt_is_seen_by_the_exception_at_its_instruction() -> None:
    """The retire port has no access that has not been made: the exit tells of it, and the exception taken at the same EIP."""
    evidence = held("table_guest2")
    fault = leaves(BEGIN + 2, "EXCEPTION_14", info2=TABLE_WINDOW)
    taken = Step(BEGIN + 3, fault.eip, b"", 0, (), vector=14)
    refused = replace(evidence, exits=[fault], steps=[maps(BEGIN + 1), taken, read(END + 1, TABLE_WINDOW, OWN_PAGE, OWN_MARK)])
    assert judge(refused).attempted and judge(refused).allowed
    assert not judge(replace(refused, exits=[replace(fault, info2=TABLE_WINDOW + 4096)])).attempted
    assert not judge(replace(refused, exits=[replace(fault, eip=1)])).attempted
    filled = [
        maps(BEGIN + 1),
        step(BEGIN + 3, eip=fault.eip),
    ]  # the kernel filled its shadow, and the guest went on without an access there
    assert not judge(replace(refused, steps=filled)).attempted
    assert not judge(replace(refused, steps=[maps(BEGIN + 1, OWN_PAGE), taken])).attempted


@pytest.mark.parametrize(
    "name, right, wrong",
    [
        ("map_read_guest2", [maps(BEGIN + 1), read(BEGIN + 2)], [maps(BEGIN + 1, OWN_PAGE), read(BEGIN + 2)]),
        ("dma_write_vmcb", starts_engine(BEGIN + 1, destination=TARGET), starts_engine(BEGIN + 1, destination=TARGET + 4096)),
        ("dma_read_kernel", starts_engine(BEGIN + 1, source=TARGET, flags=1), starts_engine(BEGIN + 1, source=TARGET, flags=5)),
        ("cr3_guest2", [step(BEGIN + 1, code=b"\x0f\x22\xda", edx=TARGET)], [step(BEGIN + 1, code=b"\x0f\x22\xda", eax=TARGET)]),
        ("send_guest2", calls(BEGIN + 1, Hypercall.SEND, TARGET), calls(BEGIN + 1, Hypercall.SEND, OWN_PAGE)),
        ("system_shutdown", calls(BEGIN + 1, Hypercall.SYSTEM_SHUTDOWN, SHUTDOWN_STATUS), calls(BEGIN + 1, Hypercall.SYSTEM_SHUTDOWN, 0)),
        ("wrmsr_vm_cr", leaves(BEGIN + 1, "MSR", b"\x0f\x30", ecx=Msr.VM_CR), leaves(BEGIN + 1, "MSR", b"\x0f\x30", ecx=Msr.TSC)),
        ("vmsave_guest2", leaves(BEGIN + 1, "VMSAVE", b"\x0f\x01\xdb", eax=TARGET), leaves(BEGIN + 1, "VMSAVE", b"\x0f\x01\xdb")),
        (
            "exit_port",
            leaves(BEGIN + 1, "IOIO", info1=Port.EXIT << 16, eax=MACHINE_STATUS),
            leaves(BEGIN + 1, "IOIO", info1=Port.EXIT << 16),
        ),
        ("reset_port92", leaves(BEGIN + 1, "IOIO", info1=0x92 << 16, eax=1), leaves(BEGIN + 1, "IOIO", info1=0x92 << 16, eax=2)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_act_that_aims_elsewhere_is_no_attempt(name: str, right: Traced, wrong: Traced) -> None:
    assert judge(traced(name, right)).attempted
    assert not judge(traced(name, wrong)).attempted


def test_acts_count_in_their_order_only() -> None:
    evidence = held("given_device")
    right = replace(evidence, exits=[calls(BEGIN + 5, Hypercall.GIVE_DEVICE)], steps=starts_engine(BEGIN + 6))
    assert judge(right).attempted
    assert not judge(replace(right, steps=starts_engine(BEGIN - 4))).attempted
    assert not judge(replace(right, exits=[calls(BEGIN + 5, Hypercall.GIVE_PAGE)])).attempted


def test_an_allowed_access_that_failed_is_noticed() -> None:
    """Whatever the attacker itself says of it."""
    evidence = held("map_read_guest2")
    attempt = [maps(BEGIN), read(BEGIN + 1)]
    assert judge(replace(evidence, record=record(ALLOWED=0))).allowed
    assert not judge(replace(evidence, steps=attempt)).allowed
    foreign = [replace(s, accesses=tuple(replace(a, physical=TARGET) for a in s.accesses)) for s in own(END + 1)]
    assert not judge(replace(evidence, steps=[*attempt, *foreign])).allowed
    assert not judge(replace(evidence, steps=[*attempt, *own(BEGIN + 2)])).allowed, "before it"
    assert not judge(replace(evidence, entered={"map_read": BEGIN})).allowed
    assert not judge(replace(evidence, entered={"map_read": BEGIN, "map_own": BEGIN - 1})).allowed


def test_a_restart_is_one_of_the_guest_itself() -> None:
    """``main`` is entered after the attempt, before the access."""
    evidence = replace(held("reset_cf9"), exits=[leaves(BEGIN + 1, "IOIO", info1=Port.RESET_CONTROL << 16, eax=6)])
    access = own(END + 1)
    assert judge(replace(evidence, steps=[step(END - 5, eip=MAIN), *access])).allowed
    for never in ([], [step(BEGIN - 5, eip=MAIN)]):
        assert not judge(replace(evidence, steps=[*never, *access])).allowed


@pytest.mark.parametrize("wrong", ("running", "left", "other"), ids=str)
def test_a_guest_that_may_end_itself_has_ended(wrong: str) -> None:
    evidence = held("system_shutdown")
    attempt = calls(BEGIN + 1, Hypercall.SYSTEM_SHUTDOWN, SHUTDOWN_STATUS)
    ended = replace(evidence, exits=[attempt, calls(END + 1, Hypercall.SHUTDOWN, OWN_STATUS)], steps=[], cleared=True)
    assert judge(ended).allowed
    broken = {
        "running": replace(ended, steps=[step(END + 9)]),
        "left": replace(ended, cleared=False),
        "other": replace(ended, exits=[attempt, calls(END + 1, Hypercall.YIELD)]),
    }
    assert not judge(broken[wrong]).allowed


def test_where_guest_1_is_gone_another_shows_what_is_allowed() -> None:
    evidence = held("exit_port")
    assert not judge(evidence).allowed
    assert judge(replace(evidence, guest2_calls=[calls(END, Hypercall.SHUTDOWN)])).allowed
    assert not judge(replace(evidence, guest2_calls=[calls(END, Hypercall.RECEIVE)])).allowed
    reset = replace(held("reset_and_read"), reset=True)
    assert not judge(reset).allowed
    assert judge(replace(reset, after_reset=[read(END, BOOT_ADDRESS, BOOT_ADDRESS, 0)])).allowed


def test_a_machine_that_was_stopped_does_not_run_on() -> None:
    evidence = held("map_read_guest2")
    assert judge(evidence).runs_on
    for stopped in (
        replace(evidence, reset=True),
        replace(evidence, status=1),
        replace(evidence, stub_halted=True),
        replace(evidence, lost=True),
    ):
        assert not judge(stopped).runs_on


# guest 1's own life

STILL = {Stage.ATTEMPTING: Life(2, (3, 2)), Stage.ATTEMPTED: Life(2, (3, 3))}


@pytest.mark.parametrize(
    "wrong",
    (
        {"life": {}, "life_last": None},
        {"life": {Stage.ATTEMPTED: STILL[Stage.ATTEMPTED]}},
        {"life": {**STILL, Stage.ATTEMPTING: Life(0, (3, 2))}},
        {"life": {**STILL, Stage.ATTEMPTING: Life(2, (3, 0))}},
        {"life": {**STILL, Stage.ATTEMPTING: Life(2, ())}},
        {"life": {Stage.ATTEMPTING: STILL[Stage.ATTEMPTING]}},
        {"life_last": None},
        {"life_last": STILL[Stage.ATTEMPTED]},
        {"life_last": Life(2, (4, 4))},
        {"life_last": Life(3, (4, 3))},
        {"life_last": Life(3, (3, 4))},
        {"life_last": Life(3, ())},
    ),
    ids=(
        "never looked at", "not before", "no tick before", "one process did not run before", "no processes before", "not seen after",
        "not seen at the end", "nothing after", "no tick after", "the second stood still", "the first stood still", "no processes after",
    ),
)  # fmt: skip
def test_a_guest_1_that_does_not_live_is_noticed(wrong: dict[str, Any]) -> None:
    evidence = held("map_read_guest2")
    assert judge(evidence).lived
    assert not judge(replace(evidence, **wrong)).lived


def test_a_guest_1_that_was_started_again_lives_from_nothing() -> None:
    """Its memory has been cleaned; what it counted before the attempt does not count after it."""
    evidence = replace(held("reset_cf9"), life={Stage.ATTEMPTING: Life(5, (5, 5))}, life_last=Life(1, (1, 1)))
    assert judge(replace(evidence, restarted=True)).lived
    assert not judge(evidence).lived
    assert not judge(replace(evidence, restarted=True, life_last=None)).lived
    assert not judge(replace(evidence, restarted=True, life_last=Life(1, (1, 0)))).lived


def test_life_after_the_attempt_is_not_asked_of_who_does_not_survive_it() -> None:
    before: dict[int, Life] = {Stage.ATTEMPTING: Life(1, (1, 1))}
    for name in (a.name for a in ATTACKS):
        ended = isinstance(BY_NAME[name].allowed, Witness)
        assert judge(replace(held(name), life=before, life_last=Life(1, (1, 1)))).lived == ended, name
        assert not judge(replace(held(name), life={}, life_last=Life(1, (1, 1)))).lived, name


def test_ticks_are_asked_for_wherever_the_timer_is_guest_1s_own() -> None:
    before: dict[int, Life] = {Stage.ATTEMPTING: Life(0, (1, 1)), Stage.ATTEMPTED: Life(0, (1, 1))}
    timeless = [a.name for a in ATTACKS if judge(replace(held(a.name), life=before, life_last=Life(0, (2, 2)))).lived]
    assert timeless == ["a20_alias"], "its ports are the machine's in both runs"
    assert not judge(replace(held("a20_alias"), life=before, life_last=Life(0, (2, 1)))).lived


def test_a_loop_of_a_process_is_no_attempt_on_time() -> None:
    loop = [step(BEGIN + n, code=b"\x75\xfd") for n in range(20)]
    evidence = held("starve_cli")
    assert spins(replace(evidence, steps=loop))
    assert not spins(replace(evidence, steps=[replace(s, cpl=3) for s in loop]))


@pytest.mark.parametrize("answer", (b"", bytes(32), MAC[:-1]), ids=("none", "wrong", "short"))
def test_a_wrong_answer_is_noticed(answer: bytes) -> None:
    evidence = held("map_read_guest2")
    letters = [*evidence.answers, Answer(KEY, MESSAGE, END, END + 1 if answer else None, answer)]
    assert not judge(replace(evidence, answers=letters)).answers_right


def test_an_end_of_guest_2_is_noticed() -> None:
    assert not judge(replace(held("map_read_guest2"), guest2_end="triple fault")).answers_right
    assert not judge(replace(held("map_read_guest2"), answers=[])).answers_right
