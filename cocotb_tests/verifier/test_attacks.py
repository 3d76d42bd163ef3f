"""Every attack on a verifier is refused with its reason, and but for one check it would succeed; the genuine is accepted after it."""

import pytest

from cocotb_tests.verifier.attacks import ATTACKS, Attack, World
from cocotb_tests.verifier.measured import Measured
from cocotb_tests.verifier.software import NONCE, expectation
from verifier.judge import CHECKS, judge
from verifier.reasons import Accepted, Reason, Refused

__all__: list[str] = []


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_refused_by_one_check(attack: Attack, machine: Measured, other_machine: Measured) -> None:
    expected = expectation(machine.named)
    world = World(machine, other_machine, expected)
    bundle = attack.run(world)
    verdict = judge(bundle, world.expected, NONCE)
    assert isinstance(verdict, Refused) and verdict.reason is attack.reason
    control = [check for check in CHECKS if check is not attack.check]
    assert len(control) == len(CHECKS) - 1
    assert isinstance(judge(bundle, world.expected, NONCE, control), Accepted), "something else stands in its way"
    machine.launch()
    assert isinstance(judge(machine.answer(), expected, NONCE), Accepted)


def test_each_check_is_attacked() -> None:
    assert {attack.check for attack in ATTACKS} == set(CHECKS)
    assert {attack.reason for attack in ATTACKS} == set(Reason) - {Reason.MALFORMED}  # which test_damage.py is about
