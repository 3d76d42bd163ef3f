"""Errors that a user can cause: one line on standard error, exit status 2."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

__all__ = ["EXIT_USAGE", "fail", "user_errors"]

EXIT_USAGE = 2


def fail(message: str) -> NoReturn:
    """Say it and end."""
    print(f"ringfence: {message}", file=sys.stderr)
    sys.exit(EXIT_USAGE)


@contextmanager
def user_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Exceptions of these kinds are the user's to put right."""
    try:
        yield
    except kinds as error:
        fail(str(error))
