"""How the set-up scripts install Debian packages, with a dpkg and an apt-get that only say what they are told to."""

import re
import subprocess
from pathlib import Path

import pytest

from sim.paths import ROOT

__all__: list[str] = []

SETUP = ROOT / "sim" / "setup"
LOCKED = {
    "dpkg": "dpkg: error: dpkg frontend lock was locked by another process with pid 77",
    "update": "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 77 (apt-get)",
    "install": "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 77 (apt-get)",
}
STEPS = ["dpkg --configure -a", "apt-get -qq update", "apt-get -qq install -y --no-install-recommends one two"]


class Machine:
    """Programs that log their calls; ``fails(step)`` makes one fail some times. Nobody sleeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        for name in ("dpkg", "apt-get", "sleep"):
            program = folder / name
            program.write_text(
                f"#!/bin/bash\ncd {folder}\n"
                f'echo "{name} $*" >> log\n'
                f"for step in {name} $*; do\n"
                '    if [ -s "$step.left" ]; then\n'
                '        cat "$step.message" >&2; sed -i 1d "$step.left"; exit 100\n'
                "    fi\n"
                "done\n"
            )
            program.chmod(0o755)

    def fails(self, step: str, times: int, message: str) -> None:
        (self.folder / f"{step}.left").write_text("again\n" * times)
        (self.folder / f"{step}.message").write_text(message + "\n")

    def install(self) -> subprocess.CompletedProcess[str]:
        script = f'set -eu; PATH="{self.folder}:$PATH"; . {SETUP}/debian.sh; if ! install_debian one two; then exit 2; fi'
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_each_step_once_when_nothing_is_in_the_way(machine: Machine) -> None:
    done = machine.install()
    assert (done.returncode, done.stderr, machine.calls()) == (0, "", STEPS)


@pytest.mark.parametrize("step", LOCKED)
def test_waits_while_a_lock_is_held(machine: Machine, step: str) -> None:
    machine.fails(step, 3, LOCKED[step])
    done = machine.install()
    assert (done.returncode, done.stderr) == (0, "ringfence: waiting for another installation to finish\n")
    calls = machine.calls()
    assert [call for call in calls if call != "sleep 5"] == [s for s in STEPS for _ in range(4 if step in s.split()[:3] else 1)]
    assert calls.count("sleep 5") == 3


def test_does_not_wait_for_ever(machine: Machine) -> None:
    machine.fails("dpkg", 1000, LOCKED["dpkg"])
    done = machine.install()
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["ringfence: waiting for another installation to finish", LOCKED["dpkg"]]
    assert machine.calls().count("sleep 5") == 600 // 5


@pytest.mark.parametrize("step", LOCKED)
def test_other_errors_end_it_at_once(machine: Machine, step: str) -> None:
    machine.fails(step, 1, "E: Unable to locate package two")
    done = machine.install()
    assert (done.returncode, done.stderr) == (2, "E: Unable to locate package two\n")
    calls = machine.calls()
    assert calls == STEPS[: len(calls)] and step in calls[-1].split()


@pytest.mark.parametrize("script", ["packages.sh", "prepare.sh"])
def test_both_scripts_install_this_way(script: str) -> None:
    lines = (SETUP / script).read_text().splitlines()
    assert any(line.strip().startswith(("install_debian ", "if ! install_debian ")) for line in lines)
    assert not [line for line in lines if line.strip().startswith(("apt-get", "dpkg ")) or "apt-get install" in line]


def test_the_readme_names_the_packages_that_are_installed() -> None:
    first, more = re.findall(r'^ *PACKAGES="(?:\$PACKAGES )?([^"]+)"$', (SETUP / "packages.sh").read_text(), re.MULTILINE)
    named = " ".join((ROOT / "README.md").read_text().split())
    assert f"name what to install: `{first}`; for `make regress` also `{more}`" in named
