"""The trusted guest of the scenario ``bank``: its C against a reference, message by message, with random and malformed input."""

import random
from collections.abc import Iterator

import pytest

from cocotb_tests.firmware.bank_program import BankProgram
from cocotb_tests.firmware.bank_reference import Reference
from contracts.bank import ACCOUNT, ACCOUNT_MAGIC, ACCOUNT_VERSION, KEY_SIZE, MESSAGE, MESSAGE_MAGIC, TRIES, Kind, tagged
from sim.bank.messages import letter

__all__: list[str] = []

_KEY = bytes(range(KEY_SIZE))
_PIN = "24680"
_CODES = {"1": 0x02, "2": 0x03, "3": 0x04, "4": 0x05, "5": 0x06, "6": 0x07, "7": 0x08, "8": 0x09, "9": 0x0A, "0": 0x0B}
_ENTER, _ESCAPE = 0x1C, 0x01
_RELEASED = 0x80


@pytest.fixture(scope="module")
def program() -> Iterator[BankProgram]:
    with BankProgram() as running:
        yield running


def typing(pin: str) -> bytes:
    """Each key down and up, and Enter."""
    return bytes(code for digit in pin for code in (_CODES[digit], _CODES[digit] | _RELEASED)) + bytes((_ENTER, _ENTER | _RELEASED))


def an_account(**changes: int | bytes) -> dict[str, int | bytes]:
    fields: dict[str, int | bytes] = {
        "magic": ACCOUNT_MAGIC, "version": ACCOUNT_VERSION, "customer": 42, "counter": 6, "tries": TRIES, "key": _KEY,
        "pin": _PIN.encode().ljust(8, b"\0"),
    }  # fmt: skip
    return fields | changes


def order(number: int = 7, **changes: int | bytes) -> bytes:
    fields: dict[str, int | bytes] = {"kind": Kind.ORDER, "customer": 42, "number": number, "amount": 1999}
    fields |= {"currency": b"EUR", "payee": b"Bookshop", "nonce": bytes(32)}
    return tagged(_KEY, **(fields | changes))


class Both:
    """Program and reference, side by side: what they do must be the same."""

    def __init__(self, program: BankProgram, **account: int | bytes) -> None:
        self.program, self.reference = program, Reference(an_account(**account))
        program.begin(self.reference.packed)

    def press(self, codes: bytes) -> None:
        self.program.press(codes)
        self.reference.typed += codes

    def fail(self, count: int) -> None:
        self.program.fail(count)
        self.reference.failing = count

    def take(self, message: bytes) -> bytes:
        came = self.program.take(message)
        reply = self.reference.take(message)
        events, self.reference.events = tuple(self.reference.events), []
        assert came.events == events
        assert came.reply == reply
        assert came.account == self.reference.packed
        assert came.over == self.reference.over
        return reply


def test_a_payment_from_order_to_receipt(program: BankProgram) -> None:
    both = Both(program)
    both.press(typing(_PIN))
    payment = both.take(order())
    assert MESSAGE.unpack(payment)["kind"] == Kind.PAYMENT
    assert both.reference.account["counter"] == 7
    receipt = tagged(_KEY, **{**{n: v for n, v in MESSAGE.unpack(payment).items() if n not in ("magic", "tag")}, "kind": Kind.RECEIPT})
    assert MESSAGE.unpack(both.take(receipt))["kind"] == Kind.TAKEN
    assert MESSAGE.unpack(both.take(receipt))["kind"] == Kind.REFUSAL  # once is enough
    both.press(typing(_PIN))
    assert MESSAGE.unpack(both.take(order()))["kind"] == Kind.REFUSAL  # and no number is signed twice


def test_three_wrong_pins_lock_it(program: BankProgram) -> None:
    both = Both(program)
    for left in (2, 1, 0):
        both.press(typing("1111"))
        assert MESSAGE.unpack(both.take(order()))["kind"] == Kind.REFUSAL
        assert both.reference.account["tries"] == left
    both.press(typing(_PIN))
    assert MESSAGE.unpack(both.take(order()))["kind"] == Kind.REFUSAL


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_signed_that_could_not_be_kept(program: BankProgram, count: int) -> None:
    both = Both(program)
    both.press(typing(_PIN))
    both.fail(count)
    assert MESSAGE.unpack(both.take(order()))["kind"] == Kind.REFUSAL
    assert both.reference.account["tries"] != TRIES or both.reference.account["counter"] == 7


def test_every_bit_of_an_order_is_held_by_its_tag(program: BankProgram) -> None:
    good = order()
    for bit in range(8 * len(good)):
        both = Both(program)
        both.press(typing(_PIN))
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        assert MESSAGE.unpack(both.take(bytes(changed)))["kind"] == Kind.REFUSAL, bit
    for size in (*range(0, len(good), 7), len(good) + 1):
        assert MESSAGE.unpack(Both(program).take(good.ljust(size, b"\0")[:size]))["kind"] == Kind.REFUSAL


def test_letters(program: BankProgram) -> None:
    good = letter(42, _KEY, _PIN)
    pins = (b"123\0\0\0\0\0", b"12345678", b"1234\x005\0\0", b"12a4\0\0\0\0")
    for changed in (good, good[:-1], good + b"\0", b"\1" + good[1:], good[:-1] + b"5", *(good[:-8] + pin for pin in pins)):
        program.begin(bytes(ACCOUNT.size))
        made, account = program.letter(changed)
        wanted = Reference.of_letter(changed)
        assert made == (wanted is not None)
        assert account == (bytes(ACCOUNT.size) if wanted is None else ACCOUNT.pack(**wanted))


def _random_codes(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return typing(rng.choice((_PIN, _PIN, "0000", "123456789", "12")))
    ours = [*_CODES.values(), _ENTER, _ESCAPE, 0x0E, 0xE0, 0xE1, *range(0x47, 0x53)]
    return bytes(rng.choice(ours) if rng.random() < 0.8 else rng.randrange(256) for _ in range(rng.randrange(24)))


def _random_text(rng: random.Random, size: int) -> bytes:
    if rng.random() < 0.8:
        return bytes(rng.randrange(0x20, 0x7F) for _ in range(rng.randint(1, size)))
    return bytes(rng.choice((0, 0x1F, 0x20, 0x7E, 0x7F, 0xFF, 0x41)) for _ in range(rng.randrange(size + 1)))


def _random_message(rng: random.Random, both: Both) -> bytes:
    counter = both.reference.account["counter"]
    assert isinstance(counter, int)
    if both.reference.waiting is not None and rng.random() < 0.3:
        fields = {n: v for n, v in both.reference.waiting.items() if n not in ("magic", "tag")}
        return tagged(_KEY, **{**fields, "kind": Kind.RECEIPT})
    kind = rng.choice((*Kind, Kind.ORDER, Kind.ORDER, Kind.ORDER, 0, 99, 0xFFFF_FFFF))
    number = rng.choice((counter + 1, counter + 1, counter + 2, counter, 0, 0xFFFF_FFFF, rng.getrandbits(32))) & 0xFFFF_FFFF
    customer, amount = 42 if rng.random() < 0.95 else 43, rng.choice((0, 1, 1999, 0xFFFF_FFFF))
    texts = {"currency": _random_text(rng, 4), "payee": _random_text(rng, 40)}
    message = order(number, kind=kind, customer=customer, amount=amount, nonce=rng.randbytes(32), **texts)
    chance = rng.random()
    if chance < 0.05:
        return rng.randbytes(rng.randrange(2 * MESSAGE.size))
    if chance < 0.1:
        at = rng.randrange(len(message))
        return message[:at] + bytes((rng.randrange(256),)) + message[at + 1 :]
    return message


def test_random_sessions(program: BankProgram, rng: random.Random) -> None:
    kinds = set()
    for _ in range(300):
        both = Both(program, tries=rng.randrange(TRIES + 1), counter=rng.choice((0, 6, 0xFFFF_FFFE)))
        for _ in range(rng.randrange(1, 16)):
            both.press(_random_codes(rng))
            if rng.random() < 0.1:
                both.fail(rng.randrange(1, 4))
            kinds.add(MESSAGE.unpack(both.take(_random_message(rng, both)))["kind"])
    assert kinds == {Kind.PAYMENT, Kind.ANSWER, Kind.TAKEN, Kind.REFUSAL}


def test_a_message_begins_with_its_magic(program: BankProgram) -> None:
    both = Both(program)
    both.press(typing(_PIN))
    wrong = bytearray(order())
    wrong[0] ^= 1
    assert int.from_bytes(order()[:4], "little") == MESSAGE_MAGIC
    assert MESSAGE.unpack(both.take(bytes(wrong)))["kind"] == Kind.REFUSAL
