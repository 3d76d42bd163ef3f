"""QEMU as a machine on which firmware is tried: what it printed on COM1, and the status it left by the exit port."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Outcome", "run"]

_QEMU = "qemu-system-i386"
_MACHINE = (
    "-accel",
    "tcg",
    "-icount",
    "shift=0",
    "-m",
    "32",
    "-display",
    "none",
    "-no-reboot",
    "-nodefaults",
    "-serial",
    "stdio",
    "-net",
    "none",
)
_EXIT_PORT = ("-device", "isa-debug-exit,iobase=0xf4")


@dataclass(frozen=True)
class Outcome:
    """``status`` is what the program wrote to the exit port; None if QEMU ended in another way."""

    text: str
    status: int | None

    @property
    def lines(self) -> list[str]:
        """COM1's lines."""
        return self.text.splitlines()


def run(
    kernel: Path | None, command_line: str = "", cpu: str = "qemu32", extra: Sequence[str] = (), seconds: float | None = None
) -> Outcome:
    """Run until the program ends; ``seconds`` is for programs that end by halting."""
    if shutil.which(_QEMU) is None:
        pytest.skip(f"{_QEMU} is not installed")
    command = [_QEMU, *_MACHINE, *_EXIT_PORT, "-cpu", cpu, *extra]
    if kernel is not None:
        command += ["-kernel", str(kernel), "-append", command_line]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        out = late.stdout or b""
        return Outcome(out.decode() if isinstance(out, bytes) else out, None)
    assert not done.stderr, done.stderr
    return Outcome(done.stdout, done.returncode >> 1 if done.returncode & 1 else None)
