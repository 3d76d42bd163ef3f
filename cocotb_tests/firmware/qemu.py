"""QEMU (``sim.oracles.qemu``) as firmware is tried on it: what it printed on COM1, and the status it left by the exit port."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.oracles import qemu

__all__ = ["Outcome", "run"]

_BARE = ("-nodefaults",)  # no drive but what is asked for


@dataclass(frozen=True)
class Outcome:
    """``status`` is what the program wrote to the exit port; None if QEMU ended in another way."""

    text: str
    status: int | None

    @property
    def lines(self) -> list[str]:
        """COM1's lines."""
        return self.text.splitlines()


def run(kernel: Path | None, command_line: str = "", cpu: str = "qemu32", extra: Sequence[str] = (), until: str | None = None) -> Outcome:
    """Run until the program ends; one that does not end by itself, until it has printed ``until``."""
    if not qemu.available():
        pytest.skip("QEMU is not installed")
    done = qemu.run(kernel, command_line, cpu=cpu, extra=(*_BARE, *extra), until=until)
    assert not done.errors, done.errors
    return Outcome(done.text, done.written)
