"""A bundle, taken apart: what its quote says, who signed it, what the log tells."""

from dataclasses import dataclass

from contracts.event_log import Event, EventLogError, decode
from verifier.bundle import Bundle
from verifier.keys import PublicArea, Signature, parse_public, parse_signature
from verifier.quote import Quote, parse_quote
from verifier.reader import Malformed
from verifier.reasons import Reason, Refused

__all__ = ["Evidence", "take_apart"]


@dataclass(frozen=True)
class Evidence:
    """All that the checks look at."""

    bundle: Bundle
    quote: Quote
    signature: Signature
    public: PublicArea
    events: tuple[Event, ...]


def take_apart(bundle: Bundle) -> Evidence | Refused:
    """Refused if a part of it is not what it must be."""
    try:
        quote, signature, public = parse_quote(bundle.quote), parse_signature(bundle.signature), parse_public(bundle.key)
    except Malformed as error:
        return Refused(Reason.MALFORMED, str(error))
    try:
        events = decode(bundle.log)
    except EventLogError as error:
        return Refused(Reason.EDITED_LOG, str(error))
    return Evidence(bundle, quote, signature, public, events)
