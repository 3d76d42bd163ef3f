"""Attacks on memory by DMA."""

from collections.abc import Callable

from cocotb_tests.isolation_kernel.attacks.attack import BAD, ENGINE, SCRATCH, Judge, attack, changed, dma, shows, victim, words
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DeviceNumber
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from isolation_kernel.model.script import Script, Spin, Write

__all__: list[str] = []


def _dma_attack(world: World, chain: Callable[[int], list[tuple[int, int, int, int]]], judge: Callable[[int], Judge]) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield from dma(chain(target))
        yield from dma([(0x600D, SCRATCH + 0x100, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])  # what is allowed still works

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    return judge(target)


@attack("dma_policy")
def reads_a_neighbour_by_dma(world: World) -> Judge:
    return _dma_attack(world, lambda target: [(target, SCRATCH, 32, DescriptorFlag.LAST)], lambda target: shows())


@attack("dma_policy")
def writes_a_neighbour_by_dma(world: World) -> Judge:
    return _dma_attack(world, lambda target: [(BAD, target, 32, DescriptorFlag.FILL | DescriptorFlag.LAST)], changed)


@attack("dma_policy")
def writes_a_vcpu_block_by_dma(world: World) -> Judge:
    def chain(target: int) -> list[tuple[int, int, int, int]]:
        return [(BAD, world.kernel.partitions[1].vcpu.block + 0x1800, 32, DescriptorFlag.FILL | DescriptorFlag.LAST)]

    return _dma_attack(world, chain, lambda target: lambda world: BAD in words(world, world.kernel.partitions[1].vcpu.block + 0x1800, 4))


@attack("dma_policy")
def puts_dma_descriptors_in_a_neighbour(world: World) -> Judge:
    partition, target = victim(world)
    descriptor = (target, SCRATCH, 16, DescriptorFlag.LAST)
    for n, word in enumerate(descriptor):
        world.machine.memory.write32(target + 4 * n, word)

    def script() -> Script:
        yield Write(ENGINE + DMA_ENGINE["DESCRIPTOR"].offset, target)
        yield Write(ENGINE + DMA_ENGINE["CONTROL"].offset, 1)
        yield Spin(1000)
        yield Spin(1000)

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    return lambda world: words(world, SCRATCH, 1)[0] == target
