"""The TPM as a process: what its tools say of it, what its pins do, how it ends."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sim.tpm import swtpm
from sim.tpm.swtpm import Swtpm, TpmError

__all__: list[str] = []

READ_17 = bytes.fromhex("8001000000140000017e00000001000b03000002")
NEVER = b"\xff" * 32


def pcr_17(tpm: Swtpm) -> bytes:
    return tpm.command(READ_17)[-32:]


def test_a_launch_as_the_tools_show_it(tmp_path: Path, rng) -> None:
    block = rng.randbytes(5000)
    with Swtpm(tmp_path / "state") as tpm:
        assert pcr_17(tpm) == NEVER and not tpm.established()
        tpm.hash_start()
        tpm.hash_data(block)
        tpm.hash_end()
        value = hashlib.sha256(bytes(32) + hashlib.sha256(block).digest()).digest()
        assert pcr_17(tpm) == value and tpm.established()
        tpm.release()
        tools = os.environ | {"TPM2TOOLS_TCTI": tpm.tcti}
        shown = subprocess.run(["tpm2_pcrread", "sha256:17"], env=tools, capture_output=True, text=True, check=True).stdout
        assert value.hex().upper() in shown
        refused = subprocess.run(["tpm2_pcrreset", "17"], env=tools, capture_output=True, text=True)
        assert refused.returncode != 0 and pcr_17(tpm) == value


def test_a_reset_forgets_the_launch_but_not_that_there_was_one(tmp_path: Path) -> None:
    with Swtpm(tmp_path / "state") as tpm:
        for _ in range(3):
            tpm.hash_start()
            tpm.hash_end()
            assert pcr_17(tpm) != NEVER
            tpm.reset()
            assert pcr_17(tpm) == NEVER and tpm.established()
        with pytest.raises(TpmError, match="RESET_ESTABLISHED fails"):
            tpm.clear_established(2)
        tpm.clear_established(3)
        assert not tpm.established()


def test_its_end_is_an_error_of_one_line(tmp_path: Path) -> None:
    with Swtpm(tmp_path / "state") as tpm:
        pcr_17(tpm)
        assert tpm.alive
        tpm.kill()
        assert not tpm.alive
        for use in (lambda: pcr_17(tpm), tpm.hash_start, tpm.reset, lambda: tpm.established()):
            with pytest.raises(TpmError) as told:
                use()
            assert "\n" not in str(told.value)


def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TpmError, match="swtpm is not installed .Debian package swtpm."):
        Swtpm(tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_one_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "swtpm"
    program.write_text("#!/bin/sh\necho no entropy today\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _name: str(program))
    with pytest.raises(TpmError, match="no entropy today"):
        swtpm.Swtpm(tmp_path / "state")


def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    with Swtpm(tmp_path / "state") as tpm:
        folder = tpm.path.parent
        assert folder.exists()
    assert not folder.exists() and not tpm.alive
