"""Files that a command will write: tried before the work begins, not after it."""

import os
import stat
from pathlib import Path

__all__ = ["OutputError", "check_output"]


class OutputError(Exception):
    """A file that cannot be written; the message is one line."""


def check_output(path: Path, make_folder: bool = False) -> None:
    """OutputError unless ``path`` can be opened for writing. Nothing is left where there was nothing, and what is there stays as it is."""
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        existed = path.exists()
        if existed and not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            if not os.access(path, os.W_OK):  # a device or a FIFO: opening one may do something, or wait
                raise OutputError(f"{path}: cannot be written")
            return
        path.open("ab").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from None
