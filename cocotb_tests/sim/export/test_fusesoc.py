"""FuseSoC itself reads the core file of an exported guard: alone, and as a dependency of somebody's design."""

import subprocess
import sys
from pathlib import Path

import pytest

from chipset.export.settings import GuardSettings
from sim.export import bundle
from sim.export.ports import BUSES
from sim.model.toolchain import environment

__all__: list[str] = []

pytestmark = [pytest.mark.regress, pytest.mark.parametrize("bus", BUSES)]

DESIGN = """CAPI=2:
name: somebody:board:design:1.0

filesets:
  parts:
    depend: [ringfence:chipset:{module}]

targets:
  lint:
    flow: lint
    flow_options: {{tool: verilator, verilator_options: [-Wall]}}
    filesets: [parts]
    toplevel: {module}
  sim:
    flow: sim
    flow_options: {{tool: icarus}}
    filesets: [parts]
    toplevel: {module}
"""


@pytest.fixture
def cores(bus: str, tmp_path: Path) -> Path:
    """A folder of an exported guard and of a design that depends on it."""
    guard = tmp_path / "cores" / "guard"
    guard.mkdir(parents=True)
    for name, text in bundle.files(BUSES[bus], GuardSettings(2)).items():
        (guard / name).write_text(text)
    (guard.parent / "design.core").write_text(DESIGN.format(module=BUSES[bus].module))
    return guard.parent


def build(cores: Path, target: str, core: str) -> subprocess.CompletedProcess[str]:
    """FuseSoC builds a target, in a home of its own."""
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(cores), "run", "--build", "--target", target, core]
    home = {"HOME": str(cores.parent), "XDG_CONFIG_HOME": str(cores.parent), "XDG_CACHE_HOME": str(cores.parent)}
    return subprocess.run(command, cwd=cores.parent, env=environment() | home, capture_output=True, text=True, check=False)


def test_its_own_lint(bus: str, cores: Path) -> None:
    done = build(cores, "lint", f"ringfence:chipset:{BUSES[bus].module}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_design_that_depends_on_it(bus: str, cores: Path) -> None:
    for target in ("lint", "sim"):
        done = build(cores, target, "somebody:board:design")
        assert done.returncode == 0, done.stdout + done.stderr
    file = cores / "guard" / f"{BUSES[bus].module}.core"
    kept = file.read_text().replace("[waivers, rtl]", "[rtl]", 1)
    assert kept != file.read_text()
    file.write_text(kept)
    done = build(cores, "lint", "somebody:board:design")
    assert done.returncode != 0
    assert "warning(s)" in done.stdout + done.stderr
