"""The report: what it says of runs made by hand, and that it takes nothing that was not seen for a success."""

from dataclasses import replace

import pytest

from firmware.guests.attacks import BY_NAME
from sim.sanctuary.evidence import Evidence, GuestSeen
from sim.sanctuary.judge import Verdict
from sim.sanctuary.report import guests, native_as_guest
from sim.sanctuary.runs import AttackPair, Results
from sim.sanctuary.sensitive import INSTRUCTIONS, PLACES, Observed, missing

__all__: list[str] = []

LINES = {f"{name} something": "00000001" for name in INSTRUCTIONS}
HELD = Verdict(True, False, True, True, True, True, "", "")
BROKEN = replace(HELD, succeeded=True)


def observed(**of_ring_1: str) -> dict[str, Observed]:
    seen = {place: Observed(place, dict(LINES), 1) for place in PLACES}
    seen["ring 1"] = Observed("ring 1", {**LINES, "MOV something": "00000002", **of_ring_1}, 1)
    return seen


def as_guest(seen: dict[str, Observed]) -> bool:
    return native_as_guest(Results(observed=list(seen.values())))


def test_the_17_instructions_are_alike_where_all_of_them_were_seen() -> None:
    assert len(INSTRUCTIONS) == 18, "the 17, and MOV"
    assert as_guest(observed())
    seen = observed()
    assert not as_guest({**seen, "guest": replace(seen["guest"], lines={**LINES, "STR something": "00000003"})})
    assert not as_guest({**seen, "ring 1": Observed("ring 1", LINES, 1)}), "ring 1 must differ"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_a_run_that_tells_nothing_of_an_instruction_shows_nothing(place: str, name: str) -> None:
    seen = observed()
    lines = {key: value for key, value in seen[place].lines.items() if key.split()[0] != name}
    assert not as_guest({**seen, place: replace(seen[place], lines=lines)})
    both = {p: replace(o, lines={k: v for k, v in o.lines.items() if k.split()[0] != name}) for p, o in seen.items()}
    assert not as_guest(both)


def test_runs_that_all_die_after_their_first_line_show_nothing() -> None:
    first = {"SGDT base less its own": "00000000"}
    seen = {place: Observed(place, first if place != "ring 1" else {}, 1) for place in PLACES}
    assert not as_guest(seen)
    assert missing(seen["native"]) == INSTRUCTIONS[1:]
    assert not native_as_guest(Results(observed=[observed()["native"]]))


def test_guests_are_those_that_ran() -> None:
    one, two = GuestSeen("guest 1", "attacker", 1 << 20, 0, ("DMA0",)), GuestSeen("guest 2", "trusted", 1 << 20, 3 << 20, ())
    evidence = Evidence("map_read_guest2", 0, range(1), guests=(one, two))
    other = replace(evidence, guests=(replace(one, devices=("DMA1",)),))
    results = Results(pairs=[AttackPair(BY_NAME["map_read_guest2"], HELD, BROKEN, evidence, other)])
    assert guests(results) == [
        {"name": "guest 1", "images": ["attacker"], "memory": "1 MiB from 0x0", "devices": ["DMA0", "DMA1"]},
        {"name": "guest 2", "images": ["trusted"], "memory": "1 MiB from 0x300000", "devices": []},
    ]
    assert guests(Results()) == []


def test_a_blocked_attack_counts_only_beside_a_life() -> None:
    """Of the control run it is not asked: the attack may have ended it."""
    evidence = Evidence("map_read_guest2", 0, range(1))
    pair = AttackPair(BY_NAME["map_read_guest2"], HELD, BROKEN, evidence, evidence)
    assert pair.blocked and not replace(pair, protected=replace(HELD, lived=False)).blocked
    assert replace(pair, control=replace(BROKEN, lived=False)).as_promised


def test_a_control_run_counts_with_its_allowed_access_where_the_machine_runs_on() -> None:
    evidence = Evidence("map_read_guest2", 0, range(1))
    pair = AttackPair(BY_NAME["map_read_guest2"], HELD, BROKEN, evidence, evidence)
    assert pair.as_promised
    assert not replace(pair, control=replace(BROKEN, allowed=False)).control_succeeded
    assert replace(pair, control=replace(BROKEN, allowed=False, runs_on=False)).control_succeeded
    assert not replace(pair, control=replace(BROKEN, attempted=False)).control_succeeded
