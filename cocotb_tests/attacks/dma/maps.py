"""Attacks on the map itself: whoever writes it has everything."""

from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import cache_serves_both_directions, map_may_be_written, map_page_is_cached, only_own_map_is_closed
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.stage import Stage
from cocotb_tests.attacks.dma.world import MAPS, MARK, VICTIM, Owner
from contracts.policy_map import Format

__all__: list[str] = []

_ONES = 0xFFFF_FFFF
_BESIDE = MAPS[0] + 0x8000  # a page of the same 32, without any part of a map


@attack("the map, whose own bits are open", control=map_may_be_written, harm=Harm.SECRET)
async def opens_its_own_map(stage: Stage) -> None:
    """The device may write the page that holds its map, by mistake of whoever drew the map: it opens the victim's page with it."""
    await stage.protect(MAPS[0])
    await stage.device[0].write(stage.map_word(0, VICTIM), _ONES)
    await stage.device[0].read(VICTIM)


@attack("the map of another device", control=only_own_map_is_closed, harm=Harm.CHANGE)
async def opens_anothers_map(stage: Stage) -> None:
    """Device 1 writes the map of device 0, which its own map does not protect."""
    await stage.protect_each({1: [MAPS[0]]})
    await stage.device[1].write(stage.map_word(0, VICTIM, Format.PER_REQUESTER), _ONES)
    await stage.device[0].read(VICTIM)


@attack("the map, by way of what is kept of the page beside it", control=map_page_is_cached, harm=Harm.CHANGE)
async def writes_beside_the_map_first(stage: Stage) -> None:
    """A write to an open page beside the map makes the guard keep the word that decides for the map's page too."""
    stage.world.owners[_BESIDE] = Owner.ATTACKER
    await stage.protect(MAPS[0], _BESIDE)
    await stage.device[0].write(_BESIDE, MARK, lawful=True)
    await stage.device[0].write(stage.map_word(0, VICTIM), _ONES)


@attack("the map, by way of what is kept of reading it", control=cache_serves_both_directions, harm=Harm.CHANGE)
async def reads_the_map_first(stage: Stage) -> None:
    """Reading the map is its bits' business; the permission that the guard keeps of it must not serve a write."""
    await stage.protect(MAPS[0])
    await stage.device[0].read(stage.map_word(0, VICTIM), lawful=True)
    await stage.device[0].write(stage.map_word(0, VICTIM), _ONES)
