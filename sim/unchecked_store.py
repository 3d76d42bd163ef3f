"""Sealed storage with a check left out: what control runs are made of, a scenario's and the tests'."""

from contextlib import AbstractContextManager

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from contracts.sealed_storage import TAG_SIZE
from isolation_kernel.sealing import Sealing, policy

__all__ = ["AnyRegisters", "AnyTag"]


class AnyRegisters(Sealing):
    """Made for whatever was launched."""

    def _policy(self) -> AbstractContextManager[tuple[int, bytes]]:
        return policy(self._tpm, ())


class AnyTag:
    """AES-256-GCM that does not check its tag."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encrypt(self, nonce: bytes, data: bytes, _: bytes | None) -> bytes:
        """Ciphertext, and a tag that nobody asks for."""
        return self._stream(nonce, data) + bytes(TAG_SIZE)

    def decrypt(self, nonce: bytes, data: bytes, _: bytes | None) -> bytes:
        """Whatever it comes to."""
        return self._stream(nonce, data[:-TAG_SIZE])

    def _stream(self, nonce: bytes, data: bytes) -> bytes:
        return Cipher(AES(self._key), CTR(nonce + (2).to_bytes(4, "big"))).encryptor().update(data)
