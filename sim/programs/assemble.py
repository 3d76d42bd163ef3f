"""Assembling and linking the programs of ``firmware/tests`` with Debian's gcc, and reading the outcome."""

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from elftools.elf.elffile import ELFFile

from firmware.headers import header_text
from sim.programs.elf import Piece

__all__ = ["BUILD", "CFLAGS", "ROOT", "BuildError", "Linked", "link", "read_elf"]

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "programs"
CFLAGS = (
    "-m32", "-march=i486", "-ffreestanding", "-fcf-protection=none", "-fno-pic", "-fno-pie", "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables", "-mno-sse", "-mno-mmx", "-mno-80387", "-O1", "-Wall", "-Wextra", "-Werror",
)  # fmt: skip
_LINK = ("-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,max-page-size=16", "-Wl,-z,noexecstack", "-Wl,-N")


class BuildError(Exception):
    """The compiler or linker refused; the text is its own."""


@dataclass(frozen=True)
class Linked:
    """A linked program: its file's bytes, what it loads, and where its symbols lie."""

    path: Path
    entry: int
    pieces: tuple[Piece, ...]
    symbols: dict[str, int]


def read_elf(path: Path) -> Linked:
    """Read a 32-bit ELF file."""
    elf = ELFFile(BytesIO(path.read_bytes()))
    pieces = tuple(Piece(s["p_paddr"], s.data(), s["p_memsz"]) for s in elf.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_memsz"])
    table = elf.get_section_by_name(".symtab")
    symbols = {s.name: s["st_value"] for s in table.iter_symbols() if s.name} if table else {}
    return Linked(path, elf["e_entry"], pieces, symbols)


def link(name: str, sources: Sequence[Path], text: int = 0x10_0000, entry: str = "start", extra: Sequence[str] = ()) -> Linked:
    """Compile and link ``sources`` at ``text``; rebuilt only when a source, a header beside it or the flags have changed."""
    digest = hashlib.sha256(repr((CFLAGS, _LINK, text, entry, tuple(extra))).encode())
    digest.update(header_text().encode())
    headers = sorted({h for s in sources for d in (s.parent, s.parent.parent, s.parent.parent / "lib") for h in d.glob("*.h")})
    for source in (*sources, *headers):
        digest.update(source.read_bytes())
    directory = BUILD / f"{name}-{digest.hexdigest()[:12]}"
    target = directory / f"{name}.elf"
    if not target.exists():
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "ringfence.h").write_text(header_text())
        temporary = directory / f"{name}.tmp"
        includes = [f"-I{directory}", *(f"-I{d}" for d in dict.fromkeys(h.parent for h in headers))]
        command = ["gcc", *CFLAGS, *_LINK, *includes, *extra, f"-Wl,-Ttext={text:#x}", f"-Wl,-e,{entry}", "-o", str(temporary)]
        done = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"{name}: {done.stderr.strip()}")
        temporary.rename(target)
    return read_elf(target)
