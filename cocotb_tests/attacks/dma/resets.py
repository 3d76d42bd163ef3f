"""Attacks on the order of power-up and reset: the guard is open then, so nothing may be left to take."""

from chipset.boards.straps import Strap
from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import (
    clean_memory_is_believed_for_ever,
    init_resets_the_guard,
    reset_ends_before_the_scrub,
    second_reset_forgets,
    zero_length_is_no_limit,
)
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.stage import Stage, guard
from cocotb_tests.attacks.dma.world import HOMES, MAP_BYTES, MAPS, SHARED, VICTIM, Owner
from contracts.dma_engine import DescriptorFlag
from contracts.memory_map import Port
from contracts.policy_map import GUARD

__all__: list[str] = []

_CF9_HARD, _CF9_GO = 0x02, 0x06
_CF9_SOFT_GO = 0x04


async def _hard_reset(stage: Stage) -> None:
    """The guest resets the platform."""
    await stage.guest.output(Port.RESET_CONTROL, _CF9_HARD)
    stage.guest.output(Port.RESET_CONTROL, _CF9_GO)
    await stage.platform_reset()


@attack("what memory held before a reset", control=Strap.NO_SCRUB, harm=Harm.SECRET)
async def reads_after_a_reset(stage: Stage) -> None:
    """The guest resets the platform, which opens the guard, and its device looks for what is left."""
    await stage.protect()
    await _hard_reset(stage)
    await stage.device[0].read(VICTIM, burst=True)


@attack("what memory held before a shutdown", control=Strap.NO_SCRUB, harm=Harm.SECRET)
async def reads_after_a_triple_fault(stage: Stage) -> None:
    """The processor shuts down, which resets the platform, while a device is at work."""
    await stage.protect()
    stage.shut_down(now=True)
    await stage.cycles(2)
    stage.shut_down(now=False)
    await stage.platform_reset()
    await stage.device[0].read(VICTIM, burst=True)


@attack("what memory held before a reset", control=second_reset_forgets, harm=Harm.SECRET)
async def presses_reset_twice(stage: Stage) -> None:
    """The reset button is pressed again during the reset, when the guard no longer knows that it was on."""
    await stage.protect()
    stage.press(button=True)
    await stage.cycles(4)
    stage.press(button=False)
    await stage.cycles(4)
    stage.press(button=True)
    await stage.cycles(2)
    stage.press(button=False)
    await stage.platform_reset()
    await stage.device[0].read(VICTIM, burst=True)


@attack("memory that is not yet scrubbed", control=reset_ends_before_the_scrub, harm=Harm.SECRET)
async def reads_during_the_scrub(stage: Stage) -> None:
    """The device asks as soon as it gets an answer."""
    await stage.protect()
    await _hard_reset(stage)
    for n in range(4):
        await stage.device[0].read(VICTIM + 16 * n)


@attack("what memory held before a reset", control=Strap.REGISTERS_OPEN, harm=Harm.SECRET)
async def guest_vouches_for_memory(stage: Stage) -> None:
    """The guest says in ring -1's place that memory holds no secret, and resets."""
    await stage.protect()
    clean = GUARD["CONTROL"].field("MEMORY_CLEAN").mask | GUARD["CONTROL"].field("ENABLE").mask
    await stage.guest.write(guard("CONTROL"), clean, hostile=True)
    await _hard_reset(stage)
    await stage.device[0].read(VICTIM, burst=True)


@attack("what memory held before the second reset", control=clean_memory_is_believed_for_ever, harm=Harm.SECRET)
async def old_word_of_clean_memory(stage: Stage) -> None:
    """Ring -1 shut down in order once, and said that memory was clean. After the next start there are secrets, and no such word."""
    stage.world.owners[SHARED] = Owner.VICTIM
    await stage.protect()
    await stage.control(clean=True)
    await _hard_reset(stage)
    await stage.protect()
    await stage.store_secret(SHARED)
    await _hard_reset(stage)
    await stage.device[0].read(SHARED)


@attack("the victim's memory, while the processor starts anew", control=init_resets_the_guard, harm=Harm.SECRET)
async def init_is_no_reset(stage: Stage) -> None:
    """The soft reset of port CF9h restarts the processor alone: nothing is scrubbed, so nothing may be opened."""
    await stage.protect()
    await stage.guest.output(Port.RESET_CONTROL, 0)
    await stage.guest.output(Port.RESET_CONTROL, _CF9_SOFT_GO)
    await stage.device[0].read(VICTIM, burst=True)


@attack("the victim's memory, while ring -1 sets the policy up", control=zero_length_is_no_limit, harm=Harm.SECRET)
async def between_enable_and_the_map(stage: Stage) -> None:
    """The guard is on and has no map yet, while secrets are written already: the device asks all the time until the map is there."""
    stage.draw_map(0, HOMES)
    stage.world.owners[SHARED] = Owner.VICTIM
    await stage.control()
    await stage.store_secret(SHARED)
    asking = [stage.device[0].read(SHARED, gap=5) for _ in range(10)]
    await stage.cycles(20)
    await stage.place_map(0, MAPS[0], MAP_BYTES)
    for each in asking:
        await each


@attack("secrets that are written once the guard is on", control=Strap.GUARD_OFF, harm=Harm.SECRET)
async def chain_from_before_power_up(stage: Stage) -> None:
    """The BIOS has left an engine at work, which began while everything was allowed."""
    chain, copies = HOMES[0] + 0x400, 24
    for n in range(copies):
        stage.plant(chain + 16 * n, SHARED, HOMES[0], 16, int(DescriptorFlag.LAST) if n == copies - 1 else 0)
    await stage.start_engine(chain)
    stage.world.owners[SHARED] = Owner.VICTIM
    await stage.protect()
    await stage.store_secret(SHARED)
    await stage.finish_engine()
