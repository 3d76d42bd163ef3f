"""The bank, far away: it asks who answers, orders payments, and books those that its customer's machine has signed.

What it believes goes through checks in order, each of which looks at one thing; the first that objects decides. A control run leaves one
out.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contracts.bank import KEY_SIZE, NONCE_SIZE, Kind, tag
from sim.bank.messages import Message, NotAMessage, letter
from verifier.bundle import Bundle
from verifier.expected import Expected
from verifier.judge import CHECKS as QUOTE_CHECKS
from verifier.judge import Check as QuoteCheck
from verifier.judge import judge
from verifier.reasons import Refused

__all__ = ["ANSWER_CHECKS", "PAYMENT_CHECKS", "Account", "Bank", "BankError", "Check", "check_counter",
           "check_challenge", "check_order", "check_same", "check_tag"]  # fmt: skip

_PAID = ("number", "amount", "currency", "payee", "nonce")  # of a payment, as in its order


class BankError(Exception):
    """The bank does not believe, or does not do, something; the message is one line."""


@dataclass
class Account:
    """A customer's, at the bank. ``open``: the order that waits for its payment; ``asked``: the nonce of the last challenge."""

    customer: int
    key: bytes
    booked: list[Message] = field(default_factory=list)
    last: int = 0  # number of the last order
    signed: int = 0  # number of the last payment that was booked
    open: Message | None = None
    asked: bytes = b""
    attested: bool = False


Check = Callable[[Account, Message, bytes], str]
"""What is wrong with a message of the customer's, whose bytes are given too; empty if nothing is."""


def check_tag(account: Account, message: Message, data: bytes) -> str:
    """The customer's key has made its tag."""
    return "" if hmac.compare_digest(message.tag, tag(account.key, data)) else "its tag is not by the customer's key"


def check_order(account: Account, message: Message, data: bytes) -> str:
    """It pays the order that is open: none is paid twice."""
    return "" if account.open is not None and message.number == account.open.number else f"no order {message.number} is open"


def check_same(account: Account, message: Message, data: bytes) -> str:
    """It pays what was ordered."""
    if account.open is None or all(getattr(message, name) == getattr(account.open, name) for name in _PAID):
        return ""
    return "it is not what was ordered"


def check_challenge(account: Account, message: Message, data: bytes) -> str:
    """It answers the last challenge."""
    return "" if account.asked and message.nonce == account.asked else "it answers another challenge"


def check_counter(account: Account, message: Message, data: bytes) -> str:
    """The machine has not been set back: what it signed last is what was booked last, or an order whose payment was lost."""
    if account.signed <= message.number <= account.last:
        return ""
    return f"its counter says {message.number}, and payment {account.signed} is booked"


PAYMENT_CHECKS: tuple[Check, ...] = (check_tag, check_order, check_same)
ANSWER_CHECKS: tuple[Check, ...] = (check_tag, check_challenge, check_counter)


class Bank:
    """``expected`` is what it wants to be told of its customers' machines; ``draw`` draws so many random bytes."""

    def __init__(
        self,
        expected: Expected,
        draw: Callable[[int], bytes] = secrets.token_bytes,
        payment_checks: Sequence[Check] = PAYMENT_CHECKS,
        answer_checks: Sequence[Check] = ANSWER_CHECKS,
        quote_checks: Sequence[QuoteCheck] = QUOTE_CHECKS,
    ) -> None:
        self.expected, self._draw = expected, draw
        self._payment_checks, self._answer_checks, self._quote_checks = payment_checks, answer_checks, quote_checks
        self.accounts: dict[int, Account] = {}

    def enrol(self, customer: int, pin: str) -> bytes:
        """A new customer; the letter, which is given by hand."""
        key = self._draw(KEY_SIZE)
        written = letter(customer, key, pin)
        self.accounts[customer] = Account(customer, key)
        return written

    def challenge(self, customer: int) -> bytes:
        """Who answers? A nonce is never drawn twice."""
        account = self.accounts[customer]
        account.asked, account.attested = self._draw(NONCE_SIZE), False
        return self._said(account, Message(Kind.CHALLENGE, customer, nonce=account.asked))

    def take_answer(self, data: bytes, bundle: Bundle) -> str:
        """Who it is that answers, in one line. BankError if nobody is believed."""
        account, message = self._read(data, Kind.ANSWER, self._answer_checks)
        verdict = judge(bundle, self.expected, account.asked, self._quote_checks)
        if isinstance(verdict, Refused):
            raise BankError(str(verdict))
        if verdict.data != message.tag:
            raise BankError("the quote is not about this answer")
        account.asked, account.attested = b"", True
        return str(verdict)

    def order(self, customer: int, payee: str, amount: int, currency: str = "EUR") -> bytes:
        """Ask whether this shall be paid; ``amount`` in cents. BankError if nobody knows who would answer."""
        account = self.accounts[customer]
        if not account.attested:
            raise BankError(f"the machine of customer {customer} has not said who it is")
        account.last += 1
        order = Message(Kind.ORDER, customer, account.last, amount, currency, payee, self._draw(NONCE_SIZE))
        account.open = order
        return self._said(account, order)

    def take_payment(self, data: bytes) -> bytes:
        """Book it; the receipt. BankError if it is not booked."""
        account, payment = self._read(data, Kind.PAYMENT, self._payment_checks)
        account.booked.append(payment)
        account.signed, account.open = payment.number, None
        return self._said(account, payment._replace(kind=Kind.RECEIPT))

    def leave(self, customer: int) -> bytes:
        """The session is over."""
        account = self.accounts[customer]
        account.attested = False
        return self._said(account, Message(Kind.LEAVE, customer))

    def take_refusal(self, data: bytes) -> int:
        """The reason that the customer's machine gives. BankError if it is not that which speaks."""
        _, message = self._read(data, Kind.REFUSAL, (check_tag,))
        return message.number

    @staticmethod
    def _said(account: Account, message: Message) -> bytes:
        return message.signed(account.key).write()

    def _read(self, data: bytes, kind: Kind, checks: Sequence[Check]) -> tuple[Account, Message]:
        try:
            message = Message.read(data)
        except NotAMessage as error:
            raise BankError(f"it is no message: {error}") from None
        account = self.accounts.get(message.customer)
        if account is None or message.kind != kind:
            raise BankError(f"a {kind.name.lower()} is expected, and this is {message}")
        for check in checks:
            if wrong := check(account, message, data):
                raise BankError(f"{message}: {wrong}")
        return account, message
