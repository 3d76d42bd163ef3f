"""What the trusted guest's session is to do, written anew: the judge of the C."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from contracts.bank import (
    ACCOUNT,
    ACCOUNT_MAGIC,
    ACCOUNT_VERSION,
    LETTER,
    LETTER_MAGIC,
    MESSAGE,
    MESSAGE_MAGIC,
    PIN_LONGEST,
    PIN_SHORTEST,
    TRIES,
    Kind,
    Reason,
    tag,
    tagged,
)

__all__ = ["Reference", "keys_of", "pin_of"]

_DIGITS = {code: str(digit) for digit, code in enumerate((0x0B, *range(0x02, 0x0B)))}
_PAD = dict(zip((0x47, 0x48, 0x49, 0x4B, 0x4C, 0x4D, 0x4F, 0x50, 0x51, 0x52), "7894561230", strict=True))
_OTHERS = {0x01: "escape", 0x0E: "back", 0x1C: "enter"}
_TAKEN_OVER = ("number", "amount", "currency", "payee", "nonce")


def keys_of(codes: Sequence[int]) -> list[str]:
    """The keys that go down."""
    keys, left = [], list(codes)
    while left:
        code = left.pop(0)
        if code == 0xE1:
            del left[:2]
        elif code == 0xE0:
            if left and left[0] == 0x1C:
                keys.append("enter")
            if left and left[0] < 0x80:  # a prefix or the release of a key is looked at anew
                left.pop(0)
        elif key := (_DIGITS | _PAD | _OTHERS).get(code):
            keys.append(key)
    return keys


def pin_of(keys: Sequence[str]) -> tuple[bool, str]:
    """Whether it was entered, and the digits."""
    pin = ""
    for key in keys:
        if key == "escape":
            return False, pin
        if key == "enter" and len(pin) >= PIN_SHORTEST:
            return True, pin
        if key == "back":
            pin = pin[:-1]
        elif key.isdigit() and len(pin) < PIN_LONGEST:
            pin += key
    return False, pin


def _readable(text: bytes) -> bool:
    shown = text.rstrip(b"\0")
    return bool(shown) and all(0x20 <= letter < 0x7F for letter in shown)


@dataclass
class Reference:
    """``events``: since they were last taken."""

    account: dict[str, int | bytes]
    typed: list[int] = field(default_factory=list)
    failing: int = 0  # so many times more the account can be kept, less one; 0: always
    waiting: dict[str, int | bytes] | None = None  # the payment without a receipt
    over: bool = False
    events: list[tuple[str, bytes]] = field(default_factory=list)

    @staticmethod
    def of_letter(data: bytes) -> dict[str, int | bytes] | None:
        """The account that it makes, if any."""
        if len(data) != LETTER.size:
            return None
        letter = LETTER.unpack(data)
        pin = letter["pin"]
        assert isinstance(pin, bytes)
        digits = pin.rstrip(b"\0")
        if letter["magic"] != LETTER_MAGIC or len(digits) < PIN_SHORTEST or not digits.isdigit():
            return None
        made = {"customer": letter["customer"], "key": letter["key"], "pin": pin}
        return {"magic": ACCOUNT_MAGIC, "version": ACCOUNT_VERSION, "counter": 0, "tries": TRIES, **made}

    @property
    def packed(self) -> bytes:
        """The account's bytes."""
        return ACCOUNT.pack(**self.account)

    def _keep(self) -> bool:
        if self.failing:
            self.failing -= 1
            if not self.failing:
                return False
        self.events.append(("k", self.packed))
        return True

    def _number(self, name: str) -> int:
        value = self.account[name]
        assert isinstance(value, int)
        return value

    def _reply(self, kind: Kind, number: int, fields: Mapping[str, int | bytes] = MappingProxyType({})) -> bytes:
        key = self.account["key"]
        assert isinstance(key, bytes)
        return tagged(key, **{**fields, "kind": kind, "customer": self.account["customer"], "number": number})

    def take(self, data: bytes) -> bytes:
        """A message has come; the reply."""
        found = self._act(data)
        if isinstance(found, Reason):
            self.events.append(("x", int(found).to_bytes(4, "little")))
            return self._reply(Kind.REFUSAL, found)
        return found

    def _act(self, data: bytes) -> bytes | Reason:
        key = self.account["key"]
        assert isinstance(key, bytes)
        if len(data) != MESSAGE.size:
            return Reason.NOT_GENUINE
        message = dict(MESSAGE.unpack(data))
        magic, kind, customer, said = (message.pop(name) for name in ("magic", "kind", "customer", "tag"))
        if magic != MESSAGE_MAGIC or customer != self.account["customer"] or said != tag(key, data):
            return Reason.NOT_GENUINE
        match kind:
            case Kind.ORDER:
                return self._pay(message, data)
            case Kind.RECEIPT:
                if self.waiting is None or any(message[name] != self.waiting[name] for name in _TAKEN_OVER):
                    return Reason.OLD
                self.waiting = None
                self.events.append(("r", data))
                return self._reply(Kind.TAKEN, self._number("counter"), message)
            case Kind.CHALLENGE:
                reply = self._reply(Kind.ANSWER, self._number("counter"), message)
                nonce = message["nonce"]
                assert isinstance(nonce, bytes)
                self.events.append(("q", nonce + reply[MESSAGE.offset("tag") :]))
                return reply
            case Kind.LEAVE:
                self.over = True
                return self._reply(Kind.TAKEN, self._number("counter"), message)
        return Reason.NOT_GENUINE

    def _pay(self, order: dict[str, int | bytes], data: bytes) -> bytes | Reason:
        number, currency, payee = order["number"], order["currency"], order["payee"]
        assert isinstance(number, int)
        assert isinstance(currency, bytes)
        assert isinstance(payee, bytes)
        if number <= self._number("counter"):
            return Reason.OLD
        if not order["amount"] or not _readable(currency) or not _readable(payee):
            return Reason.NOT_READABLE
        tries = self._number("tries")
        if not tries:
            return Reason.LOCKED
        entered, digits = pin_of(keys_of(self.typed))
        self.typed = []
        pin = digits.encode().ljust(PIN_LONGEST, b"\0")
        self.events += [("a", tries.to_bytes(4, "little") + data), ("p", pin)]
        if not entered:
            return Reason.CANCELLED
        self.account["tries"] = tries - 1
        if not self._keep():
            return Reason.NOT_KEPT
        if pin != self.account["pin"]:
            return Reason.WRONG_PIN if tries > 1 else Reason.LOCKED
        self.account |= {"tries": TRIES, "counter": number}
        if not self._keep():
            return Reason.NOT_KEPT
        payment = self._reply(Kind.PAYMENT, number, order)
        self.waiting = dict(MESSAGE.unpack(payment))
        self.events.append(("s", payment))
        return payment
