"""Running one tool of the FPGA flow: its output into a log, what it is doing onto the terminal."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from sim.cli.errors import fail

__all__ = ["ToolFailed", "require", "run"]

_PASSES = (
    re.compile(r"^\d+(?:\.\d+)*\. Executing (\S+) pass"),  # yosys
    re.compile(r"^Info: ((?:Packing|Promoting|Running|Routing|Setting|Legalising|Checksum|Program finished|Creating|HeAP|Starting).*)"),
    re.compile(r"^Info: (  at (?:initial placer )?iter(?:ation)? .*)"),
    re.compile(r"^Info: (\s+\d+ \|.*)"),  # nextpnr's routers count
)  # fmt: skip
_WIDTH = 60
_QUIET_INTERVAL = 30.0  # seconds between lines where there is no terminal


class ToolFailed(RuntimeError):
    """A tool ended with an error; the text is one line and names the log."""


def require(*names: str) -> None:
    """Each tool must be there; a missing one is the user's to install."""
    for name in names:
        if _find(name) is None:
            fail(f"{name} not found: `make setup` installs it (see pyproject.toml)")


def _find(name: str) -> str | None:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def _doing(line: str) -> str | None:
    for pattern in _PASSES:
        if found := pattern.match(line):
            return found[1].strip()[:_WIDTH]
    return None


class _Display:
    """One line that changes on a terminal; elsewhere a line now and then. On standard error."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = self._last = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._say(f"{what} …")

    def _say(self, text: str) -> None:
        if self._terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def update(self, doing: str) -> None:
        now = time.monotonic()
        if self._terminal or now - self._last >= _QUIET_INTERVAL:
            self._last = now
            self._say(f"{self._what}: {now - self._start:4.0f} s, {doing}")

    def end(self, how: str) -> None:
        self._say(f"{self._what}: {how} after {time.monotonic() - self._start:.0f} s")
        if self._terminal:
            print(file=sys.stderr)


def run(what: str, command: list[str], folder: Path, log: Path) -> None:
    """Run ``command`` in ``folder``; ToolFailed if it does not succeed. Interrupting ends the tool too."""
    display = _Display(what)
    executable = _find(command[0])
    if executable is None:
        raise ToolFailed(f"{command[0]} not found")
    with log.open("w") as file, subprocess.Popen(
        [executable, *command[1:]], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                if doing := _doing(line):
                    display.update(doing)
        except BaseException:
            process.kill()
            display.end("stopped")
            raise
    if process.returncode:
        display.end("failed")
        raise ToolFailed(f"{what} failed (exit status {process.returncode}); see {log}")
    display.end("done")
