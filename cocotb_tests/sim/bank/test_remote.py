"""The far bank: what it books, what it does not, and that each of its checks alone stops something."""

from collections.abc import Sequence

import pytest

from contracts.bank import KEY_SIZE, MESSAGE, Kind
from sim.bank.messages import Message, NotAMessage, letter
from sim.bank.remote import PAYMENT_CHECKS, Bank, BankError, Check
from verifier.expected import Expected

__all__: list[str] = []

CUSTOMER, OTHER = 42, 43


class Counting:
    """Draws bytes that are never the same twice."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")


def a_bank(checks: Sequence[Check] = PAYMENT_CHECKS) -> Bank:
    """With two customers, the first of whom has said who they are."""
    bank = Bank(Expected(None, None, {}, False, {}), Counting(), checks)
    for customer in (CUSTOMER, OTHER):
        bank.enrol(customer, "2468")
    bank.accounts[CUSTOMER].attested = True
    return bank


def an_order(bank: Bank) -> Message:
    return Message.read(bank.order(CUSTOMER, "Bookshop", 1999))


def pays(bank: Bank, order: Message, **changes: object) -> bytes:
    """The customer's machine signs it, changed or not."""
    return order._replace(kind=Kind.PAYMENT, **changes).signed(bank.accounts[CUSTOMER].key).write()  # type: ignore[arg-type]


def test_a_payment_is_booked_once_and_receipted() -> None:
    bank = a_bank()
    order = an_order(bank)
    payment = pays(bank, order)
    receipt = Message.read(bank.take_payment(payment))
    assert receipt == order._replace(kind=Kind.RECEIPT).signed(bank.accounts[CUSTOMER].key)
    with pytest.raises(BankError, match="no order 1 is open"):
        bank.take_payment(payment)
    assert len(bank.accounts[CUSTOMER].booked) == 1
    assert an_order(bank).number == 2


def test_every_bit_of_a_payment_is_held() -> None:
    bank = a_bank()
    payment = pays(bank, an_order(bank))
    for bit in range(8 * len(payment)):
        changed = bytearray(payment)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BankError):
            bank.take_payment(bytes(changed))
    bank.take_payment(payment)


@pytest.mark.parametrize("size", [0, 1, MESSAGE.size - 1, MESSAGE.size + 1])
def test_another_size_is_no_message(size: int) -> None:
    with pytest.raises(NotAMessage):
        Message.read(bytes(size))
    with pytest.raises(BankError, match="no message"):
        a_bank().take_payment(bytes(size))


@pytest.mark.parametrize(
    ("change", "said"),
    [({"amount": 1}, "not what was ordered"), ({"payee": "Mallory"}, "not what was ordered"), ({"number": 9}, "no order 9")],
)
def test_what_was_not_ordered_is_not_booked(change: dict[str, object], said: str) -> None:
    bank = a_bank()
    with pytest.raises(BankError, match=said):
        bank.take_payment(pays(bank, an_order(bank), **change))


@pytest.mark.parametrize("left_out", PAYMENT_CHECKS, ids=lambda check: check.__name__)
def test_each_check_alone_stops_something(left_out: Check) -> None:
    for bank, stopped in ((a_bank(), True), (a_bank([check for check in PAYMENT_CHECKS if check is not left_out]), False)):
        order = an_order(bank)
        good = pays(bank, order)
        wrong = {
            "check_tag": order._replace(kind=Kind.PAYMENT, tag=bytes(32)).write(),
            "check_order": good,  # once more
            "check_same": pays(bank, order, amount=1),
        }[left_out.__name__]
        if wrong == good:
            bank.take_payment(good)
        if stopped:
            with pytest.raises(BankError):
                bank.take_payment(wrong)
        else:
            bank.take_payment(wrong)


def test_nobody_pays_before_it_is_known_who_answers() -> None:
    with pytest.raises(BankError, match="has not said who it is"):
        a_bank().order(OTHER, "Bookshop", 1)


def test_a_customers_own_word_is_no_receipt_and_no_other_customers() -> None:
    bank = a_bank()
    order = an_order(bank)
    with pytest.raises(BankError, match="a payment is expected"):
        bank.take_payment(order.write())
    with pytest.raises(BankError, match="tag"):
        bank.take_payment(order._replace(kind=Kind.PAYMENT, customer=OTHER).signed(bank.accounts[CUSTOMER].key).write())


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "١٢٣٤"])
def test_a_letter_has_a_pin(pin: str) -> None:
    with pytest.raises(ValueError, match="a PIN"):
        letter(1, bytes(KEY_SIZE), pin)
