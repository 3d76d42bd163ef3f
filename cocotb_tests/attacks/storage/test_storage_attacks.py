"""Every attack on sealed storage fails, and succeeds in a control run that leaves out one check."""

import random
from pathlib import Path

import pytest

from cocotb_tests.attacks.storage.attacks import ATTACKS, Attack
from cocotb_tests.isolation_kernel.sealed.stage import Stage

__all__: list[str] = []


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_fails(attack: Attack, tmp_path: Path, rng: random.Random) -> None:
    with Stage(tmp_path, rng) as stage:
        stage.kernel.create()
        assert not attack.run(stage)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_succeeds_without_its_check(attack: Attack, tmp_path: Path, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    for (module, name), value in attack.patched.items():
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    with Stage(tmp_path, rng, attack.sealing, attack.storage, attack.driver) as stage:
        stage.kernel.create()
        assert attack.run(stage)


def test_each_leaves_out_something() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 20
    genuine = Attack(lambda _: False)
    parts = ("sealing", "storage", "driver", "patched")
    assert all(sum(getattr(attack, part) != getattr(genuine, part) for part in parts) == 1 for attack in ATTACKS)
