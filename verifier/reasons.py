"""The verdicts: which program answers, or the one reason why nobody is believed."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["Accepted", "Reason", "Refused", "Verdict"]


class Reason(Enum):
    """Why a quote is refused."""

    MALFORMED = "the quote, its signature or its key is not what a TPM makes"
    OTHER_MACHINE = "another machine's key: not the attestation key that is expected"
    UNFIT_KEY = "the key is no restricted signing key of a TPM: it would sign a quote that somebody made up"
    BAD_SIGNATURE = "the signature is not by the attestation key over this quote"
    OTHER_NONCE = "made for another nonce: an old quote is replayed"
    OTHER_CLAIM = "what was quoted is not this nonce, identity and data: the guest claims another's identity, or the file was edited"
    OTHER_REGISTERS = "the quote is not of PCR 17, 18 and 19 in SHA-256, which a launch alone sets"
    NO_LAUNCH = "no late launch: PCR 17 was never reset by one; whoever ran before has imitated it"
    EDITED_LOG = "the event log does not replay to the registers that were quoted"
    CHANGED_LOADER = "another secure loader was launched"
    CHANGED_STUB = "another ring -1 stub was started"
    CHANGED_KERNEL = "another isolation kernel was started"
    CHANGED_POLICY = "another policy is in force"
    DEVELOPMENT_KERNEL = "a development kernel, whose digest its host asserts, is not accepted"
    UNKNOWN_GUEST = "the guest is none of those that are expected"


@dataclass(frozen=True)
class Accepted:
    """This program answers."""

    guest: str
    identity: bytes
    data: bytes  # the guest's own
    development: bool  # its kernel's digest was asserted, and that was accepted

    def __str__(self) -> str:
        kernel = ", above a development kernel" if self.development else ""
        return f"accepted: {self.guest} answers{kernel} (identity {self.identity.hex()}, its data {self.data.hex()})"


@dataclass(frozen=True)
class Refused:
    """Nobody is believed."""

    reason: Reason
    detail: str = ""  # what was seen

    def __str__(self) -> str:
        return f"refused: {self.reason.value}" + (f" ({self.detail})" if self.detail else "")


Verdict = Accepted | Refused
