"""Guests under a policy: what the tests of identity, policy and audit log share."""

from collections.abc import Callable, Iterable

from cocotb_tests.isolation_kernel.world import CODE, SECOND_MEMORY, World
from contracts.configuration import GuestConfig, MultibootEntry
from contracts.devices import DeviceNumber
from contracts.identity import identity
from contracts.rights import HOST, NOBODY, SYSTEM, Right
from isolation_kernel.model.script import Script
from isolation_kernel.partition import Partition

__all__ = ["Grants", "everything", "load", "named", "without"]

Grants = frozenset[tuple[str, Right, str]]


def named(name: str, **more: object) -> GuestConfig:
    """A guest that asks for every right; its name is in its manifest, so that it has an identity of its own."""
    settings: dict[str, object] = {"rights": frozenset(Right), "manifest": name.encode()} | more
    return GuestConfig(name, SECOND_MEMORY, (), MultibootEntry(CODE), **settings)  # type: ignore[arg-type]


def load(world: World, config: GuestConfig, script: Callable[[], Script]) -> Partition:
    """Start a guest."""
    partition = world.kernel.load_guest(config)
    world.machine.attach(partition.vcpu.block, script)
    return partition


def everything(guests: Iterable[GuestConfig]) -> Grants:
    """Every right of each guest about everything there is."""
    names = [identity(guest) for guest in guests]
    about = [*names, *DeviceNumber.__members__, HOST, SYSTEM, NOBODY]
    return frozenset((who, right, what) for who in names for right in Right for what in about)


def without(grants: Grants, who: GuestConfig, right: Right) -> Grants:
    """Less one right of one guest."""
    return frozenset(grant for grant in grants if grant[:2] != (identity(who), right))
