"""QEMU as an oracle: runs an image and gives back its console, exit status and, if asked, its memory."""

import mmap
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from contracts.memory_map import Port, RamLayout

__all__ = ["CPU_MODEL", "HANG_SECONDS", "Cue", "QemuResult", "available", "run"]

CPU_MODEL = "qemu32,+svm"
HANG_SECONDS = 3600.0  # only a program that hangs takes so long, on any machine: the longest takes seconds
_PROGRAM = "qemu-system-i386"


@dataclass(frozen=True)
class QemuResult:
    """``status`` is QEMU's exit status: 2 n + 1 for a program that wrote n to the exit port, 0 after a platform reset."""

    text: str
    status: int | None  # None: it did not end by itself
    memory: bytes = b""
    errors: str = ""  # what QEMU itself said

    @property
    def written(self) -> int | None:
        """What the program wrote to the exit port; None if it ended in another way."""
        return self.status >> 1 if self.status is not None and self.status & 1 else None

    def read(self, address: int, length: int) -> bytes:
        """Physical memory as the run left it."""
        return self.memory[address : address + length]


Cue = tuple[str, Callable[[], None]]
"""A text, and what is to be done once it has been printed."""


def available() -> bool:
    """Whether QEMU is installed."""
    return shutil.which(_PROGRAM) is not None


def run(
    image: bytes | Path | None,
    command_line: str = "",
    *,
    memory: bool = False,
    cpu: str = CPU_MODEL,
    extra: tuple[str, ...] = (),
    until: str | None = None,
    cues: Sequence[Cue] = (),
) -> QemuResult:
    """Run a multiboot image (none: whatever ``extra`` has QEMU start) to its end, or until it has printed ``until``; ``cues`` are for who
    plays its user, one after the other, each looked for in what is printed after the one before. RAM is as large as the machine's. A run
    that hangs is ended after HANG_SECONDS; what it printed is kept. RuntimeError if QEMU does not start."""
    size = RamLayout().size
    with tempfile.TemporaryDirectory(prefix="ringfence-qemu-") as scratch:
        ram = Path(scratch) / "ram"
        command = [
            _PROGRAM, "-accel", "tcg", "-icount", "shift=0", "-cpu", cpu, "-m", str(size >> 20), "-display", "none", "-no-reboot",
            "-monitor", "none", "-serial", "stdio", "-device", f"isa-debug-exit,iobase={int(Port.EXIT):#x}", "-net", "none", "-vga", "none",
            *extra,
        ]  # fmt: skip
        if image is not None:
            file = Path(scratch) / "image.elf" if isinstance(image, bytes) else image
            if isinstance(image, bytes):
                file.write_bytes(image)
            command += ["-kernel", str(file), "-append", command_line]
        if memory:
            command += ["-object", f"memory-backend-file,id=ram,size={size},mem-path={ram},share=on", "-machine", "memory-backend=ram"]
        text, status, errors = _play(command, until, cues, Path(scratch) / "errors")
        if status == 1 and not text and _PROGRAM in errors:
            raise RuntimeError(errors.strip())
        contents = b""
        if memory:
            with ram.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as view:
                contents = bytes(view)
        return QemuResult(text, status, contents, errors)


def _play(command: list[str], until: str | None, cues: Sequence[Cue], errors: Path) -> tuple[str, int | None, str]:
    """What it printed, its exit status (None: it was ended from here), and what it said on standard error."""
    with errors.open("wb") as file, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file) as process:
        guard = threading.Timer(HANG_SECONDS, process.kill)
        guard.start()
        try:
            assert isinstance(process.stdout, BufferedReader)
            text, seen, left = "", 0, list(cues)
            while until is None or until not in text:
                if not (more := process.stdout.read1()):
                    break
                text = (text + more.decode("latin-1")).replace("\r\n", "\n")
                while left and (at := text.find(left[0][0], seen)) >= 0:
                    said, act = left.pop(0)
                    seen = at + len(said)
                    act()
            else:
                process.kill()
            status = process.wait()
        finally:
            guard.cancel()
            process.kill()
    return text, None if status < 0 else status, errors.read_text(errors="replace")
