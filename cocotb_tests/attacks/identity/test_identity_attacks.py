"""Every attack in a guest's name fails, and succeeds in a control run that leaves out one protection."""

from functools import partial
from pathlib import Path
from random import Random

import pytest

from cocotb_tests.attacks.identity.attacks import ATTACKS, VAULT, Attack
from cocotb_tests.attacks.identity.fuzz import harm
from cocotb_tests.isolation_kernel.sealed.rooted import RootedWorld, seals, world_of
from cocotb_tests.isolation_kernel.sealed.stage import Stage
from contracts.hypercalls import Hypercall
from contracts.protections import Protections
from isolation_kernel import hypercalls

__all__: list[str] = []


def carried_out(attack: Attack, stage: Stage, protections: Protections | None) -> bool:
    stage.kernel.create()
    world_of(stage).answers(VAULT, partial(seals))

    def start(**more: object) -> RootedWorld:
        return world_of(stage, protections=protections, **more)

    return attack.run(start)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_fails(attack: Attack, tmp_path: Path, rng: Random) -> None:
    with Stage(tmp_path, rng) as stage:
        assert not carried_out(attack, stage, None)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_succeeds_without_its_protection(attack: Attack, tmp_path: Path, rng: Random, monkeypatch: pytest.MonkeyPatch) -> None:
    for (module, name), value in attack.patched.items():
        if module is hypercalls:  # which has put it into its table
            monkeypatch.setitem(hypercalls._CALLS, Hypercall[name.lstrip("_").upper()], (value, None, "nobody"))
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    with Stage(tmp_path, rng) as stage:
        assert carried_out(attack, stage, Protections.without(attack.protection) if attack.protection else None)


def test_each_leaves_out_one_thing() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 20
    assert all(bool(attack.protection) != bool(attack.patched) and len(attack.patched) <= 1 for attack in ATTACKS)


@pytest.mark.parametrize("round_", range(3))
def test_arguments_at_random_harm_nobody(round_: int, tmp_path: Path, rng: Random) -> None:
    with Stage(tmp_path, rng) as stage:
        stage.kernel.create()
        assert not harm(stage, Random(rng.getrandbits(32) + round_), None)


def test_arguments_at_random_harm_a_neighbour_whose_memory_nobody_looks_after(tmp_path: Path, rng: Random) -> None:
    with Stage(tmp_path, rng) as stage:
        stage.kernel.create()
        assert harm(stage, rng, Protections.without("hypercall_buffers"))
