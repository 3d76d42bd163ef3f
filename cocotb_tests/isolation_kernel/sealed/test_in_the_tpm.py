"""What lies in the TPM, as tpm2-tools see it, and by policies that are computed here from the library's specification alone."""

import hashlib
import os
import subprocess
from typing import Any

import pytest
import yaml

from cocotb_tests.isolation_kernel.sealed.stage import GENUINE, VAULT, Software, Stage, hashed
from contracts.event_log import Event, EventKind, Pcr
from contracts.sealed_storage import ANCHOR, COUNT, ROOT_KEY
from contracts.tpm2 import Command, sized
from isolation_kernel.sealing import PASSWORD, Sealing
from isolation_kernel.tpm import Tpm, TpmError
from verifier.replay import replay

__all__: list[str] = []

POLICY_PCR, POLICY_LOCALITY = bytes.fromhex("0000017f"), bytes.fromhex("0000016f")
PCRS_17_18 = bytes.fromhex("00000001 000b 03 000006")
LOCALITY_2 = b"\x04"


def extended(policy: bytes, data: bytes) -> bytes:
    return hashlib.sha256(policy + data).digest()


def policy_of(software: Software) -> bytes:
    """Part 3, 23.7 and 23.8: TPM2_PolicyPCR, then TPM2_PolicyLocality."""
    pcrs = replay(software.events)
    values = hashlib.sha256(pcrs[Pcr.LAUNCH] + pcrs[Pcr.KERNEL]).digest()
    return extended(extended(bytes(32), POLICY_PCR + PCRS_17_18 + values), POLICY_LOCALITY + LOCALITY_2)


def tool(stage: Stage, name: str, *arguments: str) -> Any:
    assert stage.machine.tpm is not None
    stage.machine.tpm.release()
    environment = {**os.environ, "TPM2TOOLS_TCTI": stage.machine.tpm.tcti}
    return subprocess.run([f"tpm2_{name}", *arguments], env=environment, capture_output=True, text=True, check=True).stdout


def test_the_root_key_is_sealed_to_the_launch_and_to_the_locality(stage: Stage) -> None:
    told = yaml.safe_load(tool(stage, "readpublic", "-c", f"{ROOT_KEY:#x}"))
    assert told["type"]["value"] == "keyedhash"
    assert set(told["attributes"]["value"].split("|")) == {"fixedtpm", "fixedparent", "adminwithpolicy", "noda"}  # no password will do
    assert str(told["authorization policy"]) == policy_of(GENUINE).hex()


@pytest.mark.parametrize(
    ("index", "attributes"),
    [(COUNT, {"policywrite", "authread", "no_da", "written", "nt=0x1"}), (ANCHOR, {"policywrite", "authread", "no_da", "written"})],
)
def test_counter_and_anchor_are_written_by_the_policy_alone(stage: Stage, index: int, attributes: set[str]) -> None:
    (told,) = yaml.safe_load(tool(stage, "nvreadpublic", f"{index:#x}")).values()
    assert set(told["attributes"]["friendly"].split("|")) == attributes
    assert str(told["authorization policy"]).lower() == policy_of(GENUINE).hex()


def test_nothing_is_left_in_the_tpms_memory(stage: Stage) -> None:
    """Three objects and three sessions are all that a TPM holds: what is not flushed is missing for ever."""
    stage.kernel.seal(VAULT, 0, b"x", (VAULT,))
    stage.attestation().quote(bytes(32), VAULT, bytes(32))
    for kind in ("handles-transient", "handles-loaded-session"):
        assert tool(stage, "getcap", kind).strip() == ""


def test_after_a_relaunch_without_a_reset_it_opens_too(stage: Stage) -> None:
    root = Sealing(stage.tpm).root_key()
    stage.launch(reset=False)
    assert Sealing(stage.tpm).root_key() == root


@pytest.mark.parametrize(
    "extension",
    [Event(EventKind.KERNEL, hashed(b"one more")), Event(EventKind.BLOCK, hashed(b"one more"))],
    ids=lambda event: event.kind.name,
)
def test_as_soon_as_anything_more_is_measured_it_is_closed(stage: Stage, extension: Event) -> None:
    """So a kernel that starts something else can put the key out of its reach first."""
    stage.extend([extension], locality=3)
    for use in (Sealing(stage.tpm).root_key, Sealing(stage.tpm).increment, lambda: Sealing(stage.tpm).set_anchor(bytes(32))):
        with pytest.raises(TpmError, match="its policy is not fulfilled"):
            use()


def test_what_the_kernel_measures_itself_does_not_close_it(stage: Stage) -> None:
    """PCR 19 holds the machine's policy, which its owner may change."""
    root = Sealing(stage.tpm).root_key()
    stage.attestation()
    assert Sealing(stage.tpm).root_key() == root


def test_the_password_opens_nothing(stage: Stage) -> None:
    for run in (
        lambda tpm: tpm.run(Command.UNSEAL, ROOT_KEY, sessions=PASSWORD),
        lambda tpm: tpm.run(Command.NV_INCREMENT, COUNT, COUNT, sessions=PASSWORD),
        lambda tpm: tpm.run(Command.NV_WRITE, ANCHOR, ANCHOR, parameters=sized(bytes(32)) + bytes(2), sessions=PASSWORD),
    ):
        for locality in (0, 2):
            with pytest.raises(TpmError, match="refuses"):
                run(Tpm(stage.machine.seen_by_kernel, locality))


def test_a_counter_made_anew_begins_above_the_old_one(stage: Stage) -> None:
    """So that even a store that is made anew never counts a second time what was counted before."""
    before, _ = Sealing(stage.tpm).read()
    stage.kernel.create()
    assert Sealing(stage.tpm).read()[0] > before
