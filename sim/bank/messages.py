"""The bank's messages as values (``contracts/bank.py`` has their form)."""

from typing import NamedTuple, Self

from contracts.bank import KEY_SIZE, LETTER, LETTER_MAGIC, MESSAGE, MESSAGE_MAGIC, PIN_LONGEST, PIN_SHORTEST, Kind, tag

__all__ = ["Message", "NotAMessage", "letter"]


class NotAMessage(ValueError):
    """These bytes are none; the message is one line."""


class Message(NamedTuple):
    """``kind`` may be none of ``Kind``; ``amount`` is in cents."""

    kind: int
    customer: int
    number: int = 0
    amount: int = 0
    currency: str = ""
    payee: str = ""
    nonce: bytes = bytes(MESSAGE.fields[-2].size)
    tag: bytes = bytes(MESSAGE.fields[-1].size)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Whether it is genuine only its tag tells. NotAMessage if it has another form."""
        try:
            found = dict(MESSAGE.unpack(data))
            for name in ("currency", "payee"):
                text = found[name]
                assert isinstance(text, bytes)
                found[name] = text.rstrip(b"\0").decode("ascii")  # type: ignore[assignment]
        except ValueError as error:
            raise NotAMessage(str(error)) from None
        if found.pop("magic") != MESSAGE_MAGIC:
            raise NotAMessage("it does not begin as messages do")
        return cls(**found)  # type: ignore[arg-type]

    def write(self) -> bytes:
        """With the tag that it has."""
        fields = self._replace(currency=self.currency.encode("ascii"), payee=self.payee.encode("ascii"))  # type: ignore[arg-type]
        return MESSAGE.pack(magic=MESSAGE_MAGIC, **fields._asdict())

    def signed(self, key: bytes) -> Self:
        """With the tag by this key."""
        return self._replace(tag=tag(key, self.write()))

    def __str__(self) -> str:
        name = Kind(self.kind).name.lower() if self.kind in Kind.__members__.values() else f"kind {self.kind}"
        about = f", {self.amount / 100:.2f} {self.currency} to {self.payee}" if self.payee else ""
        return f"{name} {self.number} of customer {self.customer}{about}"


def letter(customer: int, key: bytes, pin: str) -> bytes:
    """What a new customer gets by hand. ValueError if key or PIN are none."""
    if len(key) != KEY_SIZE or not PIN_SHORTEST <= len(pin) <= PIN_LONGEST or not (pin.isascii() and pin.isdigit()):
        raise ValueError(f"a key has {KEY_SIZE} bytes, a PIN {PIN_SHORTEST} to {PIN_LONGEST} digits")
    return LETTER.pack(magic=LETTER_MAGIC, customer=customer, key=key, pin=pin.encode("ascii"))
