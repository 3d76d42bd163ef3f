"""Whatever the user of ``ringfence`` can put right is one line on standard error that says what and how, and exit code 2."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cocotb_tests.sim.test_run import HELLO, write
from sim.cli.main import main
from sim.paths import ROOT

__all__: list[str] = []

DIGITS = "9" * 6000


def refused(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """The one line, without the program's name."""
    done = CliRunner().invoke(main, arguments, env=environment)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("ringfence: ") and done.stderr.endswith("\n") and done.stderr.count("\n") == 1
    return done.stderr.removeprefix("ringfence: ").rstrip("\n")


@pytest.mark.parametrize(
    ("line", "cause", "cure"),
    [
        ("run x --memory 3M", "'--memory': 3M", "a power of two between 2M and 1024M is needed"),
        ("run x --memory lots", "'--memory': 'lots' is no size", "write 32M or 8192K"),
        (f"run x --memory {DIGITS}M", "'--memory': 9999", "a power of two between 2M and 1024M is needed"),
        (f"run x --memory {'0' * 6000}", "'--memory': 0000", "a power of two between 2M and 1024M is needed"),
        ("run x --max-cycles 0", "'--max-cycles': 0", "is not in the range x>=1"),
        (f"run x --max-cycles {DIGITS}", "'--max-cycles': '9999", "is not a valid integer"),
        ("run x y", "unexpected extra argument (y)", "see ringfence run --help"),
        ("run x --frob", "No such option '--frob'", "see ringfence run --help"),
        ("run x --report", "'--report' requires an argument", "see ringfence --help"),
        ("run", "which FILE?", "see ringfence run --help"),
        ("frob", "No such command 'frob'", "see ringfence --help"),
        ("--frob", "No such option '--frob'", "see ringfence --help"),
        ("sim --jobs 0", "'--jobs': 0", "is not in the range 1<=x<=64"),
        ("sim --attack nothing", "no attack called nothing", "dma_read_guest2"),
        ("sim --waves maybe", "'--waves'", "is not one of 'windows', 'full'"),
        ("bench --runs 1", "'--runs': 1", "is not in the range x>=50"),
        ("bench --output /etc", "'--output': File '/etc' is a directory", "see ringfence bench --help"),
        ("measure --seeds 0", "'--seeds': 0", "is not in the range x>=1"),
        ("measure --requesters 4,17", "'--requesters': 17", "is not in the range 1<=x<=16"),
        ("bitstream --board tabletop", "unknown board 'tabletop'", "there is icebreaker, ulx3s_85f"),
        ("sim --scenario nowhere", "'nowhere' is not one of 'sanctuary', 'bank'", "see ringfence sim --help"),
        ("sim --scenario bank --attack none", "there is no attack called none", "there are loader_is_exchanged"),
        ("export frob", "No such command 'frob'", "see ringfence export --help"),
        ("export dma-guard --bus axi4", "Missing option '--requesters'", "see ringfence export dma-guard --help"),
    ],
)
def test_what_is_wrong_with_the_command_line(line: str, cause: str, cure: str) -> None:
    said = refused(*line.split())
    assert cause in said and cure in said and len(said) < 2000


def test_a_variable_that_is_wrong_is_named() -> None:
    said = refused("sim", environment={"WAVES": "maybe"})
    assert "WAVES" in said and "'maybe' is not one of 'windows', 'full'" in said


def test_help_is_no_error() -> None:
    done = CliRunner().invoke(main, ["run", "--help"])
    assert (done.exit_code, done.stderr) == (0, "") and "--max-cycles" in done.stdout
    assert CliRunner().invoke(main, ["--version"]).exit_code == 0


def test_a_fault_of_ours_is_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its traceback."""
    monkeypatch.setattr("sim.cli.run._run_native", lambda *_: dict[str, int]()["nothing"])
    assert isinstance(CliRunner().invoke(main, ["run", "x"]).exception, KeyError)


def ended(path: str, *arguments: object) -> str:
    """The one line of a process that has this PATH."""
    command = [sys.executable, "-m", "sim.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "PATH": path})
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def program(folder: Path, name: str, script: str = "") -> None:
    """One of that name in ``folder``: what the machine has, or a shell script."""
    if not script:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
        return
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("command", ["run", "sim", "bench"])
def test_a_missing_compiler_is_named_with_its_package(command: str, tmp_path: Path) -> None:
    lines: dict[str, list[object]] = {"run": [write(tmp_path, HELLO)], "sim": [], "bench": ["--output", tmp_path / "bench.json"]}
    arguments = lines[command]
    assert "not found" in (said := ended("", command, *arguments)) and "(Debian package g" in said
    assert not (tmp_path / "bench.json").exists()


def test_each_missing_tool_is_named(tmp_path: Path) -> None:
    image, tools = write(tmp_path, HELLO), tmp_path / "tools"
    tools.mkdir()
    for name, package in (("g++", "g++"), ("make", "make"), ("nice", "coreutils")):
        assert f"{name} not found: models of circuits are built with it (Debian package {package})" in ended(str(tools), "run", image)
        program(tools, name)
    assert "gcc not found: the firmware needs it (Debian package gcc-multilib)" in ended(str(tools), "bench", "--output", tmp_path / "b")


def test_a_failing_compiler_is_one_line(tmp_path: Path) -> None:
    for name in ("make", "nice"):
        program(tmp_path, name)
    for name in ("g++", "gcc"):
        program(tmp_path, name, "echo broken >&2; exit 3")
    assert "g++ fails with status 3: install it anew (Debian package g++)" in ended(str(tmp_path), "run", write(tmp_path, HELLO))
    assert "gcc --version fails with status 3" in ended(str(tmp_path), "bench", "--output", tmp_path / "bench.json")
