"""When a step of the FPGA flow need not be taken again."""

import hashlib
from pathlib import Path

__all__ = ["digest_of", "is_fresh"]


def digest_of(*parts: str | bytes) -> str:
    """A name for what a step is made of."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()


def is_fresh(stamp: Path, key: str) -> bool:
    """Whether the step that left ``stamp`` was made of this."""
    return stamp.exists() and stamp.read_text() == key
