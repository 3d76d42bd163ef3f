"""Attacks on the moment in which something is taken away. Each is tried at every cycle around it."""

from chipset.boards.straps import Strap
from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import (
    cache_is_deaf,
    commit_does_not_wait,
    devices_are_not_held,
    fill_races_with_stores,
    launch_region_is_open,
    only_the_processor_writes,
    store_during_a_walk_is_lost,
)
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.stage import Caller, Slip, Stage, guard
from cocotb_tests.attacks.dma.world import HOMES, LAUNCH, MAPS, MARK, NEIGHBOUR, SHARED, Owner
from contracts.dma_engine import DescriptorFlag
from contracts.memory_map import PAGE_SIZE, Port

__all__: list[str] = []

_MOMENTS = 24  # cycles around a walk
_OPEN = 1 << (SHARED // PAGE_SIZE) % 32
_MOMENTS_OF_AN_ENGINE = range(24, 84, 4)  # cycles from its start, of the 50 or so that it takes for two words
_KBC_A20_OFF = 0xDD


async def _lose_the_page(stage: Stage, by: Caller) -> None:
    """Its bit is cleared by one store, and its new owner writes a secret there."""
    await by.write(stage.map_word(0, SHARED), 0)
    await stage.store_secret(SHARED)


async def _get_it_back(stage: Stage) -> None:
    """Cleaned, and with its bit set."""
    await stage.ring_minus_1.write(SHARED, 0)
    await stage.ring_minus_1.write(stage.map_word(0, SHARED), _OPEN)


async def _race_with_a_store(stage: Stage, moments: range) -> None:
    """The device asks for the page while the store that takes it away is on its way; then it asks again."""
    await stage.protect(SHARED, NEIGHBOUR)
    for moment in moments:
        await stage.device[0].read(NEIGHBOUR, lawful=True)  # so that the guard has to read the word once more
        early = stage.device[0].read(SHARED, gap=max(0, -moment))
        await stage.cycles(max(0, moment))
        await _lose_the_page(stage, stage.ring_minus_1)
        await early
        await stage.device[0].read(SHARED)
        await _get_it_back(stage)


@attack("a page that is taken away while the guard reads its word", control=store_during_a_walk_is_lost, harm=Harm.SECRET)
async def store_during_the_walk(stage: Stage) -> None:
    """The store arrives between the guard's request for the word and its answer."""
    await _race_with_a_store(stage, range(-2, _MOMENTS))


@attack("a page that is taken away as the guard keeps its word", control=fill_races_with_stores, harm=Harm.SECRET)
async def store_as_the_word_is_kept(stage: Stage) -> None:
    """The store arrives in the one cycle in which the word goes into the cache."""
    await _race_with_a_store(stage, range(-2, _MOMENTS))


@attack("a page whose permission the guard keeps", control=cache_is_deaf, harm=Harm.SECRET)
async def store_to_a_kept_word(stage: Stage) -> None:
    """The device uses a page, loses it by a store to the map, which nobody follows by a flush, and asks again."""
    await stage.protect(SHARED)
    await stage.device[0].read(SHARED, lawful=True)
    await _lose_the_page(stage, stage.ring_minus_1)
    await stage.device[0].read(SHARED)


@attack("a page whose permission the guard keeps", control=cache_is_deaf, harm=Harm.CHANGE)
async def store_of_one_byte(stage: Stage) -> None:
    """As before, writing, and the store that takes the page away is of the one byte of the word that matters."""
    await stage.protect(SHARED)
    await stage.device[0].write(SHARED, MARK, lawful=True)
    byte = (SHARED // PAGE_SIZE) % 32 // 8
    await stage.ring_minus_1.write(stage.map_word(0, SHARED), 0, mask=1 << byte)
    await stage.store_secret(SHARED)
    await stage.device[0].write(SHARED, MARK)


@attack("a page whose permission the guard keeps", control=only_the_processor_writes, harm=Harm.SECRET)
async def store_by_the_host_link(stage: Stage) -> None:
    """The kernel at the host link, not the processor, takes the page away."""
    await stage.protect(SHARED)
    await stage.device[0].read(SHARED, lawful=True)
    await _lose_the_page(stage, stage.host)
    await stage.device[0].read(SHARED)


@attack("a page that another map does not admit", control=commit_does_not_wait, harm=Harm.SECRET)
async def commit_during_the_walk(stage: Stage) -> None:
    """Ring -1 puts another map in force while the guard reads a word of the old one."""
    stage.draw_map(1, HOMES)
    await stage.protect(SHARED, NEIGHBOUR)
    for moment in range(_MOMENTS):
        await stage.device[0].read(NEIGHBOUR, lawful=True)
        early = stage.device[0].read(SHARED)
        await stage.cycles(moment)
        await stage.ring_minus_1.write(guard("MAP_BASE"), MAPS[1])
        await stage.store_secret(SHARED)
        await early
        await stage.device[0].read(SHARED)
        await stage.ring_minus_1.write(SHARED, 0)
        await stage.ring_minus_1.write(guard("MAP_BASE"), MAPS[0])


@attack("a page that ring -1 believes that it has taken away", control=Strap.A20_OBEYED, harm=Harm.SECRET)
async def store_with_a20_masked(stage: Stage) -> None:
    """The guest masks address line 20 before ring -1 stores to the map: the store goes 1 MiB too low."""
    await stage.protect(SHARED)
    await stage.guest.output(Port.KBC_STATUS, _KBC_A20_OFF)
    await stage.ring_minus_1.write(stage.map_word(0, SHARED), 0)
    await stage.store_secret(SHARED)
    await stage.device[0].read(SHARED)


@attack("the memory of a late launch, whose permission the guard keeps", control=launch_region_is_open, harm=Harm.SECRET)
async def launch_over_an_open_page(stage: Stage) -> None:
    """The device may use pages that become the launch region, asks all the time, and is cut off by one register write."""
    stage.world.owners[LAUNCH] = Owner.ATTACKER
    await stage.protect(LAUNCH)
    await stage.ring_minus_1.write(guard("LAUNCH_BASE"), LAUNCH)
    asking = [stage.device[0].read(LAUNCH, gap=3) for _ in range(20)]
    stage.world.owners[LAUNCH] = Owner.RING_MINUS_1
    await stage.ring_minus_1.write(guard("LAUNCH_CONTROL"), 1)
    await stage.store_secret(LAUNCH)
    for each in asking:
        await each
    await stage.device[0].read(LAUNCH)


_DEVICE_0 = 1 << 0
_LENGTH = 0x200
_LINE = 64
_FILL = int(DescriptorFlag.FILL)
_LAST = int(DescriptorFlag.LAST)


async def _wait_until_idle(stage: Stage) -> None:
    """Until the device is at rest, though not for ever."""
    for _ in range(8):
        if (await stage.ring_minus_1.read(guard("DEVICE_IDLE"))).word & _DEVICE_0:
            break


@attack("the next owner of a device, and of the page on which it worked", control=devices_are_not_held, harm=Harm.CHANGE)
async def work_left_in_the_device(stage: Stage) -> None:
    """The device has much to do when it is taken away; the map admits the page to it afterwards too, as its new owner wants."""
    stage.world.owners[SHARED] = Owner.ATTACKER
    await stage.protect(SHARED)
    stage.plant(HOMES[0], MARK, SHARED, _LENGTH, _FILL | _LAST)
    await stage.start_engine(HOMES[0])
    await stage.cycles(40)
    await stage.ring_minus_1.write(guard("DEVICE_RESET"), _DEVICE_0)
    await _wait_until_idle(stage)
    stage.give(SHARED, Owner.VICTIM)
    for offset in range(0, _LENGTH, _LINE):
        await stage.store_secret(SHARED + offset)
    await stage.finish_engine()
    await stage.ring_minus_1.write(guard("DEVICE_RESET"), 0)


@attack("the next owner of a device, and of the page on which it worked", control=Slip.GIVES_BEFORE_IDLE, harm=Harm.CHANGE)
async def access_left_in_the_device(stage: Stage) -> None:
    """The last of two writes may just be under way when the device is taken; tried at many moments, each at another word. Each write
    makes the guard read its map, so that it takes long."""
    stage.world.owners[SHARED] = Owner.ATTACKER
    await stage.protect(SHARED)
    for number, moment in enumerate(_MOMENTS_OF_AN_ENGINE):
        target = SHARED + _LINE * number
        stage.plant(HOMES[0], MARK, HOMES[0] + 0x800, 4, _FILL, MARK, target, 4, _FILL | _LAST)
        await stage.start_engine(HOMES[0])
        await stage.cycles(moment)
        await stage.ring_minus_1.write(guard("DEVICE_RESET"), _DEVICE_0)
        if Slip.GIVES_BEFORE_IDLE not in stage.slips:
            await _wait_until_idle(stage)
        await stage.store_secret(target)
        await stage.finish_engine()
        await stage.ring_minus_1.write(guard("DEVICE_RESET"), 0)
    stage.world.owners[SHARED] = Owner.VICTIM
