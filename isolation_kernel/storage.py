"""Sealed storage: what guests keep, on a disk that anybody may read and change.

Of two indexes on the disk one is in force, that whose count is the TPM's counter and whose epoch the TPM's anchor names. A change goes to
free sectors and to the other index, is flushed, and then the counter makes it good, in one step: whenever power is lost, either the old or
the new index is in force, and what was acknowledged is in it.

An index whose counter step did not come is authentic, and its count is the next one: whoever kept it could show it after another change
with that count. So each opening of the store begins a new epoch, which puts an end to everything that was left over, and a change that
fails closes the store.
"""

import hmac
import struct
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts import sealed_storage as layout
from contracts.sealed_storage import Disk, Entry, Header, StorageError
from isolation_kernel.sealing import Sealing

__all__ = ["SealedStorage"]

Blobs = Mapping[tuple[bytes, int], Entry]

_ONCE = bytes(layout.NONCE_SIZE)  # the nonce of a key that serves once


def _derived(key: bytes, name: bytes) -> bytes:
    """A key, or an anchor, that follows from another key."""
    return hmac.digest(key, name, "sha256")


class SealedStorage:
    """One store. Every call raises StorageError or TpmError if it does not do what it says; what is stored is then unharmed.

    A store that is not open opens itself with the first call, and does so again after a change that failed.
    """

    def __init__(self, sealing: Sealing, disk: Disk) -> None:
        self._sealing, self._disk = sealing, disk
        self._index_key = self._anchor_key = self._epoch = b""
        self._which = self._count = 0  # the index in force
        self._blobs: Blobs | None = None  # what it holds; None: the store is not open

    def create(self) -> None:
        """An empty store, in TPM and disk, in the place of all that was there."""
        self._blobs = None
        self._sealing.create()
        count, _ = self._unlock()
        self._begin(0, count, {})

    def open(self) -> Blobs:
        """Find the index in force, and begin a new epoch with it."""
        self._blobs = None
        count, anchor = self._unlock()
        whole = [index for index in map(self._load, range(layout.INDEXES)) if index]
        for which, header, blobs in whole:
            if self._in_force(header, count, anchor):
                return self._begin(1 - which, count, blobs)
        if not whole:
            raise StorageError("no index on the disk is whole: the disk was changed or cut off, or is another's")
        newest = max(header.change for _, header, _ in whole)
        raise StorageError(f"this is not the disk that was written last: it holds change {newest}, and the TPM has counted {count}")

    def seal(self, writer: bytes, slot: int, data: bytes, readers: tuple[bytes, ...]) -> None:
        """Keep ``data`` for ``readers`` in the place of what ``writer`` kept in this slot. When it returns they outlast a loss of power."""
        blobs = self._opened()
        if slot not in range(layout.SLOTS) or len(data) > layout.MAX_DATA or not 0 < len(readers) <= layout.MAX_READERS:
            raise StorageError("no such slot, or too many bytes or readers")
        if len(blobs) == layout.MAX_ENTRIES and (writer, slot) not in blobs:
            raise StorageError("sealed storage is full")
        cell = min(set(range(layout.CELLS)) - {entry.cell for entry in blobs.values()})
        entry = Entry(writer, slot, cell, len(data), self._sealing.random(layout.KEY_SIZE), readers)
        self._disk.write(layout.cell_sector(cell), AESGCM(entry.key).encrypt(_ONCE, data.ljust(layout.MAX_DATA, b"\0"), None))
        self._commit({**blobs, (writer, slot): entry})

    def erase(self, writer: bytes, slot: int) -> None:
        """Keep nothing in this slot."""
        self._commit({place: entry for place, entry in self._opened().items() if place != (writer, slot)})

    def unseal(self, reader: bytes, writer: bytes, slot: int) -> bytes:
        """What ``writer`` keeps in this slot, if ``reader`` is among those for whom it does."""
        entry = self._opened().get((writer, slot))
        if entry is None or reader not in entry.readers:
            raise StorageError("there is nothing there that this guest may read")
        cell = self._disk.read(layout.cell_sector(entry.cell), layout.CELL_SECTORS)
        try:
            return AESGCM(entry.key).decrypt(_ONCE, cell, None)[: entry.length]
        except InvalidTag:
            raise StorageError(f"what is kept in slot {slot} was changed on the disk") from None

    def _in_force(self, header: Header, count: int, anchor: bytes) -> bool:
        return header.change == count and hmac.compare_digest(_derived(self._anchor_key, header.epoch), anchor)

    def _opened(self) -> Blobs:
        return self.open() if self._blobs is None else self._blobs

    def _unlock(self) -> tuple[int, bytes]:
        """The TPM's counter and anchor, and the keys that follow from its root key."""
        found, root = self._sealing.read(), self._sealing.root_key()
        self._index_key, self._anchor_key = _derived(root, b"index"), _derived(root, b"anchor")
        return found

    def _begin(self, which: int, count: int, blobs: Blobs) -> Blobs:
        """A new epoch."""
        self._epoch = self._sealing.random(layout.ANCHOR_SIZE)
        self._store(which, count, blobs)
        self._sealing.set_anchor(_derived(self._anchor_key, self._epoch))
        self._which, self._count, self._blobs = which, count, blobs
        return blobs

    def _commit(self, blobs: Blobs) -> None:
        self._blobs = None  # if anything fails, only opening tells which index is in force
        self._store(1 - self._which, self._count + 1, blobs)
        self._sealing.increment()
        self._which, self._count, self._blobs = 1 - self._which, self._count + 1, blobs

    def _store(self, which: int, count: int, blobs: Blobs) -> None:
        """Write an index, so that it and all that was written before outlast a loss of power."""
        nonce, text = self._sealing.random(layout.NONCE_SIZE), layout.encode(blobs.values())
        header = layout.HEADER.pack(layout.NAME, count, self._epoch, nonce, len(text) + layout.TAG_SIZE)
        data = header + AESGCM(self._index_key).encrypt(nonce, text, header)
        self._disk.write(layout.index_sector(which), data + bytes(-len(data) % layout.SECTOR))
        self._disk.flush()

    def _load(self, which: int) -> tuple[int, Header, Blobs] | None:
        """An index, if it is whole."""
        data = self._disk.read(layout.index_sector(which), layout.INDEX_SECTORS)
        try:
            header = Header(*layout.HEADER.unpack_from(data))
            text = data[layout.HEADER.size : layout.HEADER.size + header.size]
            entries = layout.decode(AESGCM(self._index_key).decrypt(header.nonce, text, data[: layout.HEADER.size]))
        except (InvalidTag, struct.error):
            return None
        return which, header, {(entry.writer, entry.slot): entry for entry in entries}
