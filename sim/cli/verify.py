"""``ringfence verify``: who answers on a far machine, or why nobody is believed. ``verifier`` does it, and needs nothing of ``sim``."""

from pathlib import Path

import click

from sim.cli.errors import user_errors
from verifier.command import status_of, verify_files
from verifier.errors import InputError

__all__ = ["command"]


@click.command("verify")
@click.option("--expect", type=click.Path(path_type=Path), required=True, metavar="FILE", help="What is expected (TOML).")
@click.option("--nonce", required=True, metavar="HEX", help="What the quote was asked for with.")
@click.argument("quote", type=click.Path(path_type=Path))
def command(expect: Path, nonce: str, quote: Path) -> int:
    """Judge QUOTE, a file that `ringfence attest` has written: say which program answers (exit status 0), or why nobody is believed (1)."""
    with user_errors(InputError):
        verdict = verify_files(expect, nonce, quote)
    click.echo(verdict)
    return status_of(verdict)
