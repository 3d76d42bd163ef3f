"""Attacks by sheer number: whoever is refused must not take from others what he cannot have himself."""

from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import (
    commit_does_not_hold,
    dma_comes_first,
    first_master_comes_first,
    stalled_are_not_passed_over,
    walker_serves_the_last_again,
)
from cocotb_tests.attacks.dma.evidence import Party
from cocotb_tests.attacks.dma.judge import BOUND, Harm
from cocotb_tests.attacks.dma.stage import Stage
from cocotb_tests.attacks.dma.world import HOMES, NEIGHBOUR, VICTIM

__all__: list[str] = []

_FLOOD = 40  # accesses
_BEFORE, _DURING = 40, 120  # cycles: until both are at it, and while both are


async def _compete(stage: Stage, *addresses: int, burst: bool) -> None:
    """Device 0 asks for these addresses in turn, as fast as it can; device 1, the victim's, streams lines of its own page."""
    stage.of_victim(1)
    for n in range(_FLOOD):
        stage.device[0].read(addresses[n % len(addresses)], burst=burst, hostile=True)
    for n in range(_FLOOD):
        stage.device[1].read(HOMES[1] + 16 * n, burst=True)
    await stage.cycles(_BEFORE)
    start = stage.now
    await stage.cycles(_DURING)
    stage.contest(start, Party.DEVICE_1)
    await stage.quiet()


@attack("the victim's device's share of memory", control=first_master_comes_first, harm=Harm.SHARE)
async def flood_of_refused_accesses(stage: Stage) -> None:
    """Lines of the victim's page, refused one after the other."""
    await stage.protect()
    await _compete(stage, VICTIM, burst=True)


@attack("the victim's device's share of memory", control=stalled_are_not_passed_over, harm=Harm.SHARE)
async def flood_of_misses(stage: Stage) -> None:
    """Each access makes the guard read its map: the others must not wait for that."""
    await stage.protect(NEIGHBOUR)
    await _compete(stage, HOMES[0], NEIGHBOUR, burst=False)


@attack("an access of the victim's device that makes the guard read its map", control=walker_serves_the_last_again, harm=Harm.SHARE)
async def flood_of_misses_against_a_miss(stage: Stage) -> None:
    """Each access of device 0 makes the guard read its map; it asks for the next before the guard can turn to anybody else."""
    stage.of_victim(1)
    await stage.protect()
    for n in range(BOUND // 4):
        stage.device[0].read((HOMES[0], NEIGHBOUR)[n % 2], hostile=True)
    await stage.cycles(10)
    await stage.device[1].read(HOMES[1])
    await stage.quiet()


@attack("the processor's share of memory", control=dma_comes_first, harm=Harm.SHARE)
async def flood_against_the_processor(stage: Stage) -> None:
    """Both devices ask for lines as fast as they can, one of them refused every other time, by the same word of the map."""
    await stage.protect()
    for n in range(BOUND):
        stage.device[n % 2].read(VICTIM if n % 4 == 2 else HOMES[n % 2], burst=True, hostile=True)
    await stage.cycles(40)
    await stage.ring_minus_1.read(VICTIM)
    await stage.quiet()


@attack("a change of policy", control=commit_does_not_hold, harm=Harm.SHARE)
async def flood_against_a_commit(stage: Stage) -> None:
    """A change waits for all that is under way: so nothing new may come under way meanwhile."""
    await stage.protect()
    for n in range(BOUND):
        stage.device[n % 2].read(HOMES[n % 2], burst=True, hostile=True)
    await stage.cycles(40)
    await stage.control()
    await stage.quiet()
