"""A guest that cannot be loaded leaves nothing behind: no memory, no device, nobody who waits for the processor."""

from collections.abc import Callable

import pytest

from cocotb_tests.isolation_kernel.world import CODE, SECOND_MEMORY, World
from contracts.configuration import GuestConfig, MultibootEntry
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.report import Step
from isolation_kernel.frames import KernelError, Owner
from isolation_kernel.invariants import check
from isolation_kernel.model.script import Script, Spin, Vmmcall

BEYOND = GuestConfig("beyond", SECOND_MEMORY, ((0x3000, b"secret"), (SECOND_MEMORY - 4, b"too long")), MultibootEntry(CODE))
RESTLESS = GuestConfig("restless", SECOND_MEMORY, (), MultibootEntry(CODE), devices=frozenset({DeviceNumber.COM1, DeviceNumber.DMA0}))


def restless(world: World) -> None:
    engine = world.machine.memory.engines[0]
    engine.busy, engine.step = True, lambda: None  # type: ignore[method-assign]


def ends() -> Script:
    yield Spin(1000)
    yield Vmmcall(Hypercall.SHUTDOWN, 5)


@pytest.mark.parametrize(
    ("config", "prepare", "message"),
    ((BEYOND, lambda world: None, "do not fit"), (RESTLESS, restless, "DMA0 does not come to rest")),
    ids=("a segment beyond memory", "a device that does not come to rest"),
)
@pytest.mark.parametrize("beside", (False, True), ids=("alone", "beside another"))
def test_nothing_is_left(config: GuestConfig, prepare: Callable[[World], None], message: str, beside: bool) -> None:
    world = World()
    if beside:
        world.guest(ends)
    prepare(world)
    frames = world.kernel.frames
    before = frames.owned_by(Owner.FREE), len(frames.pool)
    for _ in range(3):
        with pytest.raises(KernelError, match=message):
            world.kernel.load_guest(config)
    assert (frames.owned_by(Owner.FREE), len(frames.pool)) == before and not check(world.kernel)
    assert not any(b"secret" in world.machine.memory.ram[f << 12 : f + 1 << 12] for f in before[0])
    assert world.kernel.mover.device_owners[DeviceNumber.COM1] is None
    assert sum(p.alive for p in world.kernel.partitions.values()) == beside
    last = world.guest(ends)
    assert world.run() is Step.OVER and last.exit_status == 5
