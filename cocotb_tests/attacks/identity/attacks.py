"""What guests try by SEAL, UNSEAL and ATTEST. Each attack names the one thing that a control run leaves out: a protection of the kernel,
or a check in the place of which ``patched`` puts another.

``run`` gets a launched machine on whose disk the vault has sealed a secret, and what starts the kernel that is attacked. It says whether
the attack has succeeded, and does not know whether anything is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from cocotb_tests.attacks.identity.unchecked import seals_what_it_reads_again
from cocotb_tests.attacks.storage.unchecked import EveryReader
from cocotb_tests.isolation_kernel.governed import everything, load, named, without
from cocotb_tests.isolation_kernel.sealed.rooted import (
    BUFFER,
    NAMES,
    SECRET,
    RootedWorld,
    attests,
    calls,
    listed,
    name_of,
    seals,
    unseals,
)  # fmt: skip
from cocotb_tests.isolation_kernel.world import CODE, SECOND_MEMORY
from contracts.configuration import GuestConfig, RealModeEntry, Right
from contracts.devices import DeviceNumber
from contracts.hypercalls import IDENTITY_SIZE, LIST_HEADER, Hypercall
from contracts.identity import identity
from contracts.memory_map import PAGE_SIZE
from contracts.policy import Policy
from isolation_kernel import hypercalls, roots
from isolation_kernel.model.script import GuestException, Script, SetRing, Vmmcall

__all__ = ["ATTACKS", "VAULT", "Attack", "Start"]

Start = Callable[..., RootedWorld]
VAULT = named("vault")
_OWN = name_of(VAULT)
_FORGED = b"the attacker's own"
_VICTIM_PAGE = 0x20000


@dataclass(frozen=True)
class Attack:
    """``protection``: of ``contracts.protections``. ``patched``: module and name, and what a control run puts there."""

    run: Callable[[Start], bool]
    protection: str = ""
    patched: Mapping[tuple[Any, str], object] = field(default_factory=dict)
    name: str = ""


ATTACKS: list[Attack] = []


def _attack(protection: str = "", **more: Any) -> Callable[[Callable[[Start], bool]], Callable[[Start], bool]]:
    def register(run: Callable[[Start], bool]) -> Callable[[Start], bool]:
        ATTACKS.append(Attack(run, protection, name=run.__name__, **more))
        return run

    return register


def _poses(start: Start, other: GuestConfig) -> bool:
    """A guest that is not the vault says that it is, and reads what the vault keeps."""
    assert identity(other) != identity(VAULT)
    return SECRET in start().answers(other, partial(unseals, claim=_OWN))[1]


# a guest that differs from the vault in one thing


@_attack("sealed_identity")
def one_bit_of_the_image(start: Start) -> bool:
    """The lowest bit of the first byte."""
    return _poses(start, replace(VAULT, segments=((0x30000, b"\x01"),)))


@_attack("sealed_identity")
def last_bit_of_the_image(start: Start) -> bool:
    """The highest bit of the last byte of its memory."""
    return _poses(start, replace(VAULT, segments=((SECOND_MEMORY - 1, b"\x80"),)))


@_attack("sealed_identity")
def a_page_more_of_memory(start: Start) -> bool:
    """The same image, in a larger memory."""
    return _poses(start, replace(VAULT, memory=SECOND_MEMORY + PAGE_SIZE))


@_attack("sealed_identity")
def one_bit_of_the_manifest(start: Start) -> bool:
    """Its maker's word about it."""
    return _poses(start, replace(VAULT, manifest=b"vaulu"))


@_attack("sealed_identity")
def a_longer_manifest(start: Start) -> bool:
    """A zero behind it."""
    return _poses(start, replace(VAULT, manifest=VAULT.manifest + b"\0"))


@_attack("sealed_identity")
def another_first_state(start: Start) -> bool:
    """Entered in real mode instead."""
    return _poses(start, replace(VAULT, entry=RealModeEntry(0, 0, CODE)))


@_attack("sealed_identity")
def one_right_less(start: Start) -> bool:
    """It asks for something else."""
    return _poses(start, replace(VAULT, rights=VAULT.rights - {Right.SYSTEM_SHUTDOWN}))


@_attack("sealed_identity")
def a_device_more(start: Start) -> bool:
    """The same program with a DMA engine in its hands."""
    return _poses(start, replace(VAULT, devices=frozenset({DeviceNumber.DMA1})))


# in the vault's name


@_attack("sealed_identity")
def seals_in_the_vaults_place(start: Start) -> bool:
    """What the vault then unseals is the attacker's."""
    start().answers("thief", partial(seals, data=_FORGED, claim=_OWN))
    return _FORGED in start().answers(VAULT, partial(unseals, claim=_OWN))[1]


@_attack("sealed_identity")
def is_quoted_as_the_vault(start: Start) -> bool:
    """A verifier takes it for the vault."""
    world = start()
    world.answers("thief", partial(attests, claim=_OWN))
    return any(said.identity == _OWN for _, said in world.quotes)


@_attack(patched={(roots, "SealedStorage"): EveryReader})
def names_the_vault_as_the_writer(start: Start) -> bool:
    """It was never listed."""
    return SECRET in start().answers("thief", partial(unseals, writer=_OWN))[1]


@_attack(patched={(roots, "SealedStorage"): EveryReader})
def reads_what_an_accomplice_lists_it_for(start: Start) -> bool:
    """A guest that the vault trusts not lists a thief, and the vault, as readers of a blob in the same slot: of the vault's nothing."""
    world = start()
    world.answers("accomplice", partial(seals, data=_FORGED, names=listed(name_of("thief"), _OWN)))
    found = world.answers("thief", partial(unseals, writer=name_of("accomplice")))[1]
    assert _FORGED in found, "what it was listed for it reads"
    return SECRET in world.answers("thief", partial(unseals, writer=_OWN))[1]


# without the right


def _under(start: Start, *refused: tuple[GuestConfig, Right], guests: tuple[GuestConfig, ...]) -> RootedWorld:
    grants = everything(guests)
    for who, right in refused:
        grants = without(grants, who, right)
    return start(policy=Policy(grants))


@_attack("hypercall_rights")
def unseals_without_the_right(start: Start) -> bool:
    """The vault itself, from which its owner has taken the right."""
    return SECRET in _under(start, (VAULT, Right.UNSEAL), guests=(VAULT,)).answers(VAULT, partial(unseals, claim=_OWN))[1]


@_attack("hypercall_rights")
def tells_a_secret_to_whom_it_may_not(start: Start) -> bool:
    """The vault has been taken over, and seals its secret for a guest that the policy keeps from it."""
    thief = named("thief")
    grants = without(everything((VAULT, thief)), VAULT, Right.SEAL) | {(identity(VAULT), Right.SEAL, identity(VAULT))}
    world = start(policy=Policy(grants))
    world.answers(VAULT, partial(seals, names=listed(_OWN, name_of(thief)), claim=_OWN))
    return SECRET in world.answers(thief, partial(unseals, writer=_OWN, claim=name_of(thief)))[1]


@_attack("hypercall_rights")
def tells_a_secret_downwards(start: Start) -> bool:
    """All is granted, and a label forbids it."""
    thief = named("thief")
    labels = {identity(VAULT): frozenset({"secret"}), identity(thief): frozenset[str](), "system": frozenset[str]()}
    world = start(policy=Policy(everything((VAULT, thief)), labels))
    world.answers(VAULT, partial(seals, names=listed(name_of(thief)), claim=_OWN))
    return SECRET in world.answers(thief, partial(unseals, writer=_OWN, claim=name_of(thief)))[1]


@_attack("hypercall_rights")
def is_quoted_without_the_right(start: Start) -> bool:
    """Its 32 bytes are a way out."""
    world = _under(start, (VAULT, Right.ATTEST), guests=(VAULT,))
    world.answers(VAULT, partial(attests, claim=_OWN))
    return bool(world.quotes)


@_attack("hypercall_ring")
def an_application_unseals(start: Start) -> bool:
    """Ring 3 of the vault asks the kernel past the vault's own kernel."""

    def applies(found: list[object]) -> Script:
        yield SetRing(3)
        try:
            yield from unseals(found, claim=_OWN)
        except GuestException:
            found.append("#UD")
        yield SetRing(0)

    return SECRET in start().answers(VAULT, applies)[1]


# buffers that are another guest's


def _beside(start: Start, script: Callable[[list[object], int], Script]) -> tuple[RootedWorld, list[object], bytes]:
    """A guest beside one with a secret in its memory, and where that lies for the first; what the first found, and the page afterwards."""
    world = start()

    def waits() -> Script:
        while True:
            yield Vmmcall(Hypercall.YIELD)

    victim = load(world, replace(named("victim"), segments=((_VICTIM_PAGE, SECRET * 2),)), waits)
    place = victim.memory.pages[_VICTIM_PAGE // PAGE_SIZE]

    def attacks(found: list[object]) -> Script:
        own = next(p for p in world.kernel.partitions.values() if p.config.name == "thief" and p.alive)
        yield from script(found, (place - own.memory.offset) % (1 << 20) * PAGE_SIZE)

    _, found = world.answers("thief", attacks)
    return world, found, world.frame_bytes(victim, _VICTIM_PAGE, len(SECRET) * 2)


@_attack("hypercall_buffers")
def seals_a_neighbours_memory(start: Start) -> bool:
    """As if it were its own, and unseals it."""

    def script(found: list[object], at: int) -> Script:
        yield from calls(found, [Vmmcall(Hypercall.SEAL, at, len(SECRET))])
        yield from unseals(found)

    return SECRET in _beside(start, script)[1]


@_attack("hypercall_buffers")
def unseals_into_a_neighbours_memory(start: Start) -> bool:
    """Over its secret."""

    def script(found: list[object], at: int) -> Script:
        yield from seals(found, data=_FORGED)
        yield from calls(found, [Vmmcall(Hypercall.UNSEAL, at, 64)])

    return _beside(start, script)[2].startswith(_FORGED)


@_attack("hypercall_buffers")
def quotes_a_neighbours_memory(start: Start) -> bool:
    """As its own data, which the host then sees."""

    def script(found: list[object], at: int) -> Script:
        yield from calls(found, [Vmmcall(Hypercall.ATTEST, at)])

    world, _, _ = _beside(start, script)
    return any((said.nonce + said.data).startswith(SECRET) for _, said in world.quotes)


@_attack("hypercall_buffers")
def takes_a_neighbours_memory_for_a_name(start: Start) -> bool:
    """Unsealing from whoever bears those bytes as a name is refused for what it asks, not for where it asks: the log tells the bytes."""

    def script(found: list[object], at: int) -> Script:
        yield from calls(found, [Vmmcall(Hypercall.UNSEAL, BUFFER, 64, 0, at)])

    world, _, _ = _beside(start, script)
    return any((SECRET * 2)[:IDENTITY_SIZE].hex() in record for record in world.audit)


# changed while it is read


@_attack(patched={(hypercalls, "_seal"): seals_what_it_reads_again})
def list_that_changes_while_it_is_read(start: Start) -> bool:
    """The readers are others once the policy has been asked: a DMA engine at the worst moment."""
    heir, thief = named("heir"), named("thief")
    grants = without(everything((VAULT, heir, thief)), VAULT, Right.SEAL) | {(identity(VAULT), Right.SEAL, identity(heir))}
    world = start(policy=Policy(grants))
    machine, permits = world.machine, world.kernel.permits

    def changes(partition: Any, right: Right, about: str) -> bool:
        allowed = permits(partition, right, about)
        if right is Right.SEAL:
            frame = partition.memory.pages[NAMES // PAGE_SIZE] * PAGE_SIZE
            at = frame + NAMES % PAGE_SIZE + LIST_HEADER
            machine.memory.ram[at : at + IDENTITY_SIZE] = name_of(thief)
        return allowed

    world.kernel.permits = changes  # type: ignore[method-assign]
    world.answers(VAULT, partial(seals, names=listed(name_of(heir)), claim=_OWN))
    return SECRET in world.answers(thief, partial(unseals, writer=_OWN))[1]
