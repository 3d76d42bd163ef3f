"""Attestation keys and what they sign: TPMT_PUBLIC, TPMT_SIGNATURE (TPM 2.0 library, part 2, 12.2 and 11.3), PEM.

RSASSA with SHA-256, and ECDSA with SHA-256 on P-256; no other scheme is taken.
"""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from contracts.event_log import DIGEST_SIZE
from contracts.tpm2 import Algorithm, Attributes, Curve
from verifier.reader import Reader

__all__ = ["EccKey", "Key", "PublicArea", "RsaKey", "Signature", "key_of_pem", "parse_public", "parse_signature"]

_P256_BYTES = 32
_RSA_BITS = (2048, 3072, 4096)
_RSA_MOST_BYTES = max(_RSA_BITS) // 8
_RSA_EXPONENT = 65_537  # what an exponent of 0 means


@dataclass(frozen=True)
class Signature:
    """One signature by ``algorithm``: one number (RSASSA), or r and s (ECDSA), each as it stands in the structure."""

    algorithm: Algorithm
    parts: tuple[bytes, ...]


@dataclass(frozen=True)
class RsaKey:
    """By its numbers."""

    modulus: int
    exponent: int

    def has_signed(self, message: bytes, signature: Signature) -> bool:
        """Whether this is its signature of ``message``."""
        if signature.algorithm is not Algorithm.RSASSA:
            return False
        (value,) = signature.parts
        try:
            key = rsa.RSAPublicNumbers(self.exponent, self.modulus).public_key()
            key.verify(value, message, padding.PKCS1v15(), SHA256())
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):  # ValueError: numbers that are no key
            return False
        return True


@dataclass(frozen=True)
class EccKey:
    """A point on P-256."""

    x: int
    y: int

    def has_signed(self, message: bytes, signature: Signature) -> bool:
        """Whether this is its signature of ``message``."""
        if signature.algorithm is not Algorithm.ECDSA:
            return False
        r, s = (int.from_bytes(part, "big") for part in signature.parts)
        try:
            key = ec.EllipticCurvePublicNumbers(self.x, self.y, ec.SECP256R1()).public_key()
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):  # ValueError: a point beside the curve
            return False
        return True


Key = RsaKey | EccKey


@dataclass(frozen=True)
class PublicArea:
    """What a TPM says of a key. Its name stands for every bit of it."""

    name: bytes
    attributes: Attributes
    key: Key


def key_of_pem(text: str) -> Key:
    """Of a PUBLIC KEY in PEM. ValueError (one line) if it is none, or of a kind that is not taken."""
    try:
        key = load_pem_public_key(text.encode())
    except (UnsupportedAlgorithm, ValueError):
        raise ValueError("no public key in PEM") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
        rsa_numbers = key.public_numbers()
        return RsaKey(rsa_numbers.n, rsa_numbers.e)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        ecc_numbers = key.public_numbers()
        return EccKey(ecc_numbers.x, ecc_numbers.y)
    raise ValueError(f"neither ECC on P-256 nor RSA of {', '.join(map(str, _RSA_BITS))} bits")


def parse_public(data: bytes) -> PublicArea:
    """Malformed unless ``data`` is one whole TPMT_PUBLIC of a key that signs by one of our schemes."""
    with Reader("key", data) as reader:
        kind = reader.one_of(2, (Algorithm.RSA, Algorithm.ECC), "the type")
        reader.one_of(2, (Algorithm.SHA256,), "the hash of its name")
        attributes = Attributes(reader.number(4))
        reader.sized(0, DIGEST_SIZE, "its policy")
        reader.one_of(2, (Algorithm.NULL,), "its symmetric cipher")
        reader.one_of(2, (Algorithm.RSASSA if kind == Algorithm.RSA else Algorithm.ECDSA,), "its scheme")
        reader.one_of(2, (Algorithm.SHA256,), "the hash of its scheme")
        key: Key
        if kind == Algorithm.RSA:
            size = reader.one_of(2, _RSA_BITS, "its size in bits") // 8
            exponent = reader.number(4) or _RSA_EXPONENT
            key = RsaKey(int.from_bytes(reader.sized(size, size, "its modulus"), "big"), exponent)
        else:
            reader.one_of(2, (Curve.NIST_P256,), "its curve")
            reader.one_of(2, (Algorithm.NULL,), "its key derivation")
            x, y = (int.from_bytes(reader.sized(1, _P256_BYTES, "its point"), "big") for _ in range(2))
            key = EccKey(x, y)
    name = int(Algorithm.SHA256).to_bytes(2, "big") + hashlib.sha256(data).digest()
    return PublicArea(name, attributes, key)


def parse_signature(data: bytes) -> Signature:
    """Malformed unless ``data`` is one whole TPMT_SIGNATURE by one of our schemes."""
    with Reader("signature", data) as reader:
        algorithm = Algorithm(reader.one_of(2, (Algorithm.RSASSA, Algorithm.ECDSA), "the scheme"))
        reader.one_of(2, (Algorithm.SHA256,), "the hash")
        if algorithm is Algorithm.RSASSA:
            parts: tuple[bytes, ...] = (reader.sized(1, _RSA_MOST_BYTES, "it"),)
        else:
            parts = tuple(reader.sized(1, _P256_BYTES, name) for name in ("r", "s"))
    return Signature(algorithm, parts)
