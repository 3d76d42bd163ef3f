"""Attacks on the guard's registers and its log."""

from chipset.boards.straps import Strap
from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import clearing_wins, dma_reaches_registers, enable_can_be_taken_back, log_keeps_the_last
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.stage import Stage, guard
from cocotb_tests.attacks.dma.world import HOMES, LAUNCH, MARK, NEIGHBOUR, VICTIM, Owner
from contracts.memory_map import Physical

__all__: list[str] = []

_ONES = 0xFFFF_FFFF
_WHOLE_SPACE = 128 << 10
_DEVICE_1 = 1 << 1


def _plant_a_map(stage: Stage) -> int:
    """A map of the attacker's in its own memory, in which the victim's page is open; where it would have to begin."""
    word = stage.map_word(0, VICTIM, base=0)
    stage.plant(NEIGHBOUR + word, _ONES)
    return NEIGHBOUR


@attack("the place of the map", control=Strap.REGISTERS_OPEN, harm=Harm.SECRET)
async def guest_moves_the_map(stage: Stage) -> None:
    """The guest maps the guard's page and gives it a map of its own."""
    await stage.protect()
    await stage.guest.write(guard("MAP_BASE"), _plant_a_map(stage), hostile=True)
    await stage.device[0].read(VICTIM)


@attack("the place of the map", control=dma_reaches_registers, harm=Harm.SECRET)
async def device_moves_the_map(stage: Stage) -> None:
    """A device writes the guard's register by DMA; ring -1 has opened what is no memory."""
    await stage.protect(Physical.GUARD, length=_WHOLE_SPACE)
    await stage.device[0].write(guard("MAP_BASE"), _plant_a_map(stage))
    await stage.device[0].read(VICTIM)


@attack("the memory of a late launch", control=Strap.REGISTERS_OPEN, harm=Harm.SECRET)
async def guest_ends_the_launch_protection(stage: Stage) -> None:
    """The map would admit the launch region to the device; only LAUNCH_CONTROL keeps it closed."""
    stage.world.fill_with_secrets(LAUNCH, Owner.RING_MINUS_1, words=4)
    await stage.ring_minus_1.write(guard("LAUNCH_BASE"), LAUNCH)
    await stage.ring_minus_1.write(guard("LAUNCH_CONTROL"), 1)
    await stage.protect(LAUNCH)
    await stage.guest.write(guard("LAUNCH_CONTROL"), 0, hostile=True)
    await stage.device[0].read(LAUNCH, burst=True)


@attack("the guard itself", control=enable_can_be_taken_back, harm=Harm.SECRET, off_in_both=(Strap.REGISTERS_OPEN,))
async def switches_the_guard_off(stage: Stage) -> None:
    """Whoever reaches the registers clears CONTROL.ENABLE, which holds until platform reset whoever writes."""
    await stage.protect()
    await stage.guest.write(guard("CONTROL"), 0, hostile=True)
    await stage.device[0].read(VICTIM)


@attack("a device that ring -1 holds at rest", control=Strap.REGISTERS_OPEN, harm=Harm.CHANGE)
async def guest_frees_a_device(stage: Stage) -> None:
    """The guest clears DEVICE_RESET of a device that is being given to somebody else."""
    await stage.protect()
    await stage.ring_minus_1.write(guard("DEVICE_RESET"), _DEVICE_1)
    await stage.guest.write(guard("DEVICE_RESET"), 0, hostile=True)


@attack("the trace of an attack", control=Strap.REGISTERS_OPEN, harm=Harm.UNNOTICED)
async def guest_clears_the_log(stage: Stage) -> None:
    """The guest clears STATUS after a refused access."""
    await stage.protect()
    await stage.device[0].read(VICTIM)
    await stage.guest.write(guard("STATUS"), _ONES, hostile=True)


@attack("the trace of an attack", control=log_keeps_the_last, harm=Harm.UNNOTICED)
async def washes_the_log_out(stage: Stage) -> None:
    """One refused access that matters, then many that look like an accident."""
    await stage.protect()
    await stage.device[0].write(VICTIM, MARK)
    for n in range(20):
        stage.device[0].read(NEIGHBOUR + 4 * n)
    await stage.quiet()


@attack("the trace of an attack", control=clearing_wins, harm=Harm.UNNOTICED)
async def hides_behind_the_clearing(stage: Stage) -> None:
    """A refused access in the very cycle in which ring -1 clears the log of an earlier one; tried at each cycle around it."""
    await stage.protect()
    await stage.device[0].read(HOMES[0], lawful=True)
    for moment in range(16):
        hidden = stage.device[0].read(VICTIM, gap=moment)
        await stage.cycles(4)
        await stage.clear_status()
        await hidden
        await stage.read_status()
