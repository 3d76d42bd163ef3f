"""``python -m verifier``: the verifier alone, for a computer that has no simulator."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import NoReturn

from verifier.command import status_of, verify_files
from verifier.errors import InputError

__all__ = ["main"]

_PROGRAM = "verifier"
_BAD_INPUT = 2


class _Parser(ArgumentParser):
    """Argparse's, which says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(_BAD_INPUT, f"{_PROGRAM}: {message} (see python -m {_PROGRAM} --help)\n")


def main() -> int:
    """Judge, say who answers or why nobody is believed; exit status 0, 1, or 2 for bad files and arguments."""
    parser = _Parser(prog=f"python -m {_PROGRAM}", description="Which program answers, or why nobody is believed.", allow_abbrev=False)
    parser.add_argument("--expect", type=Path, required=True, metavar="FILE", help="what is expected (TOML)")
    parser.add_argument("--nonce", required=True, metavar="HEX", help="what the quote was asked for with")
    parser.add_argument("quote", type=Path, metavar="QUOTE", help="what the machine has answered")
    arguments = parser.parse_args()
    try:
        verdict = verify_files(arguments.expect, arguments.nonce, arguments.quote)
    except InputError as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        return _BAD_INPUT
    print(verdict)
    return status_of(verdict)


if __name__ == "__main__":
    sys.exit(main())
