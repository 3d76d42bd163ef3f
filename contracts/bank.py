"""What a bank and its customers' machines say to each other, and what such a machine keeps: numbers are 32 bits, little-endian.

All that goes over the network has one form, ``MESSAGE``, and ends in a tag: HMAC-SHA-256 by the customer's key over all that stands before
it. The kind is under the tag, so nothing that one side has said can be played back to it as the other's word.
"""

import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "ACCOUNT", "ACCOUNT_MAGIC", "ACCOUNT_SLOT", "ACCOUNT_VERSION", "KEY_SIZE", "LETTER", "LETTER_MAGIC", "MESSAGE", "MESSAGE_MAGIC",
    "NONCE_SIZE", "PIN_LONGEST", "PIN_SHORTEST", "TAG_SIZE", "TRIES", "Field", "Kind", "Layout", "Reason", "tag", "tagged",
]  # fmt: skip

KEY_SIZE, TAG_SIZE, NONCE_SIZE = 32, 32, 32
PIN_SHORTEST, PIN_LONGEST = 4, 8  # digits
TRIES = 3  # wrong PINs in a row, after which nothing is signed any more
MESSAGE_MAGIC = int.from_bytes(b"RBKM", "little")
LETTER_MAGIC = int.from_bytes(b"RBKL", "little")
ACCOUNT_MAGIC = int.from_bytes(b"RBKA", "little")
ACCOUNT_VERSION = 1
ACCOUNT_SLOT = 0  # of sealed storage
_NUMBER = 4  # bytes

Value = int | bytes


@dataclass(frozen=True)
class Field:
    """``size`` 0: a number; else so many bytes."""

    name: str
    size: int = 0

    @property
    def bytes(self) -> int:
        """How many it takes."""
        return self.size or _NUMBER


@dataclass(frozen=True)
class Layout:
    """Fields one behind the other, without gaps. ``name`` is that of the structure in C."""

    name: str
    fields: tuple[Field, ...]

    @property
    def _struct(self) -> struct.Struct:
        return struct.Struct("<" + "".join(f"{f.size}s" if f.size else "I" for f in self.fields))

    @property
    def size(self) -> int:
        """In bytes."""
        return self._struct.size

    def offset(self, name: str) -> int:
        """Where a field begins."""
        at = 0
        for f in self.fields:
            if f.name == name:
                return at
            at += f.bytes
        raise KeyError(name)

    def pack(self, **values: Value) -> bytes:
        """Fields that are not given are 0; bytes are filled up with zeros. ValueError if a value is too long or there is no such field."""
        if unknown := values.keys() - {f.name for f in self.fields}:
            raise ValueError(f"{self.name} has no {', '.join(sorted(unknown))}")
        for f in self.fields:
            value = values.get(f.name, 0)
            if isinstance(value, bytes) and len(value) > f.size:
                raise ValueError(f"{self.name}: {f.name} has at most {f.size} bytes")
        return self._struct.pack(*(values.get(f.name, b"" if f.size else 0) for f in self.fields))

    def unpack(self, data: bytes) -> Mapping[str, Value]:
        """The fields by name. ValueError unless ``data`` has just the size."""
        if len(data) != self.size:
            raise ValueError(f"{self.name}: {len(data)} bytes, not {self.size}")
        return dict(zip((f.name for f in self.fields), self._struct.unpack(data), strict=True))


class Kind(IntEnum):
    """Of a message, and what its fields mean."""

    ORDER = 1  # bank: shall this be paid? ``number`` is above that of all payments so far, ``nonce`` the bank's
    PAYMENT = 2  # customer: yes; all fields as in the order
    RECEIPT = 3  # bank: it is done; all fields as in the order
    CHALLENGE = 4  # bank: who are you? ``nonce``
    ANSWER = 5  # customer: ``number`` is that of the last payment; a quote with this message's tag as data comes beside it
    LEAVE = 6  # bank: the session is over
    REFUSAL = 7  # customer: ``number`` is a Reason
    TAKEN = 8  # customer: understood (a receipt, or that the session is over); ``number`` as in ANSWER


class Reason(IntEnum):
    """Why the customer's machine does not do what it was asked."""

    NOT_GENUINE = 1  # not of the bank for this customer, or changed on its way
    OLD = 2  # an order with a number that was signed already, or a receipt for something else
    NOT_READABLE = 3  # what cannot be shown cannot be agreed to
    CANCELLED = 4  # by the user
    WRONG_PIN = 5
    LOCKED = 6  # too many wrong PINs
    NOT_KEPT = 7  # the counter could not be stored: nothing is signed


MESSAGE = Layout("bank_message", (
    Field("magic"), Field("kind"), Field("customer"), Field("number"), Field("amount"),  # in cents
    Field("currency", 4), Field("payee", 40),  # printable ASCII, filled up with zeros
    Field("nonce", NONCE_SIZE), Field("tag", TAG_SIZE),
))  # fmt: skip
LETTER = Layout("bank_letter", (
    Field("magic"), Field("customer"), Field("key", KEY_SIZE), Field("pin", PIN_LONGEST),  # digits, filled up with zeros
))  # fmt: skip
"""What the bank gives a new customer by hand, and the owner to the guest at its first start."""
ACCOUNT = Layout("bank_account", (
    Field("magic"), Field("version"), Field("customer"), Field("counter"), Field("tries"),
    Field("key", KEY_SIZE), Field("pin", PIN_LONGEST),
))  # fmt: skip
"""What the guest keeps in sealed storage. ``counter`` is the number of the last payment that was signed."""


def tag(key: bytes, message: bytes) -> bytes:
    """Of a whole message, whatever stands at its end."""
    return hmac.digest(key, message[: MESSAGE.offset("tag")], "sha256")


def tagged(key: bytes, **values: Value) -> bytes:
    """A message."""
    message = MESSAGE.pack(magic=MESSAGE_MAGIC, **values)
    return message[: MESSAGE.offset("tag")] + tag(key, message)
