"""The guests on a bare machine (QEMU): the same images that run above the isolation kernel."""

import hashlib
import hmac
import re
from pathlib import Path

import pytest

from cocotb_tests.firmware.qemu import run
from firmware import build
from firmware.guests.attacks import ATTACKS, Judge, Needs, Target, Witness
from firmware.guests.layout import DEFAULT_KEY, SECRET_WORDS, Trusted

GUEST2_BASE = 0x0110_0000
WORD = 0xFFFF_FFFF


def primes_below(limit: int) -> int:
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, limit))


def sorted_fold(count: int) -> int:
    words, x = [], 1
    for _ in range(count):
        x = (x * 1664525 + 1013904223) & WORD
        words.append(x)
    fold = 0
    for word in sorted(words):
        fold = ((fold << 1 | fold >> 31) & WORD) ^ word
    return fold


def churn_sum(rounds: int) -> int:
    return sum(r * 0x10001 + page for r in range(1, rounds + 1) for page in range(4) if (r + page) & 1) & WORD


@pytest.mark.parametrize(("work", "divisor"), [(1, 1193), (6, 60)])
def test_mass_market(work: int, divisor: int) -> None:
    outcome = run(build.guest("mass_market"), f"work={work} pit={divisor}")
    assert outcome.status == 0
    results = [int(r, 16) for r in re.findall(r"result ([0-9a-f]{8})", outcome.text)]
    assert results == [primes_below(1000 * work), sorted_fold(64 * work), churn_sum(4 * work)]
    assert "a process runs in ring 3" in outcome.lines
    assert outcome.lines[-1] == "mass_market: done, 0 words by DMA"


def test_trusted_computes_hmac() -> None:
    outcome = run(build.guest("trusted"))
    keyed = b"KEY:what a sound key"
    wanted = [(DEFAULT_KEY, b""), (DEFAULT_KEY, b"a" * 200), (keyed[4:], keyed)]
    assert outcome.lines == [hmac.new(key, message, hashlib.sha256).hexdigest() for key, message in wanted]
    assert outcome.status == 0


SEVENTEEN = {
    "SGDT",
    "SIDT",
    "SLDT",
    "SMSW",
    "PUSHF",
    "POPF",
    "LAR",
    "LSL",
    "VERR",
    "VERW",
    "POP",
    "PUSH",
    "CALL",
    "JMP",
    "INT",
    "RET",
    "STR",
    "MOV",
}


def test_a_kernel_in_ring_1_sees_the_difference() -> None:
    ring0, ring1 = run(build.guest("sensitive")), run(build.guest("sensitive_ring1"))
    assert ring0.status == ring1.status == 0
    assert "exception" not in ring0.text
    assert len(ring0.lines) == len(ring1.lines)
    different = {a.split()[0] for a, b in zip(ring0.lines, ring1.lines, strict=True) if a != b}
    assert different == SEVENTEEN


def test_stub_passes_its_scripted_kernel() -> None:
    outcome = run(build.program("stub_test"), cpu="qemu32,+svm")
    assert outcome.lines == ["stub test: passed"] and outcome.status == 0


def test_attacker_knows_the_attacks_of_the_table() -> None:
    outcome = run(build.guest("attacker"), "attack=list")
    assert outcome.lines == [attack.name for attack in ATTACKS]


def test_attacker_refuses_others() -> None:
    assert run(build.guest("attacker"), "attack=nonsense").status == 2


def test_attacker_waits_for_no_orders_where_there_is_no_kernel() -> None:
    assert run(build.guest("attacker"), "orders=1").status == 2
    assert "allowed access worked" in run(build.guest("attacker"), "orders=1 attack=com1_spoof").text


_MEMORY = [
    a
    for a in ATTACKS
    if a.judge is Judge.SECRET_IN_LOOT
    and a.target is Target.GUEST2
    and Needs.DMA not in a.needs
    and not isinstance(a.allowed, Witness)
    and a.control != "svm_intercepts"
]


@pytest.mark.parametrize("attack", _MEMORY, ids=lambda a: a.name)
def test_memory_attacks_succeed_where_nothing_stops_them(attack, tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_bytes(b"".join(w.to_bytes(4, "little") for w in SECRET_WORDS))
    at = GUEST2_BASE + Trusted.SECRET
    outcome = run(
        build.guest("attacker"), f"attack={attack.name} guest2={at:#x}", extra=["-device", f"loader,file={page},addr={at:#x},force-raw=on"]
    )
    assert f"loot {SECRET_WORDS[0]:08x}" in outcome.text
    assert outcome.status == 0, "the allowed access of the same kind"


_HARMLESS = [a.name for a in ATTACKS if Needs.DMA not in a.needs and not a.name.startswith(("reset_", "exit_", "a20_", "cr3_"))]


@pytest.mark.parametrize("name", _HARMLESS)
def test_attacks_come_to_their_end(name: str) -> None:
    outcome = run(build.guest("attacker"), f"attack={name} spin=1000")
    assert outcome.status == 0 and "allowed access worked" in outcome.text
