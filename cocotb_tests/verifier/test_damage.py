"""Whatever is done to a bundle's bytes, it is refused, or it is no bundle: nothing is accepted, and nothing else is raised."""

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from cocotb_tests.verifier.measured import Measured
from cocotb_tests.verifier.signer import Signer
from cocotb_tests.verifier.software import GENUINE, NONCE, expectation
from contracts.event_log import encode
from verifier.bundle import Bundle, read_bundle, write_bundle
from verifier.errors import InputError
from verifier.expected import Expected
from verifier.judge import judge
from verifier.reasons import Accepted, Reason, Refused
from verifier.replay import digest_of, replay

__all__: list[str] = []

PARTS = tuple(field.name for field in fields(Bundle))
VARIABLE = ("quote", "signature", "key", "log")  # parts whose size is in them
RANDOM_EDITS = 2000


@pytest.fixture
def genuine(machine: Measured) -> tuple[Bundle, Expected]:
    machine.launch()
    bundle, expected = machine.answer(), expectation(machine.named)
    assert isinstance(judge(bundle, expected, NONCE), Accepted)
    return bundle, expected


def flips(data: bytes) -> Iterator[bytes]:
    """With each bit turned over, one at a time."""
    for bit in range(8 * len(data)):
        yield data[: bit // 8] + bytes((data[bit // 8] ^ 1 << bit % 8,)) + data[bit // 8 + 1 :]


@pytest.mark.parametrize("part", PARTS)
def test_every_single_bit(part: str, genuine: tuple[Bundle, Expected]) -> None:
    bundle, expected = genuine
    for flipped in flips(getattr(bundle, part)):
        assert isinstance(judge(replace(bundle, **{part: flipped}), expected, NONCE), Refused), flipped.hex()


@pytest.mark.parametrize("part", VARIABLE)
def test_every_truncation_and_a_byte_more(part: str, genuine: tuple[Bundle, Expected]) -> None:
    bundle, expected = genuine
    whole = getattr(bundle, part)
    for other in (*(whole[:size] for size in range(len(whole))), whole + b"\0"):
        verdict = judge(replace(bundle, **{part: other}), expected, NONCE)
        assert isinstance(verdict, Refused)
        assert verdict.reason is (Reason.EDITED_LOG if part == "log" else Reason.MALFORMED)


def test_random_bytes_in_place_of_a_part(genuine: tuple[Bundle, Expected], rng: random.Random) -> None:
    bundle, expected = genuine
    for part in VARIABLE:
        whole = getattr(bundle, part)
        for _ in range(RANDOM_EDITS // 10):
            kept = rng.randrange(len(whole))
            other = whole[:kept] + rng.randbytes(rng.randrange(len(whole)))
            if other != whole:
                assert isinstance(judge(replace(bundle, **{part: other}), expected, NONCE), Refused), other.hex()


def test_a_bundle_is_read_as_it_was_written(genuine: tuple[Bundle, Expected]) -> None:
    assert read_bundle(write_bundle(genuine[0]).encode()) == genuine[0]


def test_a_file_that_is_cut_off_is_no_bundle(genuine: tuple[Bundle, Expected]) -> None:
    text = write_bundle(genuine[0]).encode()
    for size in range(len(text)):
        with pytest.raises(InputError):
            read_bundle(text[:size])


def test_random_edits_of_the_file(genuine: tuple[Bundle, Expected], rng: random.Random) -> None:
    bundle, expected = genuine
    text = write_bundle(bundle).encode()
    judged = 0
    for _ in range(RANDOM_EDITS):
        at = rng.randrange(len(text))
        piece = rng.choice((b"", rng.randbytes(1), bytes((rng.choice(b'A+/={}[]",:0'),)), text[rng.randrange(len(text)) :][:4]))
        edited = text[:at] + piece + text[at + rng.randrange(3) :]
        if edited == text:
            continue
        try:
            found = read_bundle(edited)
        except InputError as error:
            assert "\n" not in str(error)
            continue
        judged += 1
        assert isinstance(judge(found, expected, NONCE), Refused)
    assert judged


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON"),
        (b"\x7fELF\x01\xff", "not JSON"),
        ("„“".encode(), "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b'{"a":' * 10_000, "not JSON"),
        (b"9" * 6_000, "not JSON"),
        (b"{} {}", "not JSON"),
        (b"[]", '"format"'),
        (b"null", '"format"'),
        (b'{"format":"ringfence-report"}', '"format"'),
        (b'{"format":"ringfence-quote","version":2}', "another version"),
        (b'{"format":"ringfence-quote","version":[]}', "another version"),
        (b'{"format":"ringfence-quote","version":1}', '"quote" is not base64'),
    ],
)
def test_what_is_no_bundle(text: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        read_bundle(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"quote": 5}, '"quote" is not base64'),
        ({"quote": "\ud800"}, '"quote" is not base64'),
        ({"quote": "AA"}, '"quote" is not base64'),
        ({"quote": "A A="}, '"quote" is not base64'),
        ({"log": "AB=="}, "canonical"),  # bits that stand for nothing
        ({"nonce": base64.b64encode(bytes(31)).decode()}, '"nonce" has 31 bytes, not 32'),
        ({"identity": ""}, '"identity" has 0 bytes, not 32'),
        ({"data": base64.b64encode(bytes(33)).decode()}, '"data" has 33 bytes, not 32'),
        ({"version": True}, "canonical"),
        ({"version": 1.0}, "canonical"),
        ({"more": 1}, "canonical"),
    ],
)
def test_one_entry_that_is_wrong(change: dict[str, object], why: str, genuine: tuple[Bundle, Expected]) -> None:
    written = json.loads(write_bundle(genuine[0]))

    def text(entries: dict[str, object]) -> bytes:
        return (json.dumps(entries, sort_keys=True, separators=(",", ":")) + "\n").encode()

    assert read_bundle(text(written)) == genuine[0]
    with pytest.raises(InputError, match=why):
        read_bundle(text({**written, **change}))


@pytest.mark.parametrize(
    "other", [lambda t: t[:-1], lambda t: t + " ", lambda t: t.replace(",", ", "), lambda t: t.replace("{", '{"data":"",')]
)
def test_the_same_in_another_form_is_no_bundle(other, genuine: tuple[Bundle, Expected]) -> None:
    text = other(write_bundle(genuine[0]))
    assert json.loads(text) == json.loads(write_bundle(genuine[0]))
    with pytest.raises(InputError, match="canonical"):
        read_bundle(text.encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ff544347 8018", "ff544346 8018"),  # TPM_GENERATED_VALUE
        ("ff544347 8018", "ff544347 8017"),  # TPM_ST_ATTEST_CERTIFY
        ("ff544347 8018 0022 000b", "ff544347 8018 0022 0004"),  # the signer's name by SHA-1
        ("00000006 01 20191023", "00000006 02 20191023"),  # neither yes nor no
        ("00000001 000b 03 00000e", "00000000"),  # no PCRs at all
        ("00000001 000b 03 00000e", "00000011 000b 03 00000e"),
        ("00000001 000b 03 00000e", "00000001 000b 02 0000"),
        ("00000001 000b 03 00000e", "00000001 000b 05 00000e0000"),
        ("00000001 000b 03 00000e 0020", "00000001 000b 03 00000e 001f"),
    ],
)
def test_a_signed_quote_that_no_tpm_makes(old: str, new: str) -> None:
    """As by a key that has left its TPM: the signature is right, the structure is not."""
    signer = Signer()
    expected = expectation(signer.named)
    quote = signer.quote()
    assert isinstance(judge(signer.answer(quote), expected, NONCE), Accepted)
    assert quote.count(bytes.fromhex(old)) == 1
    verdict = judge(signer.answer(quote.replace(bytes.fromhex(old), bytes.fromhex(new))), expected, NONCE)
    assert isinstance(verdict, Refused) and verdict.reason in (Reason.MALFORMED, Reason.OTHER_REGISTERS)
    assert isinstance(judge(signer.answer(quote + b"\0"), expected, NONCE), Refused)


def test_signatures_whose_numbers_are_out_of_range() -> None:
    signer = Signer()
    expected = expectation(signer.named)
    answer = signer.answer(signer.quote())
    for r in (bytes(1), bytes(32), b"\xff" * 32):
        for s in (bytes(1), b"\x01", b"\xff" * 32):
            parts = b"".join(len(part).to_bytes(2, "big") + part for part in (r, s))
            forged = replace(answer, signature=bytes.fromhex("0018 000b") + parts)
            assert judge(forged, expected, NONCE) == Refused(Reason.BAD_SIGNATURE)
    of_another_scheme = replace(answer, signature=bytes.fromhex("0014 000b 0001 01"))
    assert judge(of_another_scheme, expected, NONCE) == Refused(Reason.BAD_SIGNATURE)


def test_a_log_without_a_launch() -> None:
    """Even if the registers held what a launch resets them to, as locality 4 alone could bring about."""
    signer = Signer()
    events = GENUINE.events[1:]
    genuine = signer.quote()
    answer = signer.answer(genuine.replace(digest_of(replay(GENUINE.events)), digest_of(replay(events))))
    verdict = judge(replace(answer, log=encode(events)), expectation(signer.named), NONCE)
    assert isinstance(verdict, Refused) and verdict.reason is Reason.CHANGED_LOADER


def test_keys_that_are_none() -> None:
    """A point beside the curve, a scheme for another kind of key, and so on, under the name that is expected."""
    signer = Signer()
    for old, new in (
        (signer.key[-32:], bytes(32)),
        (bytes.fromhex("0018 000b 0003"), bytes.fromhex("0014 000b 0003")),
        (bytes.fromhex("0018 000b 0003"), bytes.fromhex("0018 0004 0003")),
        (bytes.fromhex("0018 000b 0003"), bytes.fromhex("0018 000b 0004")),
        (bytes.fromhex("0023 000b"), bytes.fromhex("0001 000b")),
        (bytes.fromhex("0023 000b"), bytes.fromhex("0023 000c")),
    ):
        assert signer.key.count(old) == 1
        other = Signer(signer.private, signer.key.replace(old, new))
        verdict = judge(other.answer(other.quote()), expectation(other.named), NONCE)
        assert isinstance(verdict, Refused) and verdict.reason in (Reason.MALFORMED, Reason.BAD_SIGNATURE)


@pytest.mark.parametrize("bit", [1, 4, 5, 16, 17, 18])
def test_an_attribute_that_is_wrong(bit: int) -> None:
    signer = Signer()
    attributes = bytes.fromhex("000b 00050072")
    assert signer.key.count(attributes) == 1
    assert isinstance(judge(signer.answer(signer.quote()), expectation(signer.named), NONCE), Accepted)
    changed = attributes[:2] + (int.from_bytes(attributes[2:], "big") ^ 1 << bit).to_bytes(4, "big")
    other = Signer(signer.private, signer.key.replace(attributes, changed))
    verdict = judge(other.answer(other.quote()), expectation(other.named), NONCE)
    assert isinstance(verdict, Refused) and verdict.reason is Reason.UNFIT_KEY
