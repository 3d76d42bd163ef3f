"""Asks a run for a quote."""

import socket
from pathlib import Path

from sim.attestation.wire import LONGEST, Question, WireError, answer_of

__all__ = ["ask"]

_PIECE = 4096


def ask(path: Path, question: Question) -> str:
    """The bundle, as ``ringfence verify`` reads it. WireError; it waits as long as the guest takes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as run:
        try:
            run.connect(str(path))
            run.sendall(question.line())
            line = b""
            while b"\n" not in line and len(line) <= LONGEST and (data := run.recv(_PIECE)):
                line += data
        except OSError as error:
            raise WireError(f"{path}: {error.strerror or error}: is there a ringfence run --attest {path}?") from None
    if b"\n" not in line:
        raise WireError(f"{path}: the run has ended")
    return answer_of(line)
