"""The file that ``ringfence attest`` writes and ``ringfence verify`` judges: all that a machine answers a verifier's nonce with.

One JSON object in canonical form: keys sorted, no blanks, a newline at its end; bytes are in base64. So a bundle is written in one way
only, and two tools read the same in it. Nothing in it is believed for its own sake: the quote is what the TPM has signed, and the rest is
held against it.
"""

import base64
import binascii
import json
from dataclasses import dataclass, fields

from contracts.attestation import GUEST_DATA_SIZE, IDENTITY_SIZE, NONCE_SIZE
from verifier.errors import InputError

__all__ = ["Bundle", "read_bundle", "write_bundle"]

_FORMAT = "ringfence-quote"
_VERSION = 1
_SIZES = {"nonce": NONCE_SIZE, "identity": IDENTITY_SIZE, "data": GUEST_DATA_SIZE}


@dataclass(frozen=True)
class Bundle:
    """Its parts."""

    quote: bytes  # TPMS_ATTEST
    signature: bytes  # TPMT_SIGNATURE
    key: bytes  # TPMT_PUBLIC of the attestation key
    log: bytes  # contracts/event_log.py
    nonce: bytes
    identity: bytes  # of the guest
    data: bytes  # the guest's own


_PARTS = tuple(field.name for field in fields(Bundle))


def write_bundle(bundle: Bundle) -> str:
    """The file's text."""
    parts = {name: base64.b64encode(getattr(bundle, name)).decode() for name in _PARTS}
    return json.dumps({"format": _FORMAT, "version": _VERSION, **parts}, sort_keys=True, separators=(",", ":")) + "\n"


def read_bundle(text: bytes) -> Bundle:
    """InputError (which does not name the file) unless ``write_bundle`` can have written it."""
    try:
        found = json.loads(text.decode("ascii"))
    except (RecursionError, ValueError):  # ValueError: no ASCII, no JSON, a number of thousands of digits
        raise InputError("no quote: not JSON in ASCII") from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise InputError(f'no quote: "format" is not "{_FORMAT}"')
    if found.get("version") != _VERSION:
        raise InputError(f'a quote of another version: "version" is not {_VERSION}')
    bundle = Bundle(**{name: _part(name, found.get(name)) for name in _PARTS})
    if write_bundle(bundle).encode() != text:
        raise InputError("no quote: not in canonical form")
    return bundle


def _part(name: str, value: object) -> bytes:
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None:
        raise InputError(f'no quote: "{name}" is not base64')
    if len(data) != _SIZES.get(name, len(data)):
        raise InputError(f'no quote: "{name}" has {len(data)} bytes, not {_SIZES[name]}')
    return data
