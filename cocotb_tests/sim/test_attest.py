"""Seal, power off, unseal; a quote over a socket, and what becomes of a changed guest, kernel or claim: on the RTL, with swtpm."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cocotb_tests.sim.test_run import ringfence
from contracts.attestation import qualifying_data
from contracts.policy import Policy
from firmware.build import guest
from sim.attestation.ask import ask
from sim.attestation.wire import Question
from sim.launch.kernel_image import kernel_digest
from sim.launch.start import stub_image
from sim.paths import ROOT
from verifier.bundle import Bundle, read_bundle, write_bundle
from verifier.expected import read_expected
from verifier.judge import judge
from verifier.keys import EccKey, parse_public
from verifier.reasons import Accepted, Reason, Refused

__all__: list[str] = []

NONCE, OTHER_NONCE = bytes(range(32)), bytes(range(1, 33))
FAILED_SEAL = 1 << 1 | 1
ENDED = 1
GENUINE = "from sim.cli.main import main; main()"
OTHER_KERNEL = (
    "import sim.launch.start as start; genuine = start.kernel_digest(); "
    f"start.kernel_digest = lambda: bytes((genuine[0] ^ 1, *genuine[1:])); {GENUINE}"
)


@dataclass(frozen=True)
class Life:
    """One run of a machine: what it printed, its exit status, and the quote that was asked for meanwhile."""

    printed: str
    told: str
    status: int
    bundle: Bundle | None = None


def live(folder: Path, program: Path, *options: object, software: str = GENUINE, quote: bool = True) -> Life:
    """Power on, a late launch, the guest until it ends; TPM and disk are those of before."""
    socket = folder / "socket"
    store = ("--store", folder / "store", *(() if (folder / "store").exists() else ("--new-store",)))
    asked = ("--attest", socket) if quote else ()
    command = ["run", "--guest", program, "--launch", "--tpm", folder / "tpm", "--audit", folder / "audit", *store, *asked, *options]
    pipe, environment = subprocess.PIPE, {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", software, *map(str, command)]
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True, env=environment) as run:
        while quote and not socket.exists() and run.poll() is None:
            time.sleep(0.05)
        bundle = read_bundle(ask(socket, Question(1, NONCE)).encode()) if quote and run.poll() is None else None
        printed, told = run.communicate()
    return Life(printed, told, run.returncode, bundle)


@dataclass(frozen=True)
class Lives:
    """In this order: the machine's power was off between any two."""

    genuine: Life
    changed_guest: Life
    changed_kernel: Life
    thief: Life
    again: Life


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    folder = tmp_path_factory.mktemp("lives")
    program, changed = guest("vault"), folder / "vault.elf"
    image = bytearray(program.read_bytes())
    at = image.index(b"nothing unsealed")  # what it says, and no more
    image[at] ^= 0x20
    changed.write_bytes(image)
    quotes = ("--append", "quotes=1")
    genuine = live(folder, program, *quotes)
    assert genuine.bundle is not None
    return Lives(
        genuine,
        live(folder, changed, *quotes),
        live(folder, program, *quotes, software=OTHER_KERNEL),
        live(folder, program, "--append", f"writer={genuine.bundle.identity.hex()}", quote=False),
        live(folder, program, *quotes),
    )


def expectation(lives: Lives, **other: str) -> str:
    """The genuine machine, but for what is named otherwise."""
    bundle = lives.genuine.bundle
    assert bundle is not None
    digests = {line.split()[3]: line.split()[4] for line in lives.genuine.told.splitlines() if line.startswith("ringfence: PCR")}
    digests |= {"policy": Policy().digest, "identity": bundle.identity.hex()} | other
    return f"""
[machine]
name = "{parse_public(bundle.key).name.hex()}"
[launch]
block = ["{digests["block"]}"]
stub = ["{digests["stub"]}"]
kernel = ["{digests["kernel"]}"]
accept_development = true
[policy]
digests = ["{digests["policy"]}"]
[[guest]]
name = "vault"
identity = "{digests["identity"]}"
"""


def reason(bundle: Bundle | None, text: str, nonce: bytes = NONCE) -> Reason | None:
    assert bundle is not None
    verdict = judge(bundle, read_expected(text.encode()), nonce)
    return verdict.reason if isinstance(verdict, Refused) else None


@pytest.mark.regress
def test_what_is_sealed_is_there_after_a_loss_of_power(lives: Lives) -> None:
    assert lives.genuine.printed.startswith("nothing unsealed: -7\nstart 1, sealed 0\nquoted 0\n")
    assert lives.again.printed == "start 2, sealed 0\nquoted 0\n", "whatever the others have tried in between"
    assert lives.genuine.status == lives.again.status == ENDED


@pytest.mark.regress
def test_the_digests_are_those_of_what_was_launched(lives: Lives) -> None:
    for name, digest in (("stub", hashlib.sha256(stub_image()).digest()), ("kernel", kernel_digest())):
        assert f"{name} {digest.hex()}\n" in lives.genuine.told


@pytest.mark.regress
def test_the_quote_is_accepted(lives: Lives, tmp_path: Path) -> None:
    assert lives.genuine.bundle is not None and lives.again.bundle is not None
    (tmp_path / "quote").write_text(write_bundle(lives.genuine.bundle))
    (tmp_path / "expected.toml").write_text(expectation(lives))
    done = ringfence("verify", "--expect", tmp_path / "expected.toml", "--nonce", NONCE.hex(), tmp_path / "quote")
    assert done.returncode == 0 and done.stdout.startswith("accepted: vault answers")
    verdict = judge(lives.again.bundle, read_expected(expectation(lives).encode()), NONCE)
    assert isinstance(verdict, Accepted) and verdict.data == lives.genuine.bundle.data, "the key outlasts the power too"


@pytest.mark.regress
def test_tpm2_checkquote_accepts_it(lives: Lives, tmp_path: Path) -> None:
    bundle = lives.genuine.bundle
    assert bundle is not None
    key = parse_public(bundle.key).key
    assert isinstance(key, EccKey)
    pem = EllipticCurvePublicNumbers(key.x, key.y, SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, data in (("key", pem), ("quote", bundle.quote), ("signature", bundle.signature)):
        (tmp_path / name).write_bytes(data)

    def check(asked: bytes) -> int:
        command = ["tpm2_checkquote", "-u", "key", "-m", "quote", "-s", "signature", "-g", "sha256", "-q", asked.hex()]
        return subprocess.run(command, cwd=tmp_path, capture_output=True).returncode

    assert check(qualifying_data(NONCE, bundle.identity, bundle.data)) == 0
    assert check(qualifying_data(OTHER_NONCE, bundle.identity, bundle.data)) != 0


@pytest.mark.regress
def test_a_guest_one_bit_away_is_another(lives: Lives) -> None:
    """It unseals nothing, and its quote is its own; a verifier that expects it accepts it."""
    changed = lives.changed_guest
    assert changed.printed.startswith("Nothing unsealed: -7\nstart 1, sealed 0\n") and changed.bundle is not None
    assert reason(changed.bundle, expectation(lives)) is Reason.UNKNOWN_GUEST
    assert reason(changed.bundle, expectation(lives, identity=changed.bundle.identity.hex())) is None


@pytest.mark.regress
def test_a_guest_that_claims_another_ones_name_is_refused(lives: Lives) -> None:
    assert lives.genuine.bundle is not None and lives.changed_guest.bundle is not None
    lie = replace(lives.changed_guest.bundle, identity=lives.genuine.bundle.identity)
    assert reason(lie, expectation(lives)) is Reason.OTHER_CLAIM
    assert (lives.thief.printed, lives.thief.status) == ("stolen -7\n", ENDED)


@pytest.mark.regress
def test_another_kernel_unseals_nothing_and_is_told(lives: Lives) -> None:
    changed = lives.changed_kernel
    assert changed.printed == "nothing unsealed: -7\nstart 1, sealed -7\nquoted 0\n" and changed.status == FAILED_SEAL
    assert reason(changed.bundle, expectation(lives)) is Reason.CHANGED_KERNEL
    digest = next(line.split()[4] for line in changed.told.splitlines() if " kernel " in line)
    assert reason(changed.bundle, expectation(lives, kernel=digest)) is None, "the same machine, and the same key"


@pytest.mark.regress
def test_a_nonce_is_good_once(lives: Lives) -> None:
    assert reason(lives.genuine.bundle, expectation(lives)) is None
    assert reason(lives.genuine.bundle, expectation(lives), OTHER_NONCE) is Reason.OTHER_NONCE
    assert lives.genuine.bundle is not None
    assert reason(replace(lives.genuine.bundle, nonce=OTHER_NONCE), expectation(lives), OTHER_NONCE) is Reason.OTHER_CLAIM


# what the user can put right


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--store", "store"), "--store and --attest need --launch and --tpm"),
        (("--attest", "socket", "--launch"), "--store and --attest need --launch and --tpm"),
        (("--launch", "--tpm", "tpm", "--new-store"), "--new-store: where? (--store FILE)"),
        (("--launch", "--tpm", "tpm", "--store", "store"), "--store: store is not there (--new-store makes one)"),
        (("--launch", "--tpm", "tpm", "--store", "there", "--new-store"), "--new-store: there is there already: remove it"),
        (("--launch", "--tpm", "tpm", "--attest", "no/such/socket"), "no/such/socket: "),
        (("--launch", "--tpm", "tpm", "--attest", "there"), "there: Address already in use"),
    ],
)
def test_bad_options_are_refused_in_one_line(options: Sequence[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = guest("vault").resolve()
    monkeypatch.chdir(tmp_path)
    Path("there").write_text("kept")
    done = ringfence("run", "--guest", program, *options)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"there", "tpm"} and Path("there").read_text() == "kept"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--nonce", "12"), "--nonce: 64 hexadecimal digits are needed"),
        (("--nonce", NONCE.hex()), "nowhere: No such file or directory: is there a ringfence run --attest nowhere?"),
        (("--nonce", NONCE.hex(), "--output", "no/such/file"), "no/such/file: No such file or directory"),
        (("--nonce", NONCE.hex(), "--guest", "0"), "0 is not in the range"),
    ],
)
def test_bad_questions_are_refused_in_one_line(
    options: Sequence[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = ringfence("attest", "--at", "nowhere", "--output", "quote", *options)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
