"""The file of expectations: what is in it counts, and what is wrong with it is said in one line."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cocotb_tests.verifier.signer import Signer
from cocotb_tests.verifier.software import GENUINE, GUESTS, MAIL, NONCE, VAULT, expectation_text, hashed
from contracts.event_log import EventKind
from verifier.errors import InputError
from verifier.expected import read_expected
from verifier.judge import judge
from verifier.reasons import Accepted, Reason, Refused

__all__: list[str] = []

NAME = "000b" + "5a" * 32
NAMED = f'name = "{NAME}"'
TEXT = expectation_text(NAMED)
BLOCK, POLICY = hashed(GENUINE.block).hex(), hashed(GENUINE.policies[0]).hex()


def pem(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> str:
    return f'key = """{key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()}"""'


def test_what_is_read() -> None:
    expected = read_expected(TEXT.encode())
    assert (expected.key, expected.key_name) == (None, bytes.fromhex(NAME))
    assert expected.digests == {
        EventKind.BLOCK: {hashed(GENUINE.block)},
        EventKind.STUB: {hashed(GENUINE.stub)},
        EventKind.KERNEL: {hashed(GENUINE.kernel)},
        EventKind.POLICY: {hashed(GENUINE.policies[0])},
    }
    assert expected.guests == {identity: name for name, identity in GUESTS.items()} and not expected.accept_development


def test_development_kernels_are_accepted_only_if_the_file_says_so() -> None:
    assert not read_expected(TEXT.replace("accept_development = false\n", "").encode()).accept_development
    assert read_expected(TEXT.replace("accept_development = false", "accept_development = true").encode()).accept_development


def test_any_of_a_list_will_do() -> None:
    signer = Signer()
    answer = signer.answer(signer.quote())
    text = expectation_text(signer.named)
    for digest, reason in ((BLOCK, Reason.CHANGED_LOADER), (POLICY, Reason.CHANGED_POLICY)):
        other = "0f" * 32
        for listed in (f'"{other}", "{digest}"', f'"{digest.upper()}", "{other}"'):
            assert isinstance(judge(answer, read_expected(text.replace(f'"{digest}"', listed).encode()), NONCE), Accepted)
        verdict = judge(answer, read_expected(text.replace(digest, other).encode()), NONCE)
        assert isinstance(verdict, Refused) and verdict.reason is reason


def test_keys_in_pem() -> None:
    point = Signer().private.public_key()
    assert read_expected(expectation_text(pem(point)).encode()).key is not None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[machine]", "[machine", "no TOML: "),
        ("[machine]", "x = " + "[" * 5_000, "no TOML: nested too deep"),
        ("[machine]", "x = " + "9" * 5_000, "no TOML: "),
        ("[machine]", f'{"x" * 5_000} = ', "no TOML: "),
        ("[machine]", f'{"x" * 5_000} = 5\n[machine]', "'xxx"),
        ("[machine]", "[machines]", "[machine] is missing"),
        ("[machine]\n" + NAMED, "machine = 5", "machine is no table: write [machine]"),
        (NAMED, "", "[machine] the attestation key is needed, by key or by name"),
        (NAMED, f'{NAMED}\nkey = "x"', "[machine] the attestation key is needed, by key or by name, not by both"),
        (NAME, NAME[:-1], "[machine] name: 68 hexadecimal digits in quotes are needed"),
        (NAME, "0004" + NAME[4:], "[machine] name: is no name by SHA-256: those begin with 000b"),
        (NAMED, "key = 5", "[machine] key: is no string"),
        (NAMED, 'key = "x"', "[machine] key: no public key in PEM"),
        (NAMED, f'{NAMED}\nowner = "x"', "[machine] 'owner': there is no such entry"),
        ("[machine]", "[x]\n[machine]", "'x': there is no such entry"),
        ("[launch]", "[launches]", "[launch] is missing"),
        ("block =", "blocks =", "[launch] block: is missing"),
        (f'["{BLOCK}"]', "[]", "[launch] block: is empty, so that nothing would be accepted"),
        (f'["{BLOCK}"]', f'"{BLOCK}"', "[launch] block: is no list of digests"),
        (f'["{BLOCK}"]', "[5]", "[launch] block: 64 hexadecimal digits in quotes are needed"),
        (BLOCK, BLOCK[2:], "[launch] block: 64 hexadecimal digits in quotes are needed"),
        (BLOCK, " " + BLOCK[1:], "[launch] block: 64 hexadecimal digits in quotes are needed"),
        (BLOCK, "٣" + BLOCK[1:], "[launch] block: 64 hexadecimal digits in quotes are needed"),
        ("accept_development = false", 'accept_development = "no"', "[launch] accept_development: is neither true nor false"),
        ("accept_development = false", "accept_development = 0", "[launch] accept_development: is neither true nor false"),
        ("accept_development", "accept_developement", "[launch] 'accept_developement': there is no such entry"),
        ("[policy]", "[policies]", "[policy] is missing"),
        (POLICY, POLICY + "00", "[policy] digests: 64 hexadecimal digits in quotes are needed"),
        ("[[guest]]", "[[guests]]", "[[guest]] is missing"),
        ('[[guest]]\nname = "vault"', '[guest]\nname = "vault"', "no TOML: "),
        ('name = "vault"', 'name = ""', "[[guest]] 1 name: 1 to 64 printable characters are needed"),
        ('name = "vault"', f'name = "{"v" * 65}"', "[[guest]] 1 name: 1 to 64 printable characters are needed"),
        ('name = "vault"', r'name = "\u001b[2J"', "[[guest]] 1 name: 1 to 64 printable characters are needed"),
        ('name = "vault"', "", "[[guest]] 1 name: is missing"),
        ('name = "vault"', "name = 5", "[[guest]] 1 name: is no string"),
        ('name = "mail"', 'name = "vault"', "[[guest]] 2 name: another guest is called vault too"),
        (MAIL.hex(), VAULT.hex(), "[[guest]] 2 identity: is that of vault too"),
        ('name = "mail"', 'name = "mail"\nport = 5', "[[guest]] 2 'port': there is no such entry"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError) as caught:
        read_expected(TEXT.replace(old, new).encode())
    text = str(caught.value)
    assert text.startswith(said) and "\n" not in text and len(text) < 200


def test_other_keys_are_refused() -> None:
    short = rsa.RSAPublicNumbers(65_537, (1 << 1024) - 1).public_key()
    for key in (short, ec.generate_private_key(ec.SECP384R1()).public_key(), ed25519.Ed25519PrivateKey.generate().public_key()):
        with pytest.raises(InputError, match="neither ECC on P-256 nor RSA of 2048, 3072, 4096 bits"):
            read_expected(expectation_text(pem(key)).encode())


def test_a_file_that_is_no_text() -> None:
    with pytest.raises(InputError, match="no TOML: not UTF-8"):
        read_expected(b"\xff\xfe")
