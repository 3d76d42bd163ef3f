"""SEAL, UNSEAL and ATTEST: whole guests above the whole kernel, with a real TPM behind the chipset's registers."""

import json
from functools import partial
from random import Random

import pytest

from cocotb_tests.isolation_kernel.governed import everything, named, without
from cocotb_tests.isolation_kernel.sealed.rooted import (
    BUFFER,
    DATA,
    NAMES,
    NONCE,
    OTHER,
    SECRET,
    RootedWorld,
    attests,
    bytes_at,
    calls,
    listed,
    name_of,
    put,
    seals,
    unseals,
    world_of,
)  # fmt: skip
from cocotb_tests.isolation_kernel.sealed.stage import GENUINE, Software, Stage
from cocotb_tests.isolation_kernel.world import SECOND_MEMORY
from contracts.event_log import Event, EventKind, encode
from contracts.hypercalls import MAX_MESSAGE, Hypercall, Status
from contracts.identity import identity
from contracts.policy import Policy
from contracts.protections import Protections
from contracts.rights import Right
from contracts.sealed_storage import MAX_READERS, SLOTS, StorageError
from isolation_kernel.model.script import Script, Vmmcall
from verifier.bundle import Bundle
from verifier.expected import read_expected
from verifier.judge import judge
from verifier.keys import parse_public
from verifier.reasons import Accepted, Reason, Refused

__all__: list[str] = []

# what is sealed is there after a loss of power, for whom it was sealed


def test_a_guest_finds_again_what_it_has_sealed(stage: Stage) -> None:
    assert world_of(stage).answers("vault", seals)[1] == [Status.OK]
    assert world_of(stage).answers("vault", unseals)[1] == [len(SECRET), SECRET]


def test_a_kernel_makes_a_store_on_its_owners_order(stage: Stage) -> None:
    world_of(stage).answers("vault", seals)
    world = world_of(stage)
    world.kernel.roots.store.create()
    assert world.answers("vault", unseals)[1] == [Status.UNAVAILABLE]
    assert world.answers("other", seals)[1] == [Status.OK]


@pytest.mark.parametrize("more", ({"disk": False}, {"launched": False}))
def test_without_a_launch_or_a_disk_there_is_no_store_to_make(stage: Stage, more: dict[str, object]) -> None:
    with pytest.raises(StorageError, match="it needs a late launch and a disk"):
        world_of(stage, **more).kernel.roots.store.create()


def test_another_guest_finds_nothing(stage: Stage) -> None:
    world = world_of(stage)
    world.answers("vault", seals)
    for writer in (b"", name_of("vault")):
        assert world.answers("thief", partial(unseals, writer=writer))[1] == [Status.UNAVAILABLE]


def test_who_is_listed_reads_it_and_nobody_else(stage: Stage) -> None:
    world = world_of(stage)
    vault, heir = name_of("vault"), name_of("heir")
    assert world.answers("vault", lambda found: seals(found, names=listed(heir)))[1] == [Status.OK]
    assert world.answers("heir", lambda found: unseals(found, writer=vault))[1] == [len(SECRET), SECRET]
    assert world.answers("vault", unseals)[1] == [Status.UNAVAILABLE], "it has not listed itself"
    assert world.answers("thief", lambda found: unseals(found, writer=vault))[1] == [Status.UNAVAILABLE]


def test_slots_lengths_and_buffers_are_told_apart(stage: Stage, rng: Random) -> None:
    """The longest and none at all, from and to addresses that are no multiples of 4, across pages."""
    kept = {slot: rng.randbytes(size) for slot, size in enumerate((0, 1, 3, MAX_MESSAGE, 4079, 17, 64, 5))}

    def writes(found: list[object]) -> Script:
        for slot, data in kept.items():
            yield from put(BUFFER, bytes(slot) + data)
            yield from calls(found, [Vmmcall(Hypercall.SEAL, BUFFER + slot, len(data), slot)])

    def reads(found: list[object]) -> Script:
        for slot in kept:
            found.append((yield Vmmcall(Hypercall.UNSEAL, BUFFER + slot, MAX_MESSAGE, slot)))
            raw: list[object] = []
            yield from bytes_at(BUFFER, slot + len(kept[slot]), raw)
            assert isinstance(raw[0], bytes)
            found.append(raw[0][slot:])

    assert world_of(stage).answers("vault", writes)[1] == [Status.OK] * SLOTS
    assert world_of(stage).answers("vault", reads)[1] == [each for data in kept.values() for each in (len(data), data)]


def test_a_buffer_that_is_too_small_gets_nothing(stage: Stage) -> None:
    world = world_of(stage)
    world.answers("vault", seals)
    vault, found = world.answers("vault", lambda found: unseals(found, size=len(SECRET) - 1))
    assert found == [Status.BAD_ARGUMENT]


BAD = [0xFFFF_FFFF, 0xFFFF_FFFC, 0xFFFF_F000, SECOND_MEMORY, SECOND_MEMORY - 2, 0x8000_0000, 0xFED4_2000, 0xFEC1_0000]


def test_bad_arguments_change_nothing(stage: Stage) -> None:
    world = world_of(stage)
    own = name_of("vault")

    def bad(found: list[object]) -> Script:
        yield from put(BUFFER, bytes(64))
        for names in (listed(), listed(*[own] * (MAX_READERS + 1)), (0xFFFF_FFFF).to_bytes(4, "little")):
            yield from put(NAMES, names)
            yield from calls(found, [Vmmcall(Hypercall.SEAL, BUFFER, 4, 0, NAMES)])
        slots = (SLOTS, 0xFFFF_FFFF, 0x8000_0000)
        yield from calls(found, [
            *(Vmmcall(Hypercall.SEAL, at, 4) for at in BAD), *(Vmmcall(Hypercall.SEAL, BUFFER, 4, 0, at) for at in BAD),
            *(Vmmcall(Hypercall.UNSEAL, at, 64) for at in BAD), *(Vmmcall(Hypercall.UNSEAL, BUFFER, 64, 0, at) for at in BAD),
            *(Vmmcall(Hypercall.ATTEST, at) for at in BAD),
            *(Vmmcall(call, BUFFER, size) for call in (Hypercall.SEAL, Hypercall.UNSEAL) for size in (MAX_MESSAGE + 1, 0xFFFF_FFFF)),
            *(Vmmcall(call, BUFFER, 4, slot) for call in (Hypercall.SEAL, Hypercall.UNSEAL) for slot in slots),
        ])  # fmt: skip

    world.answers("vault", seals)
    count = stage.kernel._sealing.read()[0]
    found = world.answers("vault", bad)[1]
    assert found == [Status.BAD_ARGUMENT] * len(found) and len(found) == 53
    assert stage.kernel._sealing.read()[0] == count and not world.quotes
    assert world.answers("vault", unseals)[1] == [len(SECRET), SECRET]


# who may


@pytest.mark.parametrize("right", (Right.SEAL, Right.UNSEAL, Right.ATTEST))
def test_each_needs_its_right(stage: Stage, right: Right) -> None:
    def tries(found: list[object]) -> Script:
        yield from seals(found)
        yield from unseals(found)
        yield from attests(found)

    vault = named("vault")
    want: list[object] = [Status.OK, len(SECRET), SECRET, Status.OK]
    world = world_of(stage, policy=Policy(everything([vault])))
    assert world.answers(vault, tries)[1] == want
    refused = world_of(stage, policy=Policy(without(everything([vault]), vault, right))).answers(vault, tries)[1]
    place = {Right.SEAL: 0, Right.UNSEAL: 1, Right.ATTEST: -1}[right]
    if right is Right.UNSEAL:
        want.pop(2)
    want[place] = Status.DENIED
    assert refused == want


def test_a_guest_seals_for_nobody_but_whom_it_may(stage: Stage) -> None:
    """About each reader of the list: one that is not granted, and nothing is sealed."""
    vault, heir, foe = named("vault"), named("heir"), named("foe")
    grants = everything([vault]) | {(identity(vault), Right.SEAL, identity(heir))}
    world = world_of(stage, policy=Policy(grants))
    for names, answer in (((heir,), Status.OK), ((heir, foe), Status.DENIED), ((foe,), Status.DENIED)):
        assert world.answers(vault, partial(seals, names=listed(*map(name_of, names))))[1] == [answer]


def test_labels_let_nothing_down(stage: Stage) -> None:
    """Mandatory: who is above reads what is below, and seals nothing for it; the same policy without labels lets it."""
    low, high = named("low"), named("high")
    grants = everything([low, high])
    labels = {identity(low): frozenset[str](), identity(high): frozenset({"secret"}), "system": frozenset({"secret"})}

    def run(policy: Policy) -> tuple[list[object], list[object]]:
        world = world_of(stage, policy=policy)
        up = world.answers(low, lambda found: seals(found, names=listed(name_of(high))))[1]
        up += world.answers(high, lambda found: unseals(found, writer=name_of(low)))[1]
        down = world.answers(high, lambda found: seals(found, names=listed(name_of(low))))[1]
        down += world.answers(low, lambda found: unseals(found, writer=name_of(high)))[1]
        return up, down

    went = [Status.OK, len(SECRET), SECRET]
    assert run(Policy(grants, labels)) == (went, [Status.DENIED, Status.DENIED])
    assert run(Policy(grants)) == (went, went)


# what a quote says


def expectation(key: bytes, policy: Policy, *guests: str, kernel: Software = GENUINE) -> str:
    block, stub, image = (event.digest.hex() for event in kernel.events)
    text = f"""
[machine]
name = "{parse_public(key).name.hex()}"
[launch]
block = ["{block}"]
stub = ["{stub}"]
kernel = ["{image}"]
accept_development = false
[policy]
digests = ["{policy.digest}"]
"""
    return text + "".join(f'[[guest]]\nname = "{guest}"\nidentity = "{name_of(guest).hex()}"\n' for guest in guests)


def test_a_quote_is_the_callers_and_is_accepted(stage: Stage) -> None:
    world = world_of(stage)
    partition, found = world.answers("vault", attests)
    ((number, said),) = world.quotes
    assert found == [Status.OK] and number == partition.number
    assert (said.nonce, said.identity, said.data) == (NONCE, name_of("vault"), DATA)
    policy = Event(EventKind.POLICY, bytes.fromhex(Policy().digest))
    assert said.quoted.log == encode((*GENUINE.events, policy))
    bundle = Bundle(*said.quoted, said.nonce, said.identity, said.data)
    verdict = judge(bundle, read_expected(expectation(bundle.key, Policy(), "vault").encode()), NONCE)
    assert isinstance(verdict, Accepted) and (verdict.guest, verdict.development) == ("vault", False)
    verdict = judge(bundle, read_expected(expectation(bundle.key, Policy(frozenset()), "vault").encode()), NONCE)
    assert isinstance(verdict, Refused) and verdict.reason is Reason.CHANGED_POLICY


# what fails is told


def test_without_a_launch_nothing_answers_and_the_log_says_so(stage: Stage) -> None:
    def tries(found: list[object]) -> Script:
        yield from seals(found)
        yield from unseals(found)
        yield from attests(found)

    world = world_of(stage, launched=False)
    assert world.answers("vault", tries)[1] == [Status.UNAVAILABLE] * 3
    assert [json.loads(record[65:])["what"] for record in world.failures()] == ["SEAL", "UNSEAL", "ATTEST"]
    assert not world.quotes


def test_a_tpm_that_dies_is_told_and_the_kernel_goes_on(stage: Stage) -> None:
    def tries(found: list[object]) -> Script:
        yield from seals(found)
        stage.machine.silent = True
        yield from seals(found, b"lost")
        yield from attests(found)
        stage.machine.silent = False
        yield from unseals(found)
        yield from attests(found)

    world = world_of(stage)
    patience = world.kernel.roots._attestation._tpm  # type: ignore[union-attr]
    patience._looks = 50
    world.kernel.roots.store._sealing._tpm._looks = 50
    found = world.answers("vault", tries)[1]
    assert found[:3] == [Status.OK, Status.UNAVAILABLE, Status.UNAVAILABLE]
    assert len(world.failures()) >= 2 and all(SECRET.hex() not in record for record in world.audit)
    stage.machine.repair()
    assert world_of(stage).answers("vault", unseals)[1] == [len(SECRET), SECRET], "what was acknowledged is there"


def test_a_measurement_that_the_tpm_has_not_taken_means_no_quotes(stage: Stage) -> None:
    stage.launch()
    stage.machine.gone_at = stage.machine.accesses + 3
    world = RootedWorld(stage)
    assert '"what":"MEASURE"' in world.failures()[0]
    stage.machine.gone_at = 0
    assert world.answers("vault", attests)[1] == [Status.UNAVAILABLE]


# the controls: without a protection it is otherwise


def test_without_its_name_a_thief_reads_and_is_quoted_as_another(stage: Stage) -> None:
    """``sealed_identity``: a guest that says itself who it is."""
    vault = name_of("vault")

    def lies(found: list[object]) -> Script:
        yield from put(OTHER, vault)
        yield from put(BUFFER, NONCE + DATA)
        found.append((yield Vmmcall(Hypercall.ATTEST, BUFFER, edi=OTHER)))
        found.append((yield Vmmcall(Hypercall.UNSEAL, BUFFER, 64, 0, OTHER, OTHER)))

    world_of(stage).answers("vault", seals)
    world = world_of(stage)
    assert world.answers("thief", lies)[1] == [Status.OK, Status.UNAVAILABLE]
    assert world.quotes[0][1].identity == name_of("thief")
    control = world_of(stage, protections=Protections.without("sealed_identity"))
    assert control.answers("thief", lies)[1] == [Status.OK, len(SECRET)]
    assert control.quotes[0][1].identity == vault
