"""What a TPM quotes of a launch is accepted, and understood as a TPM and the tpm2-tools understand it."""

from dataclasses import replace
from pathlib import Path

import pytest

from cocotb_tests.verifier.measured import Measured, ToolFailed
from cocotb_tests.verifier.software import GENUINE, MAIL, NONCE, VAULT, VAULTS_DATA, Software, expectation, hashed
from contracts.attestation import qualifying_data
from contracts.event_log import Pcr
from verifier.judge import judge
from verifier.reasons import Accepted, Reason, Refused
from verifier.replay import replay

__all__: list[str] = []

DEVELOPMENT = replace(GENUINE, development=True)


def by_pem(machine: Measured) -> str:
    return f'key = """{machine.key.pem}"""'


def test_the_program_that_answers_is_named(machine: Measured) -> None:
    machine.launch()
    for expected in (expectation(machine.named), expectation(by_pem(machine))):
        assert judge(machine.answer(), expected, NONCE) == Accepted("vault", VAULT, VAULTS_DATA, development=False)
        assert judge(machine.answer(identity=MAIL), expected, NONCE) == Accepted("mail", MAIL, VAULTS_DATA, development=False)


def test_a_key_in_pem_is_this_machines_alone(machine: Measured, other_machine: Measured) -> None:
    other_machine.launch()
    verdict = judge(other_machine.answer(), expectation(by_pem(machine)), NONCE)
    assert isinstance(verdict, Refused) and verdict.reason is Reason.OTHER_MACHINE
    assert isinstance(judge(other_machine.answer(), expectation(by_pem(other_machine)), NONCE), Accepted)


def test_an_rsa_key(tmp_path: Path) -> None:
    with Measured(tmp_path, "rsa2048:rsassa-sha256:null") as machine:
        machine.launch()
        bundle = machine.answer()
        for expected in (expectation(machine.named), expectation(by_pem(machine))):
            assert isinstance(judge(bundle, expected, NONCE), Accepted)
            flipped = bundle.signature[:-1] + bytes((bundle.signature[-1] ^ 1,))
            assert judge(replace(bundle, signature=flipped), expected, NONCE) == Refused(Reason.BAD_SIGNATURE)
            shorter = bytes.fromhex("0014 000b 00ff") + bundle.signature[7:]
            assert judge(replace(bundle, signature=shorter), expected, NONCE) == Refused(Reason.BAD_SIGNATURE)
            of_another_scheme = bytes.fromhex("0018 000b 0001 01 0001 01")
            assert judge(replace(bundle, signature=of_another_scheme), expected, NONCE) == Refused(Reason.BAD_SIGNATURE)


def test_a_development_kernel_that_is_accepted_is_told(machine: Measured) -> None:
    machine.launch(DEVELOPMENT)
    verdict = judge(machine.answer(DEVELOPMENT), expectation(machine.named, accept_development=True), NONCE)
    assert isinstance(verdict, Accepted) and verdict.development and "above a development kernel" in str(verdict)


def test_policies_that_follow_one_another(machine: Measured) -> None:
    software = replace(GENUINE, policies=(b"by day", b"by night", b"by day"))
    machine.launch(software)
    assert isinstance(judge(machine.answer(software), expectation(machine.named, software), NONCE), Accepted)


@pytest.mark.parametrize("software", [GENUINE, DEVELOPMENT], ids=["genuine", "development"])
def test_replay_gives_what_the_pcrs_hold(software: Software, machine: Measured) -> None:
    machine.launch(software)
    held = machine.tool("pcrread", "sha256:" + ",".join(str(int(pcr)) for pcr in Pcr)).lower()
    values = replay(software.events)
    for pcr in Pcr:
        assert f"{pcr:d}: 0x{values[pcr].hex()}" in held
    assert values[Pcr.LAUNCH] == hashed(bytes(32) + hashed(software.block))


def test_tpm2_checkquote_accepts_the_same_quote(machine: Measured) -> None:
    machine.launch()
    bundle = machine.answer()
    assert isinstance(judge(bundle, expectation(machine.named), NONCE), Accepted)
    (machine.folder / "quote").write_bytes(bundle.quote)
    (machine.folder / "signature").write_bytes(bundle.signature)
    (machine.folder / "pem").write_text(machine.key.pem)
    check = ("checkquote", "-u", "pem", "-m", "quote", "-s", "signature", "-f", "pcrs", "-g", "sha256", "-q")
    machine.tool(*check, qualifying_data(NONCE, VAULT, VAULTS_DATA).hex())
    with pytest.raises(ToolFailed):
        machine.tool(*check, qualifying_data(NONCE, MAIL, VAULTS_DATA).hex())


@pytest.mark.parametrize(
    "registers",
    ["sha256:17,18", "sha256:17,18,19,20", "sha256:0,17,18,19", "sha1:17,18,19", "sha1:17+sha256:17,18,19", "sha256:17,18,19+sha1:17"],
)
def test_other_registers(registers: str, machine: Measured) -> None:
    machine.launch()
    verdict = judge(machine.answer(registers=registers), expectation(machine.named), NONCE)
    assert isinstance(verdict, Refused) and verdict.reason is Reason.OTHER_REGISTERS
    assert isinstance(judge(machine.answer(), expectation(machine.named), NONCE), Accepted)


def test_what_is_said_of_an_identity_that_another_expected_guest_has(machine: Measured) -> None:
    machine.launch()
    said = str(judge(replace(machine.answer(identity=MAIL), identity=VAULT), expectation(machine.named), NONCE))
    assert said.startswith("refused: ") and said.endswith("(it is mail that was quoted)")


def test_reasons_are_one_line_each() -> None:
    for reason in Reason:
        assert reason.value and "\n" not in reason.value
    assert len({reason.value for reason in Reason}) == len(Reason)
