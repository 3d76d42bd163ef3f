"""The mistakes of earlier drivers and hand-overs, each by name.

The first five are of the driver for AMD's device exclusion vector in XMHF (``dmap-x86svm.c``), the others of the hand-over from SKINIT's
protection to an IOMMU as TrenchBoot's secure loader and 3mdeb's tests of it describe it.
"""

from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import (
    cache_is_not_flushed,
    first_map_serves_all,
    map_end_is_inclusive,
    out_of_range_is_allowed,
    unknown_format_is_open,
)
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.stage import Slip, Stage, guard
from cocotb_tests.attacks.dma.world import HOMES, LAUNCH, LOW_VICTIM, MAP_BYTES, MAPS, SHARED, VICTIM, VICTIM_ABOVE, Owner
from contracts.memory_map import PAGE_SIZE

__all__: list[str] = []

_ONES = 0xFFFF_FFFF
_FEW = 64
_NO_FORMAT = 3


@attack("everything, since the guard was never set up", control=unknown_format_is_open, harm=Harm.SECRET, repaired=True)
async def xmhf_capability_read_at_the_wrong_byte(stage: Stage) -> None:
    """The driver takes the wrong byte for what tells it of the hardware, and programs a mode that does not exist."""
    stage.draw_map(0, HOMES)
    await stage.place_map(0, MAPS[0], MAP_BYTES)
    await stage.control(_NO_FORMAT)
    await stage.device[0].read(VICTIM, burst=True)


@attack("the first page beyond the map's end", control=map_end_is_inclusive, harm=Harm.SECRET, repaired=True)
async def xmhf_end_compared_by_less_or_equal(stage: Stage) -> None:
    """One too many counts as covered: what decides is the word after the map, which is the attacker's."""
    after = MAPS[0] + PAGE_SIZE
    stage.world.owners[after] = Owner.ATTACKER
    stage.world.fill_with_secrets(LOW_VICTIM, words=_FEW)
    stage.plant(after, _ONES)
    await stage.place_map(0, after - 4, 4)
    await stage.control()
    await stage.device[0].read(LOW_VICTIM, burst=True)


@attack("memory beyond the map's end", control=out_of_range_is_allowed, harm=Harm.SECRET)
async def xmhf_out_of_range_is_allowed(stage: Stage) -> None:
    """DEV_BASE_LO.protect is left 0: the map covers a part of memory, and what lies beyond is open."""
    stage.world.fill_with_secrets(VICTIM_ABOVE, words=_FEW)
    await stage.protect(length=1024)
    await stage.device[0].read(VICTIM_ABOVE, burst=True)


@attack("memory whose bits lie in the second half of the map", control=Slip.HALF_A_MAP, harm=Harm.SECRET)
async def xmhf_half_a_buffer_is_filled(stage: Stage) -> None:
    """The map's 8 KiB were the attacker's before, full of ones; the driver fills 4 KiB with what closes."""
    stage.world.fill_with_secrets(VICTIM_ABOVE, words=_FEW)
    for address in range(MAPS[0], MAPS[0] + MAP_BYTES, 4):
        stage.world.put(address, _ONES)
    filled = PAGE_SIZE if Slip.HALF_A_MAP in stage.slips else MAP_BYTES
    for address in range(MAPS[0], MAPS[0] + filled, 4):
        stage.world.put(address, 0)
    await stage.protect()
    await stage.device[0].read(VICTIM_ABOVE, burst=True)


@attack("what another guest's device may reach", control=first_map_serves_all, harm=Harm.SECRET)
async def xmhf_all_devices_in_one_domain(stage: Stage) -> None:
    """DEV_MAP is cleared: every device has the rights of the first."""
    stage.of_victim(0)
    await stage.protect_each({0: [VICTIM]})
    await stage.device[1].read(VICTIM, burst=True)


@attack("what the late launch has in its memory", control=Slip.WINDOW_AT_HAND_OVER, harm=Harm.SECRET)
async def trenchboot_window_at_the_hand_over(stage: Stage) -> None:
    """Where the hardware cannot read a map inside the protected memory, the protection ends before the policy begins. Ours can."""
    base = LAUNCH + 0x8000
    stage.world.fill_with_secrets(LAUNCH, Owner.RING_MINUS_1, words=_FEW)
    await stage.ring_minus_1.write(guard("LAUNCH_BASE"), LAUNCH)
    await stage.ring_minus_1.write(guard("LAUNCH_CONTROL"), 1)
    asking = [stage.device[0].read(LAUNCH + 4 * n, gap=2) for n in range(24)]
    steps = [stage.protect(base=base), _end_of_the_launch(stage)]
    for step in reversed(steps) if Slip.WINDOW_AT_HAND_OVER in stage.slips else steps:
        await step
        if step is steps[0]:
            await stage.device[0].read(HOMES[0], lawful=True)  # by a map that lies in the launch region
    for each in asking:
        await each


async def _end_of_the_launch(stage: Stage) -> None:
    await stage.ring_minus_1.write(guard("LAUNCH_CONTROL"), 0)


@attack("a page that the new policy does not admit", control=cache_is_not_flushed, harm=Harm.SECRET)
async def trenchboot_stale_permissions(stage: Stage) -> None:
    """What was found out before the hand-over is still in the guard's cache after it."""
    stage.draw_map(1, HOMES)
    await stage.protect(SHARED)
    await stage.device[0].read(SHARED, lawful=True)
    await stage.ring_minus_1.write(guard("MAP_BASE"), MAPS[1])
    await stage.store_secret(SHARED)
    await stage.device[0].read(SHARED)
