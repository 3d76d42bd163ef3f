"""The verifier for a command line: files in, one line and an exit status out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from contracts.attestation import NONCE_SIZE
from verifier.bundle import read_bundle
from verifier.errors import InputError
from verifier.expected import read_expected
from verifier.judge import judge
from verifier.reasons import Accepted, Verdict

__all__ = ["parse_nonce", "status_of", "verify_files"]

_ACCEPTED = 0
_REFUSED = 1
_MOST_BYTES = 1 << 16  # of a file: it may be a device that never ends
_NONCE = re.compile(rf"[0-9a-fA-F]{{{2 * NONCE_SIZE}}}\Z")
_Content = TypeVar("_Content")


def verify_files(expect: Path, nonce: str, quote: Path) -> Verdict:
    """Judge the bundle in ``quote`` by the expectations in ``expect``. InputError if one of the three cannot be read."""
    return judge(_read(quote, read_bundle), _read(expect, read_expected), parse_nonce(nonce))


def status_of(verdict: Verdict) -> int:
    """The exit status that tells a script."""
    return _ACCEPTED if isinstance(verdict, Accepted) else _REFUSED


def parse_nonce(text: str) -> bytes:
    """Of an argument."""
    if not _NONCE.match(text):
        raise InputError(f"--nonce: {2 * NONCE_SIZE} hexadecimal digits are needed (openssl rand -hex {NONCE_SIZE} draws some)")
    return bytes.fromhex(text)


def _read(path: Path, reader: Callable[[bytes], _Content]) -> _Content:
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise InputError(f"longer than {_MOST_BYTES} bytes")
        return reader(text)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
