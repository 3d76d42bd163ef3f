"""TPM 2.0 on the wire (TPM 2.0 library, parts 2 and 3): numbers, structures and frames of the few commands that are used here.

Bytes only, no decisions: which key has which attributes is said by whoever makes it. All numbers are big-endian. Every session is a policy
session without secrets of its own, or the empty password, so no authorization carries an HMAC.
"""

import struct
from collections.abc import Iterable, Mapping
from enum import IntEnum, IntFlag
from typing import NamedTuple

from contracts.tpm import HEADER_SIZE

__all__ = [
    "POLICY_SESSION", "Algorithm", "Answer", "Attributes", "Command", "Curve", "Handle", "NvAttributes", "authorization", "command",
    "ecc_signing_key", "extension", "handle", "new_object", "nv_public", "opened", "pcr_selection", "reason", "result", "sealed_data",
    "sized",
]  # fmt: skip

_HEAD = struct.Struct(">HII")  # tag, size, and the command's or the answer's code
_NO_SESSIONS, _SESSIONS = 0x8001, 0x8002  # tags
_SIZE = struct.Struct(">H")
_HANDLE = struct.Struct(">I")
_CONTINUE = 1  # the session outlives the command
_SELECT_BYTES = 3  # of a selection of 24 PCRs


class Algorithm(IntEnum):
    """TPM_ALG_ID."""

    RSA = 0x0001
    KEYEDHASH = 0x0008
    SHA256 = 0x000B
    NULL = 0x0010
    RSASSA = 0x0014
    ECDSA = 0x0018
    ECC = 0x0023


class Curve(IntEnum):
    """TPM_ECC_CURVE."""

    NIST_P256 = 0x0003


class Attributes(IntFlag):
    """TPMA_OBJECT: how a key or sealed data may be used."""

    FIXED_TPM = 1 << 1  # never leaves this TPM
    FIXED_PARENT = 1 << 4
    SENSITIVE_DATA_ORIGIN = 1 << 5  # made inside the TPM
    USER_WITH_AUTH = 1 << 6  # its password will do in the place of its policy
    ADMIN_WITH_POLICY = 1 << 7
    NO_DA = 1 << 10  # no failed guess counts, so that no loss of power does
    RESTRICTED = 1 << 16  # signs what the TPM itself has made, or a digest of what cannot be taken for that
    DECRYPT = 1 << 17
    SIGN = 1 << 18


class NvAttributes(IntFlag):
    """TPMA_NV: what an index of the TPM's own storage is, and who may use it."""

    POLICY_WRITE = 1 << 3
    COUNTER = 1 << 4  # TPM_NT_COUNTER: goes up by one, and a new one begins above all that there ever were
    AUTH_WRITE = 1 << 2
    AUTH_READ = 1 << 18
    NO_DA = 1 << 25
    WRITTEN = 1 << 29


class Handle(IntEnum):
    """TPM_RH."""

    OWNER = 0x4000_0001
    NULL = 0x4000_0007
    PASSWORD = 0x4000_0009
    ENDORSEMENT = 0x4000_000B


class Command(IntEnum):
    """TPM_CC."""

    EVICT_CONTROL = 0x120
    NV_UNDEFINE_SPACE = 0x122
    NV_DEFINE_SPACE = 0x12A
    CREATE_PRIMARY = 0x131
    NV_INCREMENT = 0x134
    NV_WRITE = 0x137
    PCR_RESET = 0x13D
    NV_READ = 0x14E
    QUOTE = 0x158
    UNSEAL = 0x15E
    FLUSH_CONTEXT = 0x165
    NV_READ_PUBLIC = 0x169
    POLICY_LOCALITY = 0x16F
    START_AUTH_SESSION = 0x176
    GET_RANDOM = 0x17B
    PCR_READ = 0x17E
    POLICY_PCR = 0x17F
    PCR_EXTEND = 0x182
    POLICY_GET_DIGEST = 0x189


class Answer(NamedTuple):
    """What a command has answered."""

    handle: int  # 0 if that command gives none
    first: bytes  # the content of the TPM2B that its parameters begin with, if there are any
    rest: bytes  # what is behind it


_MAKES = (Command.START_AUTH_SESSION, Command.CREATE_PRIMARY)  # whose answers begin with a handle

# TPM_RC without the part that says which handle, parameter or session is meant.
_REASONS: Mapping[int, str] = {
    0x01D: "its policy is not fulfilled: another launch (PCR 17, 18), or not the launched kernel that asks",
    0x00B: "there is no such object in this TPM",
    0x00E: "its password is not the empty one",
    0x022: "its password is not the empty one",
    0x100: "it was not started (TPM2_Startup)",
    0x101: "it has failed",
    0x120: "it is disabled",
    0x128: "the PCRs have changed",
    0x149: "it may not be used in this way",
    0x14A: "it was never written",
    0x14B: "there is no room in it",
    0x14C: "there is one already",
    0x902: "its memory for objects is full",
    0x903: "its memory for sessions is full",
    0x905: "all session handles are taken",
    0x907: "the locality is not one that may",
    0x921: "it is locked out",
    0x922: "it is busy: try again",
}
_FORMAT_ONE, _ERROR = 1 << 7, 0x3F  # an error of a handle, a parameter or a session, and its number


def sized(data: bytes) -> bytes:
    """A TPM2B."""
    return _SIZE.pack(len(data)) + data


def handle(number: int) -> bytes:
    """TPM_HANDLE; an unsigned number of 32 bits likewise."""
    return _HANDLE.pack(number)


def authorization(session: int) -> bytes:
    """TPMS_AUTH_COMMAND of a policy session, or of the empty password (``Handle.PASSWORD``)."""
    return _HANDLE.pack(session) + sized(b"") + bytes((0 if session == Handle.PASSWORD else _CONTINUE,)) + sized(b"")


def command(code: Command, handles: Iterable[int], parameters: bytes, sessions: Iterable[int]) -> bytes:
    """A command, whole."""
    area = b"".join(map(authorization, sessions))
    body = b"".join(map(handle, handles)) + (_HANDLE.pack(len(area)) + area if area else b"") + parameters
    return _HEAD.pack(_SESSIONS if area else _NO_SESSIONS, HEADER_SIZE + len(body), code) + body


def result(answer: bytes) -> int:
    """TPM_RC of an answer that has a header."""
    return int(_HEAD.unpack_from(answer)[2])


def opened(code: Command, answer: bytes) -> Answer:
    """An answer that is no error. struct.error if it is shorter than it says."""
    made, body = 0, answer[HEADER_SIZE:]
    if code in _MAKES:
        made, body = _HANDLE.unpack_from(body)[0], body[_HANDLE.size :]
    if _HEAD.unpack_from(answer)[0] == _SESSIONS:
        (size,) = _HANDLE.unpack_from(body)
        body = body[_HANDLE.size : _HANDLE.size + size]
    if not body:
        return Answer(made, b"", b"")
    (size,) = _SIZE.unpack_from(body)
    body = body[_SIZE.size :]
    if len(body) < size:
        raise struct.error("too short")
    return Answer(made, body[:size], body[size:])


def reason(code: int) -> str:
    """What a TPM_RC other than success means, in a few words."""
    known = _REASONS.get(code & _ERROR if code & _FORMAT_ONE else code, "an error")
    return f"{known} ({code:#05x})"


def pcr_selection(pcrs: Iterable[int]) -> bytes:
    """TPML_PCR_SELECTION of PCRs of the SHA-256 bank."""
    bits = sum(1 << pcr for pcr in pcrs)
    return struct.pack(">IHB", 1, Algorithm.SHA256, _SELECT_BYTES) + bits.to_bytes(_SELECT_BYTES, "little")


def extension(digest: bytes) -> bytes:
    """TPML_DIGEST_VALUES of one SHA-256 digest."""
    return struct.pack(">IH", 1, Algorithm.SHA256) + digest


def new_object(public: bytes, data: bytes = b"") -> bytes:
    """Parameters of TPM2_CreatePrimary: an empty password, ``data`` to be sealed, a TPM2B_PUBLIC, nothing of the outside, no PCRs."""
    return sized(sized(b"") + sized(data)) + public + sized(b"") + handle(0)


def _public(kind: Algorithm, attributes: Attributes, policy: bytes, rest: bytes) -> bytes:
    """TPMT_PUBLIC."""
    return struct.pack(">HHI", kind, Algorithm.SHA256, attributes) + sized(policy) + rest


def sealed_data(attributes: Attributes, policy: bytes) -> bytes:
    """TPM2B_PUBLIC of sealed data."""
    return sized(_public(Algorithm.KEYEDHASH, attributes, policy, struct.pack(">H", Algorithm.NULL) + sized(b"")))


def ecc_signing_key(attributes: Attributes, policy: bytes) -> bytes:
    """TPM2B_PUBLIC, as a template, of a key for ECDSA with SHA-256 on P-256."""
    scheme = struct.pack(">HHHHH", Algorithm.NULL, Algorithm.ECDSA, Algorithm.SHA256, Curve.NIST_P256, Algorithm.NULL)
    return sized(_public(Algorithm.ECC, attributes, policy, scheme + sized(b"") + sized(b"")))


def nv_public(index: int, attributes: NvAttributes, policy: bytes, size: int) -> bytes:
    """TPMS_NV_PUBLIC."""
    return struct.pack(">IHI", index, Algorithm.SHA256, attributes) + sized(policy) + _SIZE.pack(size)


POLICY_SESSION = sized(bytes(16)) + sized(b"") + struct.pack(">BHH", 1, Algorithm.NULL, Algorithm.SHA256)
"""Parameters of TPM2_StartAuthSession: TPM_SE_POLICY, unsalted, by SHA-256. Its nonce is of no use without an HMAC, and is zeros."""
