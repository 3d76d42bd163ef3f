"""Attacks on edges: ends of maps, of memory, of the address space, of what is compared."""

from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import (
    alias_decoded,
    bits_of_both_directions_are_one,
    cache_compares_one_bit_less,
    failed_walk_admits,
    map_wraps_around,
    port_believes_addresses,
    word_number_is_short,
)
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.masters import Beat, beats_of
from cocotb_tests.attacks.dma.stage import Stage
from cocotb_tests.attacks.dma.world import HOMES, LOW_VICTIM, MARK, MEMORY_BYTES, SHARED, VICTIM, VICTIM_ABOVE, Owner
from contracts.memory_map import Physical
from contracts.policy_map import Format

__all__: list[str] = []

_ONES = 0xFFFF_FFFF
_WHOLE_SPACE = 128 << 10  # bytes of a map for 4 GiB
_FEW = 64  # words of a page that are secret, where more are not needed
_LAST_WORD = 0xFFFF_FFFC


@attack("page 0, across the end of the address space", control=port_believes_addresses, harm=Harm.CHANGE)
async def burst_crosses_4_gib(stage: Stage) -> None:
    """A burst begins in the last word below 4 GiB, where ring -1 has opened what is no memory, and goes on at 0."""
    stage.world.fill_with_secrets(0, words=_FEW)
    await stage.protect(_LAST_WORD, length=_WHOLE_SPACE)
    beats = beats_of(_LAST_WORD, (MARK, MARK + 1, MARK + 2, MARK + 3), burst=True)
    await stage.device[0].say([Beat(b.fields | {"address": b.fields["address"] & _ONES}) for b in beats])


@attack("a page whose bit lies below address 0", control=map_wraps_around, harm=Harm.SECRET, repaired=True)
async def map_crosses_4_gib(stage: Stage) -> None:
    """The map begins in the last word below 4 GiB. Its second word would be at address 0, where the attacker writes."""
    stage.world.owners[0] = Owner.ATTACKER
    stage.world.fill_with_secrets(LOW_VICTIM, words=_FEW)
    stage.plant(0, _ONES)
    await stage.place_map(0, _LAST_WORD, 8)
    await stage.control()
    await stage.device[0].read(LOW_VICTIM, burst=True)


@attack("a page 128 MiB above the attacker's", control=cache_compares_one_bit_less, harm=Harm.SECRET)
async def cached_region_of_another_address(stage: Stage) -> None:
    """The guard keeps the permission of a page whose address differs in one bit."""
    stage.world.fill_with_secrets(VICTIM_ABOVE, words=_FEW)
    await stage.protect()
    await stage.device[0].read(HOMES[0], lawful=True)
    await stage.device[0].read(VICTIM_ABOVE, burst=True)


@attack("a page 128 MiB above the attacker's", control=word_number_is_short, harm=Harm.SECRET)
async def map_word_of_another_address(stage: Stage) -> None:
    """The word that decides has a number that differs in one bit from that of the attacker's page."""
    stage.world.fill_with_secrets(VICTIM_ABOVE, words=_FEW)
    await stage.protect()
    await stage.device[0].read(VICTIM_ABOVE)


@attack("the victim's memory, by an address beyond RAM", control=alias_decoded, harm=Harm.SECRET)
async def address_beyond_ram(stage: Stage) -> None:
    """Ring -1 has opened what is no memory, where an address decoder that looks at too few bits sees memory again."""
    await stage.protect(VICTIM + MEMORY_BYTES, length=_WHOLE_SPACE)
    await stage.device[0].read(VICTIM + MEMORY_BYTES, burst=True)


@attack("the victim's memory, while no map can be read", control=failed_walk_admits, harm=Harm.SECRET, repaired=True)
async def map_where_no_memory_is(stage: Stage) -> None:
    """The map's base lies in the hole below 1 MiB, where a read gives ones."""
    await stage.place_map(0, Physical.VGA_HOLE, 8192)
    await stage.control()
    await stage.device[0].read(VICTIM, burst=True)


@attack("a page of the victim's that the device may read", control=bits_of_both_directions_are_one, harm=Harm.CHANGE)
async def writes_where_it_may_read(stage: Stage) -> None:
    """A write to a page that is open for reads alone."""
    stage.world.owners[SHARED] = Owner.VICTIM
    stage.draw_map(0, [SHARED], fmt=Format.PER_REQUESTER_AND_ACCESS, write=False)
    await stage.protect_each(fmt=Format.PER_REQUESTER_AND_ACCESS)
    await stage.device[0].read(SHARED, lawful=True)
    await stage.device[0].write(SHARED, MARK)
