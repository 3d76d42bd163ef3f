"""What goes over the socket between ``ringfence attest`` and ``ringfence run --attest``: one line of JSON each way."""

import json
from dataclasses import dataclass

from contracts.attestation import NONCE_SIZE

__all__ = ["LONGEST", "Question", "WireError", "answer_of", "failure", "success"]

LONGEST = 1 << 16  # bytes of a line


class WireError(Exception):
    """A line that says nothing, or that there is no quote; the message is one line."""


@dataclass(frozen=True)
class Question:
    """A quote of which guest (by its number, from 1) for which nonce."""

    guest: int
    nonce: bytes

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps({"guest": self.guest, "nonce": self.nonce.hex()}).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Question":
        """WireError unless it is one."""
        try:
            found = json.loads(line)
            guest, nonce = found["guest"], bytes.fromhex(found["nonce"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise WireError("this is no question for a quote") from None
        if type(guest) is not int or len(nonce) != NONCE_SIZE:
            raise WireError("this is no question for a quote")
        return cls(guest, nonce)


def success(bundle: str) -> bytes:
    """The answer with a verifier's bundle."""
    return json.dumps({"bundle": bundle}).encode() + b"\n"


def failure(why: str) -> bytes:
    """The answer that there is no quote."""
    return json.dumps({"error": why}).encode() + b"\n"


def answer_of(line: bytes) -> str:
    """The bundle. WireError if there is none, and says why."""
    try:
        found = json.loads(line)
        if isinstance(found, dict) and isinstance(found.get("bundle"), str):
            return str(found["bundle"])
        why = found["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise WireError("the run has answered with nonsense") from None
    raise WireError(str(why).splitlines()[0] if str(why) else "no quote")
