"""The scenario ``bank`` on the RTL machine: the story, and each attack with its control run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.bank.attack import Attack
from sim.bank.attack_run import run_attack
from sim.bank.attacks import ATTACKS, BY_NAME
from sim.bank.missing import missing
from sim.bank.report import evidence_text, passed, report, write
from sim.bank.runs import AttackPair, Outcome, Results
from sim.bank.story import Scene, Story, tell_story
from sim.kernel_time import KernelTime

__all__: list[str] = []


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a first start leaves what outlasts the power."""
    return tmp_path_factory.mktemp("bank") / "first"


@pytest.fixture(scope="module")
def story(first: Path) -> Iterator[Story]:
    yield tell_story(first)


def test_the_story(story: Story) -> None:
    assert story.good, (story.failure, [(scene.name, scene.text) for scene in story.scenes if not scene.good])
    names = [scene.name for scene in story.scenes]
    assert names.count("A BIOS that lies") == names.count("The trusted guest is shut down") == 2
    assert any("continues" in scene.name and scene.text.endswith("counter 1") for scene in story.scenes)
    assert any("19.99 EUR" in line for scene in story.scenes for line in scene.screen)
    assert story.picture is not None


@pytest.mark.regress
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_each_attack_and_its_control_run(attack: Attack, story: Story, first: Path) -> None:
    assert story.good
    held = run_attack(attack, attack.off_in_both, first)
    assert held.attempt, held
    assert not held.harm, held
    assert held.allowed, held
    assert held.window and held.attacked, "waves are drawn of it"
    broken = run_attack(attack, (*attack.off_in_both, attack.control), first)
    assert broken.attempt, broken
    assert broken.harm, broken


def test_every_attack_names_what_is_missing() -> None:
    assert len(ATTACKS) == len(BY_NAME)
    for attack in ATTACKS:
        assert attack.text
        assert attack.control not in attack.off_in_both
        missing((*attack.off_in_both, attack.control))
    with pytest.raises(ValueError, match="nothing is called"):
        missing(("no_such",))


def results(**changes: object) -> Results:
    """Of one attack that was blocked, and succeeded in its control run; made by hand."""
    values = {
        "attempt": "tried",
        "harm": "",
        "found": "nothing",
        "allowed": "paid",
        "cycles": 5,
        "kernel_time": KernelTime(5),
        "exits": {0x81: 2},
    }
    held, broken = Outcome(**(values | changes)), Outcome(**(values | {"harm": "got it"}))  # type: ignore[arg-type]
    story = Story([Scene("A stage", True, "it was so", 7, ("a <row>",))])
    return Results(story, [AttackPair(ATTACKS[0], held, broken)])


def test_the_report_says_what_was_found(tmp_path: Path) -> None:
    found = results()
    content = report(found, 1)
    assert content["passed"] is True
    path, page = write(tmp_path, content, found)
    assert json.loads(path.read_text()) == content
    text = page.read_text()
    for said in ("bank: ", ATTACKS[0].name, "A stage", "a &lt;row&gt;", evidence_text(found.pairs[0]).split(" | ")[0]):
        assert said in text


@pytest.mark.parametrize("change", [{"attempt": ""}, {"harm": "a breach"}, {"allowed": ""}])
def test_whatever_is_not_as_promised_is_noticed(change: dict[str, object]) -> None:
    assert not passed(results(**change), 1)


def test_a_run_that_is_not_there_is_noticed() -> None:
    found = results()
    assert passed(found, 1)
    assert not passed(found, 2)
    found.failures.append("a run: died")
    assert not passed(found, 1)
    broken = results()
    broken.story.scenes.append(Scene("Another", False, "", 8))
    assert not passed(broken, 1)
    assert not passed(Results(Story(failure="it broke down")), 0)
