"""QEMU as an oracle: runs an image and gives back its console, exit status and, if asked, its memory."""

import mmap
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from contracts.memory_map import Port, RamLayout

__all__ = ["CPU_MODEL", "QemuResult", "available", "run"]

CPU_MODEL = "qemu32,+svm"
_PROGRAM = "qemu-system-i386"


@dataclass(frozen=True)
class QemuResult:
    """``status`` is QEMU's exit status: 2 n + 1 for a program that wrote n to the exit port, 0 after a platform reset."""

    text: str
    status: int | None  # None: it did not end by itself
    memory: bytes = b""

    def read(self, address: int, length: int) -> bytes:
        """Physical memory as the run left it."""
        return self.memory[address : address + length]


def available() -> bool:
    """Whether QEMU is installed."""
    return shutil.which(_PROGRAM) is not None


def run(
    image: bytes | Path, *, timeout: float = 60.0, memory: bool = False, cpu: str = CPU_MODEL, extra: tuple[str, ...] = ()
) -> QemuResult:
    """Run a multiboot image. ``timeout`` in seconds ends a run that hangs; what it printed is kept. RAM is as large as the machine's."""
    size = RamLayout().size
    with tempfile.TemporaryDirectory(prefix="ringfence-qemu-") as scratch:
        file = Path(scratch) / "image.elf" if isinstance(image, bytes) else image
        if isinstance(image, bytes):
            file.write_bytes(image)
        ram = Path(scratch) / "ram"
        command = [
            _PROGRAM, "-accel", "tcg", "-icount", "shift=0", "-cpu", cpu, "-m", str(size >> 20), "-display", "none", "-no-reboot",
            "-monitor", "none", "-serial", "stdio", "-device", f"isa-debug-exit,iobase={int(Port.EXIT):#x}", "-net", "none", "-vga", "none",
            "-kernel", str(file), *extra,
        ]  # fmt: skip
        if memory:
            command += ["-object", f"memory-backend-file,id=ram,size={size},mem-path={ram},share=on", "-machine", "memory-backend=ram"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
            text, status = done.stdout, done.returncode
            if status == 1 and done.stderr and not text and b"qemu-system" in done.stderr:
                raise RuntimeError(done.stderr.decode(errors="replace").strip())
        except subprocess.TimeoutExpired as late:
            text, status = late.stdout or b"", None
        contents = b""
        if memory:
            with ram.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as view:
                contents = bytes(view)
        return QemuResult(text.decode("latin-1").replace("\r\n", "\n"), status, contents)
