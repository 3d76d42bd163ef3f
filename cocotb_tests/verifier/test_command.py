"""``ringfence verify`` and ``python -m verifier``: one line, and an exit status that tells a script."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cocotb_tests.verifier.signer import Signer
from cocotb_tests.verifier.software import NONCE, VAULT, VAULTS_DATA, expectation_text
from sim.cli.main import main
from sim.paths import ROOT
from verifier.bundle import write_bundle
from verifier.reasons import Reason

__all__: list[str] = []

ACCEPTED = f"accepted: vault answers (identity {VAULT.hex()}, its data {VAULTS_DATA.hex()})\n"
# The verifier's own main, which then says what it has loaded beside it.
ALONE = """
import sys
from verifier.__main__ import main
status = main()
rooms = {"sim", "chipset", "rtl", "cpu_ext", "firmware", "isolation_kernel", "amaranth", "cocotb", "click"} & set(sys.modules)
sys.exit(f"loaded: {rooms}" if rooms else status)
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with expectations, a genuine quote, and one that is for another nonce."""
    signer = Signer()
    answer = signer.answer(signer.quote())
    (tmp_path / "expected.toml").write_text(expectation_text(signer.named))
    (tmp_path / "quote").write_text(write_bundle(answer))
    (tmp_path / "old").write_text(write_bundle(replace(answer, nonce=bytes(32))))
    (tmp_path / "long").write_bytes(b" " * (1 << 17))
    return tmp_path


def ringfence(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["verify", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def alone(*arguments: object) -> tuple[int, str, str]:
    command = [sys.executable, "-c", ALONE, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("verify", [ringfence, alone])
def test_verdicts(verify, files: Path) -> None:
    options = ("--expect", files / "expected.toml", "--nonce", NONCE.hex())
    assert verify(*options, files / "quote") == (0, ACCEPTED, "")
    status, said, wrong = verify(*options, files / "old")
    assert (status, wrong) == (1, "") and said == f"refused: {Reason.OTHER_NONCE.value} (it is for {bytes(32).hex()})\n"


@pytest.mark.parametrize("verify", [ringfence, alone])
@pytest.mark.parametrize(
    ("expect", "nonce", "quote", "said"),
    [
        ("expected.toml", NONCE.hex(), "expected.toml", "expected.toml: no quote: not JSON in ASCII"),
        ("expected.toml", NONCE.hex(), "long", "long: longer than 65536 bytes"),
        ("expected.toml", NONCE.hex(), "nothing", "nothing: No such file or directory"),
        ("expected.toml", NONCE.hex(), ".", ": Is a directory"),
        ("quote", NONCE.hex(), "quote", "quote: no TOML: "),
        ("expected.toml", "0x12", "quote", "--nonce: 64 hexadecimal digits are needed"),
        ("expected.toml", NONCE.hex() + "\n", "quote", "--nonce: 64 hexadecimal digits are needed"),
    ],
)
def test_bad_files_are_one_line(verify, expect: str, nonce: str, quote: str, said: str, files: Path) -> None:
    status, out, wrong = verify("--expect", files / expect, "--nonce", nonce, files / quote)
    assert (status, out) == (2, "") and said in wrong and wrong.count("\n") == 1


@pytest.mark.parametrize("verify", [ringfence, alone])
def test_bad_arguments_are_one_line(verify, files: Path) -> None:
    for arguments in ((), ("--expect", files / "expected.toml", files / "quote"), (files / "quote", "--frob")):
        status, out, wrong = verify(*arguments)
        assert (status, out) == (2, "") and wrong.count("\n") == 1 and "--help" in wrong
