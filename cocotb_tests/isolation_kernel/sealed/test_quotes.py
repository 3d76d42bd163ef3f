"""The kernel's quotes, judged by the verifier and by ``tpm2_checkquote``."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cocotb_tests.isolation_kernel.sealed.stage import GENUINE, MAIL, POLICY, VAULT, Software, Stage, hashed
from contracts.attestation import Quoted, qualifying_data
from contracts.event_log import DEVELOPMENT, Event, EventKind
from contracts.tpm2 import Attributes
from isolation_kernel.tpm import TpmError
from sim.cli.main import main
from verifier.bundle import Bundle, write_bundle
from verifier.expected import Expected, read_expected
from verifier.judge import judge
from verifier.keys import EccKey, parse_public
from verifier.reasons import Accepted, Reason, Refused

__all__: list[str] = []

NONCE, DATA = hashed(b"nonce"), hashed(b"the vault's public key")


def bundled(quoted: Quoted, identity: bytes = VAULT, nonce: bytes = NONCE, data: bytes = DATA) -> Bundle:
    return Bundle(*quoted, nonce, identity, data)


def expectation_text(key: bytes, accept_development: bool = False) -> str:
    block, stub, kernel = (event.digest.hex() for event in GENUINE.events)
    return f"""
[machine]
name = "{parse_public(key).name.hex()}"
[launch]
block = ["{block}"]
stub = ["{stub}"]
kernel = ["{kernel}"]
accept_development = {str(accept_development).lower()}
[policy]
digests = ["{POLICY.digest.hex()}"]
[[guest]]
name = "vault"
identity = "{VAULT.hex()}"
"""


def expectation(key: bytes, accept_development: bool = False) -> Expected:
    return read_expected(expectation_text(key, accept_development).encode())


def reason(bundle: Bundle, expected: Expected, nonce: bytes = NONCE) -> Reason | None:
    verdict = judge(bundle, expected, nonce)
    return verdict.reason if isinstance(verdict, Refused) else None


def test_a_guests_quote_is_accepted(stage: Stage) -> None:
    bundle = bundled(stage.attestation().quote(NONCE, VAULT, DATA))
    verdict = judge(bundle, expectation(bundle.key), NONCE)
    assert isinstance(verdict, Accepted) and (verdict.guest, verdict.data, verdict.development) == ("vault", DATA, False)


def test_ringfence_verify_accepts_it(stage: Stage, tmp_path: Path) -> None:
    bundle = bundled(stage.attestation().quote(NONCE, VAULT, DATA))
    (tmp_path / "quote").write_text(write_bundle(bundle))
    (tmp_path / "expected.toml").write_text(expectation_text(bundle.key))
    done = CliRunner().invoke(main, ["verify", "--expect", f"{tmp_path}/expected.toml", "--nonce", NONCE.hex(), f"{tmp_path}/quote"])
    assert done.exit_code == 0 and done.stdout.startswith("accepted: vault answers")


def test_tpm2_checkquote_accepts_it(stage: Stage, tmp_path: Path) -> None:
    quoted = stage.attestation().quote(NONCE, VAULT, DATA)
    key = parse_public(quoted.key).key
    assert isinstance(key, EccKey)
    pem = EllipticCurvePublicNumbers(key.x, key.y, SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, data in (("key", pem), ("quote", quoted.quote), ("signature", quoted.signature)):
        (tmp_path / name).write_bytes(data)

    def check(nonce: bytes) -> int:
        command = ["tpm2_checkquote", "-u", "key", "-m", "quote", "-s", "signature", "-g", "sha256", "-q", nonce.hex()]
        return subprocess.run(command, cwd=tmp_path, capture_output=True).returncode

    assert check(qualifying_data(NONCE, VAULT, DATA)) == 0
    assert check(qualifying_data(NONCE, MAIL, DATA)) != 0


def test_a_development_kernel_says_so(stage: Stage) -> None:
    bundle = bundled(stage.attestation(development=True).quote(NONCE, VAULT, DATA))
    assert reason(bundle, expectation(bundle.key)) is Reason.DEVELOPMENT_KERNEL
    verdict = judge(bundle, expectation(bundle.key, accept_development=True), NONCE)
    assert isinstance(verdict, Accepted) and verdict.development


@pytest.mark.parametrize(
    ("software", "why"),
    [
        (Software(block=b"another loader"), Reason.CHANGED_LOADER),
        (Software(stub=b"another stub"), Reason.CHANGED_STUB),
        (Software(kernel=b"another kernel"), Reason.CHANGED_KERNEL),
    ],
)
def test_another_launch_has_the_same_key_and_another_quote(stage: Stage, software: Software, why: Reason) -> None:
    """So that a verifier learns what runs, and not only that something is wrong. Its log, edited, does not help it."""
    expected = expectation(stage.attestation().quote(NONCE, VAULT, DATA).key)
    stage.launch(software)
    bundle = bundled(stage.attestation(software).quote(NONCE, VAULT, DATA))
    assert reason(bundle, expected) is why
    stage.launch(software)
    assert reason(bundled(stage.attestation(GENUINE).quote(NONCE, VAULT, DATA)), expected) is Reason.EDITED_LOG


def test_who_answers_and_for_what_cannot_be_changed(stage: Stage) -> None:
    attestation = stage.attestation()
    bundle = bundled(attestation.quote(NONCE, MAIL, DATA), MAIL)
    expected = expectation(bundle.key)
    assert reason(bundle, expected) is Reason.UNKNOWN_GUEST
    assert reason(replace(bundle, identity=VAULT), expected) is Reason.OTHER_CLAIM
    genuine = bundled(attestation.quote(NONCE, VAULT, DATA))
    assert reason(genuine, expected) is None
    assert reason(replace(genuine, data=hashed(b"other")), expected) is Reason.OTHER_CLAIM
    assert reason(genuine, expected, hashed(b"another nonce")) is Reason.OTHER_NONCE


def test_another_policy_is_told(stage: Stage) -> None:
    attestation = stage.attestation()
    expected = expectation(attestation.quote(NONCE, VAULT, DATA).key)
    attestation.measure(Event(EventKind.POLICY, hashed(b"another policy")))
    assert reason(bundled(attestation.quote(NONCE, VAULT, DATA)), expected) is Reason.CHANGED_POLICY


def test_the_key_is_this_tpms_and_stays_the_same(stage: Stage, tmp_path: Path, rng: Random) -> None:
    key = stage.attestation().quote(NONCE, VAULT, DATA).key
    stage.launch()
    assert stage.attestation().quote(NONCE, VAULT, DATA).key == key
    with Stage(tmp_path / "other", rng) as other:
        assert other.attestation().quote(NONCE, VAULT, DATA).key != key


def test_the_key_signs_only_what_the_tpm_has_made_and_for_no_password(stage: Stage) -> None:
    attributes = parse_public(stage.attestation().quote(NONCE, VAULT, DATA).key).attributes
    assert attributes & Attributes.RESTRICTED and attributes & Attributes.FIXED_TPM and attributes & Attributes.SENSITIVE_DATA_ORIGIN
    assert not attributes & (Attributes.USER_WITH_AUTH | Attributes.DECRYPT)


def test_without_a_launch_nothing_is_quoted(stage: Stage) -> None:
    attestation = stage.attestation()
    stage.machine.power_cycle()
    with pytest.raises(TpmError, match="no TPM answers in locality 2"):
        attestation.quote(NONCE, VAULT, DATA)


@pytest.mark.parametrize("sizes", [(31, 32, 32), (32, 33, 32), (32, 32, 0)])
def test_parts_of_another_size_are_refused(stage: Stage, sizes: Sequence[int]) -> None:
    with pytest.raises(ValueError, match="bytes where 32 are needed"):
        stage.attestation().quote(*map(bytes, sizes))


def test_a_measurement_that_fails_is_not_in_the_log(stage: Stage) -> None:
    attestation = stage.attestation()
    log = attestation.quote(NONCE, VAULT, DATA).log
    stage.machine.privileged = False
    with pytest.raises(TpmError):
        attestation.measure(DEVELOPMENT)
    stage.machine.privileged = True
    assert attestation.quote(NONCE, VAULT, DATA).log == log
