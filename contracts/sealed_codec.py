"""Sealed storage's indexes and blobs as bytes, encrypted and authenticated (AES-256-GCM): bytes in, bytes out. Which keys, and what of it
is believed, is the kernel's (``isolation_kernel/storage.py``).
"""

import hmac
import struct
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.sealed_storage import HEADER, MAX_DATA, NAME, NONCE_SIZE, SECTOR, TAG_SIZE, Entry, Header, decode, encode

__all__ = ["derived", "open_cell", "open_index", "seal_cell", "seal_index"]

_ONCE = bytes(NONCE_SIZE)  # the nonce of a key that serves once


def derived(key: bytes, name: bytes) -> bytes:
    """A key, or an anchor, that follows from another key."""
    return hmac.digest(key, name, "sha256")


def seal_index(key: bytes, change: int, epoch: bytes, nonce: bytes, entries: Iterable[Entry]) -> bytes:
    """An index, in whole sectors. ``nonce`` must never have served with this key."""
    text = encode(entries)
    header = HEADER.pack(NAME, change, epoch, nonce, len(text) + TAG_SIZE)
    data = header + AESGCM(key).encrypt(nonce, text, header)
    return data + bytes(-len(data) % SECTOR)


def open_index(key: bytes, data: bytes) -> tuple[Header, tuple[Entry, ...]] | None:
    """What an index says, if it is whole."""
    try:
        header = Header(*HEADER.unpack_from(data))
        text = data[HEADER.size : HEADER.size + header.size]
        return header, decode(AESGCM(key).decrypt(header.nonce, text, data[: HEADER.size]))
    except (InvalidTag, struct.error):
        return None


def seal_cell(key: bytes, data: bytes) -> bytes:
    """A cell with a blob, under a key that has never served."""
    return AESGCM(key).encrypt(_ONCE, data.ljust(MAX_DATA, b"\0"), None)


def open_cell(entry: Entry, cell: bytes) -> bytes | None:
    """An entry's blob, if its cell is what was written."""
    try:
        return AESGCM(entry.key).decrypt(_ONCE, cell, None)[: entry.length]
    except InvalidTag:
        return None
