"""A TPM's frames, held against bytes that were written down by hand from the specification."""

import struct

import pytest

from contracts.tpm2 import (
    Algorithm,
    Answer,
    Attributes,
    Command,
    Handle,
    NvAttributes,
    command,
    ecc_signing_key,
    extension,
    nv_public,
    opened,
    pcr_selection,
    reason,
    result,
    sealed_data,
    sized,
)

__all__: list[str] = []

POLICY = bytes(range(32))


def test_commands() -> None:
    assert command(Command.GET_RANDOM, (), b"\x00\x10", ()) == bytes.fromhex("8001 0000000c 0000017b 0010")
    assert command(Command.PCR_READ, (), pcr_selection((17,)), ()) == bytes.fromhex("8001 00000014 0000017e 00000001 000b 03 000002")
    password = "00000009 40000009 0000 00 0000"
    assert command(Command.PCR_EXTEND, (19,), extension(POLICY), (Handle.PASSWORD,)) == bytes.fromhex(
        f"8002 00000041 00000182 00000013 {password} 00000001 000b {POLICY.hex()}"
    )
    session = "00000009 03000000 0000 01 0000"  # which goes on
    assert command(Command.UNSEAL, (0x8101_5246,), b"", (0x0300_0000,)) == bytes.fromhex(f"8002 0000001b 0000015e 81015246 {session}")


def test_selections() -> None:
    for pcrs, bits in (((), "000000"), ((0,), "010000"), ((17, 18), "000006"), ((17, 18, 19), "00000e"), ((23,), "000080")):
        assert pcr_selection(pcrs) == bytes.fromhex(f"00000001 000b 03 {bits}")


def test_public_areas() -> None:
    sealed = Attributes.FIXED_TPM | Attributes.FIXED_PARENT | Attributes.ADMIN_WITH_POLICY | Attributes.NO_DA
    assert sealed_data(sealed, POLICY) == sized(bytes.fromhex(f"0008 000b 00000492 0020 {POLICY.hex()} 0010 0000"))
    assert ecc_signing_key(Attributes.SIGN, b"") == sized(bytes.fromhex("0023 000b 00040000 0000 0010 0018 000b 0003 0010 0000 0000"))
    counter = NvAttributes.COUNTER | NvAttributes.POLICY_WRITE | NvAttributes.AUTH_READ | NvAttributes.NO_DA | NvAttributes.WRITTEN
    assert nv_public(0x0180_5246, counter, POLICY, 8) == bytes.fromhex(f"01805246 000b 22040018 0020 {POLICY.hex()} 0008")


@pytest.mark.parametrize(
    ("code", "answer", "what"),
    [
        (Command.FLUSH_CONTEXT, "8001 0000000a 00000000", Answer(0, b"", b"")),
        (Command.GET_RANDOM, "8001 0000000e 00000000 0002 abcd", Answer(0, b"\xab\xcd", b"")),
        (Command.QUOTE, "8002 00000018 00000000 00000005 0001 aa bbcc 0000 01 0000", Answer(0, b"\xaa", b"\xbb\xcc")),
        (Command.START_AUTH_SESSION, "8001 00000011 00000000 03000000 0001 aa", Answer(0x0300_0000, b"\xaa", b"")),
        (Command.CREATE_PRIMARY, "8002 0000001a 00000000 80000000 00000003 0001 aa 0000 00 0000", Answer(0x8000_0000, b"\xaa", b"")),
    ],
)
def test_answers(code: Command, answer: str, what: Answer) -> None:
    whole = bytes.fromhex(answer)
    assert result(whole) == 0 and opened(code, whole) == what


def test_an_answer_that_is_cut_off_is_an_error_or_empty() -> None:
    whole = bytes.fromhex("8001 0000000e 00000000 0004 01020304")
    assert opened(Command.GET_RANDOM, whole).first == b"\1\2\3\4"
    for size in range(11, len(whole)):
        with pytest.raises(struct.error):
            opened(Command.GET_RANDOM, whole[:size])
    for size in range(10, 14):
        with pytest.raises(struct.error):
            opened(Command.START_AUTH_SESSION, bytes(size))


def test_reasons() -> None:
    """An error's handle, parameter or session does not hide which it is."""
    for code in (0x09D, 0x19D, 0x99D):
        assert reason(code).startswith("its policy is not fulfilled") and f"({code:#05x})" in reason(code)
    assert reason(0x18B).startswith("there is no such object") and reason(0x9FF) == "an error (0x9ff)"
    assert reason(0x101).startswith("it has failed") and reason(0x100).startswith("it was not started")
    assert reason(0x081) == "an error (0x081)" and reason(0x98E).startswith("its password")


def test_algorithms() -> None:
    assert [int(algorithm) for algorithm in Algorithm] == [1, 8, 0x0B, 0x10, 0x14, 0x18, 0x23]
