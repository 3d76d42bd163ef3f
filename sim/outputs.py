"""Files that a command writes: tried before the work begins, and there as a whole or not at all."""

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

__all__ = ["OutputError", "check_apart", "check_output", "write_output"]


class OutputError(Exception):
    """A file that cannot be written; the message is one line."""


def _is_special(path: Path) -> bool:
    """A device or a FIFO: opening one may do something, or wait."""
    return path.exists() and not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()


def _partial(path: Path) -> Path:
    return path.parent / f".{os.getpid()}.partial"


def check_output(path: Path, make_folder: bool = False) -> None:
    """OutputError unless ``write_output`` can write ``path``. Nothing is left where there was nothing (but its folder, if that is to be
    made), and what is there stays as it is."""
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        if _is_special(path):
            if not os.access(path, os.W_OK):
                raise OutputError(f"{path}: cannot be written")
            return
        if path.exists():
            path.open("ab").close()
        partial = _partial(path.resolve())
        partial.open("xb").close()
        partial.unlink()
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from None


def check_apart(path: Path, others: Iterable[Path]) -> None:
    """OutputError if ``path`` is one of the other files, by whatever name: writing it would destroy that."""
    for other in others:
        if path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other)):
            raise OutputError(f"{path}: would overwrite {other}: name another file")


def write_output(path: Path, content: str | bytes) -> None:
    """Write ``path`` (text as UTF-8) as a whole: it is renamed into its place, so that an interruption leaves what was there. A device or
    a FIFO is written to directly. OutputError if it cannot be."""
    octets = content.encode() if isinstance(content, str) else content
    try:
        if _is_special(path):
            path.write_bytes(octets)
            return
        place = path.resolve()  # a link goes on pointing there
        partial = _partial(place)
        try:
            partial.write_bytes(octets)
            if place.exists():
                shutil.copymode(place, partial)
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from None
