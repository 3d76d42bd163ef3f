"""The checks, in order: each looks at one thing and has its own reasons. The first that objects decides."""

from collections.abc import Callable, Sequence

from contracts.attestation import qualifying_data
from contracts.event_log import DEVELOPMENT, Event, EventKind, Pcr
from contracts.tpm2 import Algorithm, Attributes
from verifier.bundle import Bundle
from verifier.evidence import Evidence, take_apart
from verifier.expected import Expected
from verifier.reasons import Accepted, Reason, Refused, Verdict
from verifier.replay import NEVER_LAUNCHED, digest_of, replay

__all__ = ["CHECKS", "Check", "check_claim", "check_development", "check_guest", "check_key_use", "check_log", "check_machine",
           "check_measured", "check_nonce", "check_registers", "check_signature", "judge"]  # fmt: skip

Check = Callable[[Evidence, Expected, bytes], Refused | None]
"""Looks at a quote's evidence with what is expected and with the verifier's nonce."""

_NEEDED = Attributes.FIXED_TPM | Attributes.FIXED_PARENT | Attributes.SENSITIVE_DATA_ORIGIN | Attributes.RESTRICTED | Attributes.SIGN
_SELECTION = ((Algorithm.SHA256, frozenset(Pcr)),)
# What must have been measured into each PCR, in order (the development event aside), and what it means if it was not.
_ORDER = {
    Pcr.LAUNCH: ((EventKind.BLOCK, Reason.CHANGED_LOADER),),
    Pcr.KERNEL: ((EventKind.STUB, Reason.CHANGED_STUB), (EventKind.KERNEL, Reason.CHANGED_KERNEL)),
    Pcr.POLICY: ((EventKind.POLICY, Reason.CHANGED_POLICY),),
}


def check_machine(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """The key is the expected machine's."""
    if expected.is_machine(evidence.public):
        return None
    return Refused(Reason.OTHER_MACHINE, f"its name is {evidence.public.name.hex()}")


def check_key_use(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """The key was made by a TPM, stays in it, and signs no quote that the TPM did not make."""
    if evidence.public.attributes & (_NEEDED | Attributes.DECRYPT) == _NEEDED:
        return None
    return Refused(Reason.UNFIT_KEY, f"its attributes are {evidence.public.attributes.value:#x}")


def check_signature(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """The key has signed the quote."""
    return None if evidence.public.key.has_signed(evidence.bundle.quote, evidence.signature) else Refused(Reason.BAD_SIGNATURE)


def check_nonce(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """The bundle is the answer to this verifier's nonce, by its own word."""
    return None if evidence.bundle.nonce == nonce else Refused(Reason.OTHER_NONCE, f"it is for {evidence.bundle.nonce.hex()}")


def check_claim(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """What the bundle says of nonce, guest and data is what the kernel had quoted."""
    bundle, quoted = evidence.bundle, evidence.quote.qualifying_data
    if quoted == qualifying_data(bundle.nonce, bundle.identity, bundle.data):
        return None
    for identity, name in expected.guests.items():
        if quoted == qualifying_data(bundle.nonce, identity, bundle.data):
            return Refused(Reason.OTHER_CLAIM, f"it is {name} that was quoted")
    return Refused(Reason.OTHER_CLAIM)


def check_registers(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """The quote is of the registers that a launch resets: a value in any other is worth nothing, since software resets some of them."""
    return None if evidence.quote.selections == _SELECTION else Refused(Reason.OTHER_REGISTERS)


def check_log(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """What the log tells is what has happened, from a launch on. (Whether it tells of one is seen in :func:`check_measured`.)"""
    quoted, events = evidence.quote.pcr_digest, evidence.events
    if quoted == digest_of(replay((), NEVER_LAUNCHED)):
        return Refused(Reason.NO_LAUNCH, "nothing was measured since the TPM's reset")
    if quoted == digest_of(replay(events, NEVER_LAUNCHED)):
        return Refused(Reason.NO_LAUNCH, "software has extended what a launch sets")
    return None if quoted == digest_of(replay(events)) else Refused(Reason.EDITED_LOG)


def check_measured(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """Loader, stub, kernel and policy are expected ones, and nothing else was measured but expected policies that followed."""

    def is_one(event: Event, kind: EventKind) -> bool:
        return event.kind is kind and event.digest in expected.digests[kind]

    for pcr, order in _ORDER.items():
        events = [event for event in evidence.events if event.kind.pcr is pcr and event != DEVELOPMENT]
        for place, (kind, reason) in enumerate(order):
            if place >= len(events):
                return Refused(reason, "nothing was measured in its place")
            if not is_one(events[place], kind):
                return Refused(reason, f"its digest is {events[place].digest.hex()}")
        for event in events[len(order) :]:
            if not is_one(event, EventKind.POLICY):
                return Refused(order[-1][1], f"after it {event.digest.hex()} was measured")
    return None


def check_development(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """The kernel was measured, unless one is accepted that was not."""
    return Refused(Reason.DEVELOPMENT_KERNEL) if DEVELOPMENT in evidence.events and not expected.accept_development else None


def check_guest(evidence: Evidence, expected: Expected, nonce: bytes) -> Refused | None:
    """The guest is an expected one."""
    identity = evidence.bundle.identity
    return None if identity in expected.guests else Refused(Reason.UNKNOWN_GUEST, f"its identity is {identity.hex()}")


CHECKS: tuple[Check, ...] = (
    check_machine, check_key_use, check_signature, check_nonce, check_claim, check_registers, check_log, check_measured, check_development,
    check_guest,
)  # fmt: skip


def judge(bundle: Bundle, expected: Expected, nonce: bytes, checks: Sequence[Check] = CHECKS) -> Verdict:
    """Who answers, or why nobody is believed. ``checks`` is for tests: they leave one out, to show that it alone stops an attack."""
    evidence = take_apart(bundle)
    if isinstance(evidence, Refused):
        return evidence
    for check in checks:
        refused = check(evidence, expected, nonce)
        if refused is not None:
            return refused
    name = expected.guests.get(bundle.identity)
    return Accepted(name or "a guest without a name", bundle.identity, bundle.data, DEVELOPMENT in evidence.events)
