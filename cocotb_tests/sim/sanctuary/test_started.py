"""A run that is a branch leaves the very evidence of one from power-on: of every record, cycle, exit and byte that there is of it."""

from functools import partial

import pytest

from chipset.boards.straps import Strap
from contracts.configuration import Right
from contracts.devices import DeviceNumber
from contracts.protections import Protections
from firmware.guests.attack import Needs
from firmware.guests.attacks import ATTACKS, BY_NAME
from firmware.guests.layout import RESULT_ADDRESS, Result
from isolation_kernel.partition import State
from sim.machine import Machine
from sim.sanctuary.attack_run import AttackRun, run_attack
from sim.sanctuary.branches import Branches
from sim.sanctuary.evidence import Evidence
from sim.sanctuary.runs import Kind, begin, scenario
from sim.sanctuary.started import Start, Started
from sim.sanctuary.world import expected

__all__ = ["branch"]


def branch(started: Started, name: str) -> Evidence:
    return AttackRun(BY_NAME[name], started).run()


@pytest.mark.parametrize(
    "name, before, off",
    [
        pytest.param("dma_read_guest2", "map_read_guest2", (), id="protected"),
        pytest.param("dma_read_guest2", "dma_write_guest2", ("dma_policy",), id="control"),
        pytest.param("dma_read_kernel", "dma_write_kernel", ("GUARD_OFF",), id="strap"),
    ],
)
@pytest.mark.regress
def test_a_branch_leaves_the_same_evidence(name: str, before: str, off: tuple[str, ...]) -> None:
    """Also after a branch of another attack."""
    attack = BY_NAME[name]
    alone = run_attack(attack, off)
    with Branches(partial(begin, Start.of(attack, off)), branch) as branches:
        for order in (before, name):
            branches.order(order)
            outcome = branches.outcome()
            assert not outcome.error
    assert alone.steps and alone.exits and alone.window and alone.stages and alone.answers
    assert outcome.value == alone


@pytest.mark.parametrize("off", [(), ("dma_policy",), ("kernel_mmio_refused", "REGISTERS_OPEN")])
def test_what_is_off_is_off_in_the_start_and_nothing_else(off: tuple[str, ...]) -> None:
    """And guest 2 has answered, and guest 1 has not begun."""
    with Machine() as machine:
        started = Started(Start.of(BY_NAME["dma_read_guest2"], off), machine)
        protections = Protections.without(*(name for name in off if name in Protections.__dataclass_fields__))
        assert started.system.kernel.config.protections == protections
        assert machine.model.get("straps") == sum(Strap[name] for name in off if name in Strap.__members__)
        assert [letter.answer for letter in started.mail.letters] == [expected(letter) for letter in started.mail.letters]
        assert len(started.mail.letters) == 1
        assert machine.model.dump(RESULT_ADDRESS, Result.SIZE) == bytes(Result.SIZE)
        assert started.guest1.state is State.WAITING and started.guest1.devices == {DeviceNumber.DMA0}


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_every_run_has_its_own_start(workers: int) -> None:
    """Each attack with and without its protection, once; no start for runs that differ in what is off, may be done or is owned."""
    seen: list[tuple[str, bool]] = []
    for group in scenario(ATTACKS, None, workers):
        runs = [run for run in group.orders if run.kind is Kind.ATTACK]
        for run in runs:
            attack = BY_NAME[run.name]
            off = {*attack.off_in_both, *({attack.control} if run.control else ())}
            assert isinstance(group.start, partial)
            (start,) = group.start.args
            assert start.off == off
            assert (Right.GIVE_PAGE in start.rights1) == (Needs.GIVE_PAGE in attack.needs)
            assert (Right.GIVE_DEVICE in start.rights1) == (Needs.GIVE_DEVICE in attack.needs)
            assert (Right.GIVE_PAGE in start.rights2) == (Needs.PAGE_FROM_GUEST2 in attack.needs)
            wanted = {Needs.DMA: DeviceNumber.DMA0, Needs.SECOND_DMA: DeviceNumber.DMA1}
            assert start.devices == {device for need, device in wanted.items() if need in attack.needs}
        assert len(group.orders) <= max(1, len(ATTACKS) // workers)
        seen += [(run.name, run.control) for run in runs]
    assert sorted(seen) == sorted((attack.name, control) for attack in ATTACKS for control in (False, True))
