"""What is done to make a verifier believe in the wrong machine, software or guest.

Each attack is carried out on real TPMs, and stands under a line that says for which reason it is refused, and by which check alone.

An attack returns the bundle that the verifier for the nonce ``NONCE`` is given.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from cocotb_tests.verifier.measured import SIGNS_ANYTHING, Measured, ToolFailed
from cocotb_tests.verifier.software import GENUINE, MAIL, NONCE, STRANGER, VAULT, VAULTS_DATA, Software, expectation, hashed
from contracts.attestation import qualifying_data
from contracts.event_log import Event, EventKind, Pcr, decode, encode
from verifier.bundle import Bundle
from verifier.expected import Expected
from verifier.judge import (
    Check,
    check_claim,
    check_development,
    check_guest,
    check_key_use,
    check_log,
    check_machine,
    check_measured,
    check_nonce,
    check_registers,
    check_signature,
)
from verifier.reasons import Reason
from verifier.replay import digest_of, replay

__all__ = ["ATTACKS", "Attack", "World"]

_OLD_NONCE = hashed(b"the nonce of a quote that was asked for yesterday")
_LOCALITY_REFUSED = 0x907  # TPM_RC_LOCALITY
_UNFIT_KEY = 0x8101_0002
_SOFTWARES_PCRS = (16, 20, 23)  # software may reset these: 16 and 23 from anywhere, 20 from locality 2


@dataclass
class World:
    """What an attack has to work with."""

    machine: Measured
    other: Measured
    expected: Expected  # an attack may aim at a verifier that expects something else


@dataclass(frozen=True)
class Attack:
    """One of the table."""

    run: Callable[[World], Bundle]
    reason: Reason
    check: Check

    @property
    def name(self) -> str:
        """Its function's."""
        return self.run.__name__


ATTACKS: list[Attack] = []


def _attack(reason: Reason, check: Check) -> Callable[[Callable[[World], Bundle]], Callable[[World], Bundle]]:
    def add(run: Callable[[World], Bundle]) -> Callable[[World], Bundle]:
        ATTACKS.append(Attack(run, reason, check))
        return run

    return add


@_attack(Reason.OTHER_NONCE, check_nonce)
def replayed_quote(world: World) -> Bundle:
    """Yesterday's answer."""
    world.machine.launch()
    return world.machine.answer(nonce=_OLD_NONCE)


@_attack(Reason.OTHER_CLAIM, check_claim)
def replayed_quote_with_the_new_nonce(world: World) -> Bundle:
    """Yesterday's answer, in which the nonce was changed to today's."""
    return replace(replayed_quote(world), nonce=NONCE)


@_attack(Reason.BAD_SIGNATURE, check_signature)
def replayed_quote_changed_throughout(world: World) -> Bundle:
    """The same, and what was quoted was changed too."""
    old = replayed_quote(world)
    quoted = qualifying_data(_OLD_NONCE, VAULT, VAULTS_DATA)
    assert old.quote.count(quoted) == 1
    return replace(old, nonce=NONCE, quote=old.quote.replace(quoted, qualifying_data(NONCE, VAULT, VAULTS_DATA)))


@_attack(Reason.OTHER_MACHINE, check_machine)
def another_machine(world: World) -> Bundle:
    """It runs the same software, perhaps with a probe at its bus."""
    world.other.launch()
    return world.other.answer()


@_attack(Reason.BAD_SIGNATURE, check_signature)
def another_machine_under_the_name_of_ours(world: World) -> Bundle:
    """The same, with our machine's key in the file."""
    return replace(another_machine(world), key=world.machine.key.public)


@_attack(Reason.UNFIT_KEY, check_key_use)
def made_up_quote(world: World) -> Bundle:
    """Software turns a quote of another kernel into one of the genuine kernel, and has it signed by a key that signs anything: the one that
    the verifier expects here. A restricted key signs no such thing."""
    machine = world.machine
    honest = another_kernel(world)
    genuine = digest_of(replay(GENUINE.events))
    made_up = honest.quote.removesuffix(digest_of(replay(decode(honest.log)))) + genuine
    assert len(made_up) == len(honest.quote)
    with pytest.raises(ToolFailed):
        machine.signed(made_up, machine.key)
    unfit = machine.new_key(_UNFIT_KEY, "ecc256:ecdsa-sha256:null", SIGNS_ANYTHING)
    signature = machine.signed(made_up, unfit)
    machine.tool("evictcontrol", "-C", "o", "-c", f"{_UNFIT_KEY:#x}")
    world.expected = expectation(f'name = "{unfit.name.hex()}"')
    return replace(honest, quote=made_up, signature=signature, key=unfit.public, log=encode(GENUINE.events))


@_attack(Reason.CHANGED_LOADER, check_measured)
def another_loader(world: World) -> Bundle:
    """One bit of the block is another."""
    return _launched(world, replace(GENUINE, block=bytes((GENUINE.block[0] ^ 1,)) + GENUINE.block[1:]))


@_attack(Reason.CHANGED_LOADER, check_measured)
def a_part_of_the_loader(world: World) -> Bundle:
    """The block's last byte was not measured."""
    return _launched(world, replace(GENUINE, block=GENUINE.block[:-1]))


@_attack(Reason.CHANGED_STUB, check_measured)
def another_stub(world: World) -> Bundle:
    """In ring −1."""
    return _launched(world, replace(GENUINE, stub=b"another stub"))


@_attack(Reason.CHANGED_KERNEL, check_measured)
def another_kernel(world: World) -> Bundle:
    """One without protections, say."""
    return _launched(world, replace(GENUINE, kernel=b"another kernel"))


@_attack(Reason.CHANGED_POLICY, check_measured)
def another_policy(world: World) -> Bundle:
    """One that allows too much."""
    return _launched(world, replace(GENUINE, policies=(b"another policy",)))


@_attack(Reason.CHANGED_POLICY, check_measured)
def another_policy_later(world: World) -> Bundle:
    """In place of the expected one, for a while."""
    return _launched(world, replace(GENUINE, policies=(b"policy", b"another policy", b"policy")))


@_attack(Reason.CHANGED_STUB, check_measured)
def stub_and_kernel_in_each_others_place(world: World) -> Bundle:
    """The kernel's image runs as the stub."""
    return _launched(world, replace(GENUINE, stub=GENUINE.kernel, kernel=GENUINE.stub))


@_attack(Reason.CHANGED_KERNEL, check_measured)
def a_second_kernel(world: World) -> Bundle:
    """The genuine one was measured and then replaced; the loader told the TPM so."""
    return _launched(world, replace(GENUINE, also=(Event(EventKind.KERNEL, hashed(b"another kernel")),)))


@_attack(Reason.CHANGED_KERNEL, check_measured)
def the_genuine_kernel_twice(world: World) -> Bundle:
    """What was measured twice may have been started with the first one's memory."""
    return _launched(world, replace(GENUINE, also=(Event(EventKind.KERNEL, hashed(GENUINE.kernel)),)))


@_attack(Reason.CHANGED_KERNEL, check_measured)
def no_kernel(world: World) -> Bundle:
    """The loader has started something without measuring it."""
    return _launched(world, replace(GENUINE, unmeasured=EventKind.KERNEL))


@_attack(Reason.CHANGED_POLICY, check_measured)
def no_policy(world: World) -> Bundle:
    """The kernel has not loaded one."""
    return _launched(world, replace(GENUINE, unmeasured=EventKind.POLICY))


@_attack(Reason.DEVELOPMENT_KERNEL, check_development)
def development_kernel(world: World) -> Bundle:
    """Its digest is what its host says."""
    return _launched(world, replace(GENUINE, development=True))


@_attack(Reason.EDITED_LOG, check_log)
def edited_log_of_a_loader(world: World) -> Bundle:
    """Another loader was launched; the log tells of the genuine one."""
    return replace(another_loader(world), log=encode(GENUINE.events))


@_attack(Reason.EDITED_LOG, check_log)
def edited_log_of_a_stub(world: World) -> Bundle:
    """The same for the stub."""
    return replace(another_stub(world), log=encode(GENUINE.events))


@_attack(Reason.EDITED_LOG, check_log)
def edited_log_of_a_kernel(world: World) -> Bundle:
    """The same for the kernel."""
    return replace(another_kernel(world), log=encode(GENUINE.events))


@_attack(Reason.EDITED_LOG, check_log)
def edited_log_of_a_policy(world: World) -> Bundle:
    """The same for the policy."""
    return replace(another_policy(world), log=encode(GENUINE.events))


@_attack(Reason.EDITED_LOG, check_log)
def log_without_the_development_event(world: World) -> Bundle:
    """So that the kernel seems to have been measured."""
    return replace(development_kernel(world), log=encode(GENUINE.events))


@_attack(Reason.EDITED_LOG, check_log)
def log_without_the_second_kernel(world: World) -> Bundle:
    """So that the first seems to run."""
    return replace(a_second_kernel(world), log=encode(GENUINE.events))


@_attack(Reason.UNKNOWN_GUEST, check_guest)
def stranger(world: World) -> Bundle:
    """A guest that says who it is, and is not expected."""
    world.machine.launch()
    return world.machine.answer(identity=STRANGER)


@_attack(Reason.OTHER_CLAIM, check_claim)
def stranger_as_the_vault(world: World) -> Bundle:
    """The kernel had the stranger's identity quoted; the file says another's."""
    return replace(stranger(world), identity=VAULT)


@_attack(Reason.OTHER_CLAIM, check_claim)
def mail_as_the_vault(world: World) -> Bundle:
    """Both are expected; one claims to be the other."""
    world.machine.launch()
    return replace(world.machine.answer(identity=MAIL), identity=VAULT)


@_attack(Reason.OTHER_CLAIM, check_claim)
def anothers_data(world: World) -> Bundle:
    """The vault's quote with a key of the attacker's in place of the vault's."""
    world.machine.launch()
    return replace(world.machine.answer(), data=hashed(b"the attacker's public key"))


@_attack(Reason.NO_LAUNCH, check_log)
def hypervisor_without_a_launch(world: World) -> Bundle:
    """It ran before and imitates SKINIT: nothing of that reaches locality 4, and from locality 0 the TPM extends none of these PCRs."""
    machine = world.machine
    machine.tpm.reset()
    for event in GENUINE.events:
        assert machine.extend(event.kind.pcr, event.digest, locality=0) == _LOCALITY_REFUSED
    assert machine.reset_pcr(Pcr.LAUNCH, locality=0) == _LOCALITY_REFUSED
    return machine.answer()


@_attack(Reason.NO_LAUNCH, check_log)
def hypervisor_in_higher_localities(world: World) -> Bundle:
    """It even reaches localities 2 and 3 and extends what a launch would: from all ones, since it cannot reset them."""
    machine = world.machine
    machine.tpm.reset()
    assert all(machine.reset_pcr(Pcr.LAUNCH, locality) == _LOCALITY_REFUSED for locality in range(4))
    for event in GENUINE.events:
        machine.measure(event)
    return machine.answer()


@_attack(Reason.OTHER_REGISTERS, check_registers)
def hypervisor_in_registers_that_it_can_reset(world: World) -> Bundle:
    """It leaves in other PCRs the very values of a launch, and has those quoted: the digest in the quote is the genuine one."""
    machine = world.machine
    machine.tpm.reset()
    places = dict(zip(Pcr, _SOFTWARES_PCRS, strict=True))
    for pcr in places.values():
        assert machine.reset_pcr(pcr, locality=2) == 0
    for event in GENUINE.events:
        assert machine.extend(places[event.kind.pcr], event.digest, locality=2) == 0
    return machine.answer(registers="sha256:" + ",".join(map(str, _SOFTWARES_PCRS)))


@_attack(Reason.EDITED_LOG, check_log)
def hypervisor_launches_a_loader_of_its_own(world: World) -> Bundle:
    """By a real SKINIT; then it extends PCR 17 with the genuine block as well, and all else as it should be."""
    machine = world.machine
    machine.launch(replace(GENUINE, block=b"a loader of its own"))
    assert machine.extend(Pcr.LAUNCH, hashed(GENUINE.block), locality=3) == 0
    return machine.answer()


def _launched(world: World, software: Software) -> Bundle:
    world.machine.launch(software)
    return world.machine.answer(software)
