"""A key outside any TPM that signs whatever it is given: shows that the verifier looks at more than signatures."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from cocotb_tests.verifier.software import GENUINE, NONCE, VAULT, VAULTS_DATA
from contracts.attestation import qualifying_data
from contracts.event_log import encode
from verifier.bundle import Bundle
from verifier.replay import digest_of, replay

__all__ = ["Signer"]


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


class Signer:
    """One key; ``key`` is the TPMT_PUBLIC under which it goes, an ordinary attestation key's if none is given."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | None = None, key: bytes = b"") -> None:
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        point = self.private.public_key().public_numbers()
        public = bytes.fromhex("0023 000b 00050072 0000 0010 0018 000b 0003 0010")
        self.key = key or public + b"".join(_sized(number.to_bytes(32, "big")) for number in (point.x, point.y))
        self.name = bytes.fromhex("000b") + hashlib.sha256(self.key).digest()

    @property
    def named(self) -> str:
        """The line that tells of this key in a file of expectations."""
        return f'name = "{self.name.hex()}"'

    def quote(self) -> bytes:
        """TPMS_ATTEST as a TPM would make it after a genuine launch."""
        return b"".join(
            (
                bytes.fromhex("ff544347 8018"),
                _sized(self.name),
                _sized(qualifying_data(NONCE, VAULT, VAULTS_DATA)),
                bytes.fromhex("0000000000001234 00000005 00000006 01 2019102300163636"),
                bytes.fromhex("00000001 000b 03 00000e"),
                _sized(digest_of(replay(GENUINE.events))),
            )
        )

    def answer(self, quote: bytes) -> Bundle:
        """This quote, signed."""
        r, s = decode_dss_signature(self.private.sign(quote, ec.ECDSA(SHA256())))
        signature = bytes.fromhex("0018 000b") + b"".join(_sized(number.to_bytes(32, "big")) for number in (r, s))
        return Bundle(quote, signature, self.key, encode(GENUINE.events), NONCE, VAULT, VAULTS_DATA)
