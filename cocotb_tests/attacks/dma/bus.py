"""Attacks by what a device says on the bus: who it is, where its beats go, when it is done."""

from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import (
    cache_serves_every_requester,
    port_believes_addresses,
    port_believes_last,
    port_believes_lock,
    port_believes_requester,
    port_waits_for_beats,
    verdict_is_for_anybody,
)
from cocotb_tests.attacks.dma.judge import BOUND, Harm
from cocotb_tests.attacks.dma.masters import Beat, beats_of
from cocotb_tests.attacks.dma.stage import Stage
from cocotb_tests.attacks.dma.world import HOMES, MARK, NEIGHBOUR, VICTIM
from contracts.requesters import Requester

__all__: list[str] = []

_LINE = (MARK, MARK + 1, MARK + 2, MARK + 3)
_INSIDE = 8  # cycles after which a burst has begun


async def _begin(stage: Stage) -> None:
    """The usual policy, and the guard has found out that the device may write its home."""
    await stage.protect()
    await stage.device[0].write(HOMES[0], MARK, lawful=True)


@attack("the victim's page, which the victim's device may write", control=port_believes_requester, harm=Harm.CHANGE)
async def poses_as_another_device(stage: Stage) -> None:
    """Device 1 gives itself the requester number of device 0."""
    stage.of_victim(0)
    await stage.protect_each({0: [VICTIM]})
    await stage.device[1].write(VICTIM, *_LINE, requester=Requester.DMA0)


@attack("memory, for everybody else", control=port_believes_lock, harm=Harm.SHARE)
async def locks_memory(stage: Stage) -> None:
    """A locked read, and then nothing: whoever holds the lock has memory to himself."""
    await stage.protect()
    await stage.device[0].read(HOMES[0], lock=1, hostile=True)
    await stage.ring_minus_1.read(VICTIM)


@attack("the page after the device's own", control=port_believes_addresses, harm=Harm.CHANGE)
async def burst_wanders_off(stage: Stage) -> None:
    """A burst begins in the device's own page; its later beats name the victim's."""
    await stage.protect()
    beats = beats_of(VICTIM, _LINE, burst=True)
    own = Beat(beats[0].fields | {"address": HOMES[0]})
    await stage.device[0].say([own, *beats[1:]])
    await stage.device[0].read(HOMES[0], burst=True, lawful=True)


@attack("memory, for everybody else", control=port_waits_for_beats, harm=Harm.SHARE)
async def burst_held_open(stage: Stage) -> None:
    """The first beat of a burst write, and no other: a burst is not interrupted, so nobody else gets to memory, and no policy commits."""
    await _begin(stage)
    stage.device[0].say(beats_of(HOMES[0], _LINE, burst=True)[:1], complete=False)
    await stage.cycles(_INSIDE)
    await stage.ring_minus_1.read(VICTIM)
    await stage.control()


@attack("memory, for everybody else", control=port_waits_for_beats, harm=Harm.SHARE)
async def burst_in_drops(stage: Stage) -> None:
    """The beats of a burst write come so seldom that one burst takes longer than anybody may have to wait."""
    await _begin(stage)
    beats = beats_of(HOMES[0], _LINE, burst=True)
    slow = [beats[0], *(Beat(b.fields, gap=BOUND // 2) for b in beats[1:])]
    stage.device[0].say(slow, complete=False)
    await stage.cycles(_INSIDE)
    await stage.ring_minus_1.read(VICTIM)


@attack("memory, for everybody else", control=port_believes_last, harm=Harm.SHARE)
async def burst_without_end(stage: Stage) -> None:
    """A burst write none of whose beats is the last."""
    await _begin(stage)
    beats = [Beat(beat.fields | {"last": 0}) for beat in beats_of(HOMES[0], _LINE, burst=True)]
    stage.device[0].say(beats * (BOUND // 2), complete=False)
    await stage.cycles(_INSIDE)
    await stage.ring_minus_1.read(VICTIM)


@attack("memory, for everybody else", control=port_believes_last, harm=Harm.SHARE)
async def words_without_end(stage: Stage) -> None:
    """Single writes that say that they are not the last of anything: to whoever believes it they are one long burst."""
    await _begin(stage)
    beats = [Beat(beat.fields | {"last": 0}) for beat in beats_of(HOMES[0], _LINE[:1], burst=False)]
    stage.device[0].say(beats * (2 * BOUND), complete=False)
    await stage.cycles(_INSIDE)
    await stage.ring_minus_1.read(VICTIM)


@attack("the victim's page, while its owner's device is being let in", control=verdict_is_for_anybody, harm=Harm.SECRET)
async def takes_anothers_verdict(stage: Stage) -> None:
    """Device 1 asks for the page for which device 0 has just been found to be allowed, at every moment of that."""
    stage.of_victim(0)
    await stage.protect_each({0: [VICTIM, NEIGHBOUR]})
    for delay in range(24):
        await stage.device[0].read(NEIGHBOUR)  # so that the guard has to find out about VICTIM once more
        theirs = stage.device[0].read(VICTIM)
        ours = stage.device[1].read(VICTIM, gap=delay)
        await theirs
        await ours


@attack("the victim's page, after its owner's device has used it", control=cache_serves_every_requester, harm=Harm.SECRET)
async def rides_on_anothers_cache(stage: Stage) -> None:
    """Device 1 asks for a page whose permission the guard keeps for device 0."""
    stage.of_victim(0)
    await stage.protect_each({0: [VICTIM]})
    await stage.device[0].read(VICTIM, burst=True)
    await stage.device[1].read(VICTIM, burst=True)
