"""Every attack fails, and succeeds in a control run that differs in one switch."""

from dataclasses import fields

import pytest

from cocotb_tests.attacks.identity.attacks import ATTACKS as IN_A_NAME
from cocotb_tests.attacks.path.table import ATTACKS as ON_THE_PATH
from cocotb_tests.isolation_kernel.attacks.attack import Attack
from cocotb_tests.isolation_kernel.attacks.table import ATTACKS
from cocotb_tests.isolation_kernel.world import World
from contracts.protections import Protections
from isolation_kernel.model.machine import PlatformReset, Stuck

STEPS = 400


def attempt(attack: Attack, protections: Protections | None) -> bool:
    world = World(protections, attack.straps)
    world.machine.operation_limit = 5_000
    judge = attack.build(world)
    try:
        world.run(STEPS)
    except (Stuck, PlatformReset):
        assert protections is not None  # never with all protections on
    return judge(world)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_attack_fails(attack: Attack) -> None:
    assert not attempt(attack, None)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_attack_succeeds_without_the_protection(attack: Attack) -> None:
    assert attempt(attack, Protections.without(attack.protection))


def test_every_protection_has_an_attack() -> None:
    attacked = {a.protection for a in ATTACKS} | {b.protection for b in IN_A_NAME if b.protection}
    attacked |= {c.control for c in ON_THE_PATH if isinstance(c.control, str)}
    assert {f.name for f in fields(Protections)} == attacked
    assert len(ATTACKS) >= 30
    assert all(f"{f.name}:" in (Protections.__doc__ or "") for f in fields(Protections))
