"""``ringfence attest``: a quote of a running guest, for a verifier's nonce."""

from pathlib import Path

import click

from sim.attestation.ask import ask
from sim.attestation.wire import Question, WireError
from sim.cli.errors import user_errors
from sim.outputs import OutputError, check_output, write_output
from verifier.command import parse_nonce
from verifier.errors import InputError

__all__ = ["command"]


@click.command("attest")
@click.option("--at", "socket", type=click.Path(path_type=Path), required=True, metavar="SOCKET", help="Of ringfence run --attest.")
@click.option("--guest", type=click.IntRange(min=1), default=1, show_default=True, help="Its number: they count from 1.")
@click.option("--nonce", required=True, metavar="HEX", help="The verifier's, 32 bytes, never used before.")
@click.option("--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Where the quote is written.")
def command(socket: Path, guest: int, nonce: str, output: Path) -> None:
    """Ask a guest of a running machine for a quote, and write what ringfence verify judges."""
    with user_errors(InputError, OutputError, WireError):
        question = Question(guest, parse_nonce(nonce))
        check_output(output)
        write_output(output, ask(socket, question))
