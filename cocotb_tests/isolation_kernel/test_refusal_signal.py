"""The guard's interrupt is an edge: however refusals fall beside the clearing of the log, those that come later are still told."""

import pytest

from cocotb_tests.isolation_kernel.attacks.attack import dma
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DeviceNumber
from contracts.dma_engine import DescriptorFlag
from contracts.memory_map import Irq
from contracts.policy_map import GUARD
from isolation_kernel.model.guard import DmaDenied
from isolation_kernel.model.script import Script, Spin

FIRST, RACING, LATER = 0x0038_0000, 0x0039_0000, 0x003A_0000


@pytest.mark.parametrize("races", (1, 20))
def test_a_refusal_in_the_cycle_of_the_clearing_loses_no_later_one(races: int) -> None:
    """It wins over the clearing, as in the circuit: the line does not fall, so there is no other edge."""

    def script() -> Script:
        yield from dma([(1, FIRST, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])
        for _ in range(200):
            yield Spin(1000)
        yield from dma([(1, LATER, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])
        for _ in range(200):
            yield Spin(1000)

    world = World(timer_cycles=20_000)
    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    memory = world.machine.memory
    guard, clears = memory.guard, 0
    write = guard.write

    def racing(offset: int, value: int) -> None:
        nonlocal clears
        write(offset, value)
        if offset == GUARD["STATUS"].offset and clears < races:
            clears += 1
            before = list(memory.raised)
            with pytest.raises(DmaDenied):
                guard.check(0, RACING, True)
            memory.raised[:] = before  # DENIED was set all the time

    guard.write = racing  # type: ignore[method-assign]
    world.run(3000)
    assert clears == races and not memory.raised.count(Irq.GUARD)
    assert [refusal.address for refusal in world.kernel.refusals] == [FIRST] + [RACING] * races + [LATER]
