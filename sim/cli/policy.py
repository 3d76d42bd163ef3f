"""``ringfence policy``: policy files checked, and the names of guests that they need."""

import sys
from pathlib import Path

import click

from sim.cli.errors import EXIT_USAGE, PROGRAM, user_errors
from sim.cli.sizes import MEMORY_SIZE
from sim.machine import DEFAULT_MEMORY
from sim.multiboot import ImageError

__all__ = ["command"]


@click.group("policy")
def command() -> None:
    """What guests may: policy files, and guests' identities."""


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check FILE and say what it allows. What is wrong with it is a line each, and exit status 2."""
    from sim.policy.policy_file import PolicyError, read_policy
    from sim.policy.summary import summary

    try:
        print(summary(read_policy(file)))
    except PolicyError as error:
        for line in str(error).splitlines():
            print(f"{PROGRAM}: {line}", file=sys.stderr)
        sys.exit(EXIT_USAGE)


@command.command("identity")
@click.argument("programs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--memory", type=MEMORY_SIZE, help="As of ringfence run --guest.")
@click.option("--disk", is_flag=True, help="As if there were one.")
@click.option("--append", "command_line", default="", help="As of ringfence run --guest.")
def identity_of(programs: tuple[Path, ...], memory: int | None, disk: bool, command_line: str) -> None:
    """Print the identities that PROGRAMS have as guests of ringfence run --guest, in this order and with these options."""
    from contracts.identity import identity
    from isolation_kernel.frames import KernelError
    from sim.kernel_run import guest_programs

    with user_errors(ImageError, KernelError, ValueError):
        guests = guest_programs(programs, memory or DEFAULT_MEMORY, command_line, whole=memory is not None, disk=disk)
        for guest in guests:
            print(identity(guest.configuration()), guest.name)
