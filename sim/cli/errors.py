"""Errors that a user can cause: one line on standard error, exit status 2."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

__all__ = ["EXIT_USAGE", "PROGRAM", "all_user_errors", "fail", "user_errors"]

PROGRAM = "ringfence"
EXIT_USAGE = 2
_LONG = re.compile(r"\S{200,}")  # such a value would hide what is wrong with it
_SHOWN = 40


def fail(message: str) -> NoReturn:
    """Say it and end."""
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    sys.exit(EXIT_USAGE)


@contextmanager
def user_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Exceptions of these kinds are the user's to put right."""
    try:
        yield
    except kinds as error:
        fail(str(error))


def _usage(error: click.ClickException) -> str:
    """What click says, in one line, and where to read more."""
    text = " ".join(error.format_message().split()).rstrip(".")
    text = _LONG.sub(lambda long: f"{long[0][:_SHOWN]}…", text)
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{text} (see {context.command_path if context is not None else PROGRAM} --help)"


def _is_users(error: Exception) -> bool:
    """Whether a person can put it right: a tool that is missing or fails, a file that cannot be written."""
    from firmware.build import FirmwareError
    from sim.model.toolchain import ToolError
    from sim.outputs import OutputError

    return isinstance(error, FirmwareError | ToolError | OutputError)


@contextmanager
def all_user_errors() -> Iterator[None]:
    """For a whole command line: whatever the user can put right is one line, and so is Ctrl-C."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        fail(_usage(error))
    except click.Abort:
        from sim.machine import Ending

        print(f"{PROGRAM}: {Ending.INTERRUPTED.value}", file=sys.stderr)
        sys.exit(Ending.INTERRUPTED.status)
    except Exception as error:
        if not _is_users(error):
            raise
        fail(str(error))
