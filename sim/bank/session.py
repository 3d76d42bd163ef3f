"""What the honest do: the owner, the user and the bank, over a network that may do what it likes."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from contracts.bank import Kind, Reason
from sim.bank.messages import Message, NotAMessage
from sim.bank.power_on import NoAnswer, PowerOn
from sim.bank.remote import BankError
from sim.bank.world import AMOUNT, CUSTOMER, PAYEE, PIN
from verifier.bundle import Bundle

__all__ = ["ESCAPE", "Network", "Session"]

ESCAPE = "\x1b"  # typed in the place of a PIN: the user does not agree

Change = Callable[[bytes], bytes]


class Attempted(Protocol):
    """Whoever keeps what was tried."""

    attempt: str


def _same(data: bytes) -> bytes:
    return data


@dataclass
class Network:
    """What it makes of each message, to the machine and to the bank; what it has seen."""

    to_machine: Change = _same
    to_bank: Change = _same
    quote: Callable[[Bundle], Bundle] = lambda bundle: bundle
    seen: list[bytes] = field(default_factory=list)


class Session:
    """The bank and the user, with one run of the machine."""

    def __init__(self, run: PowerOn, network: Network | None = None) -> None:
        self.run, self.network = run, network or Network()
        self.bank, self.world = run.world.bank, run.world
        self._arrived: list[bytes] = []

    def provide(self) -> None:
        """The owner gives the bank's letter, at the first start."""
        self.run.until(lambda: self.run.wants_letter, "the guest asks for the letter")
        self.run.tell(self.run.trusted, self.world.letter)

    def ready(self) -> None:
        """Wait until the trusted guest has its account."""
        self.run.until(lambda: self.run.ready, "the guest has its account")

    @property
    def why(self) -> str:
        """What the kernel has written down of what it did not do, the last of it."""
        failed = [json.loads(line.split(" ", 1)[1]) for line in self.run.log if '"failed"' in line]
        return str(failed[-1]["why"]) if failed else "it does not say why"

    def settle(self, cycle: int) -> None:
        """Let time pass: the bank asks again and again who answers."""
        while self.run.machine.cycle < cycle:
            self.attest()

    @property
    def said(self) -> str:
        """What the trusted guest has said last on its console."""
        lines = self.run.console.get(self.run.trusted.number, b"").decode().splitlines()
        return next((line for line in reversed(lines) if line != "bank: PIN"), "")

    def order_shown(self, payee: str = PAYEE, amount: int = AMOUNT) -> None:
        """An order goes out, and the user is asked."""
        self._send(self.bank.order(CUSTOMER, payee, amount))
        self.run.until(lambda: self.run.asks_pin, "the user is asked for the PIN")

    def _ask(self, data: bytes, pin: str = "") -> bytes:
        """A message of the bank's goes out, the user types, and an answer comes."""
        self._send(data)
        if pin:
            self.run.until(lambda: self._answered() or self.run.asks_pin, "the user is asked for the PIN")
            if not self._arrived:
                self.run.press(pin if pin == ESCAPE else f"{pin}\n")
        return self._answer()

    def attempted(self, stage: Attempted) -> None:
        """Wait until guest 1 says that it has attacked, if it does."""
        with suppress(NoAnswer):
            self.run.until(lambda: len(self.run.attacked) > 1, "guest 1 says that it has")
            stage.attempt = (
                f"guest 1 has said so, in cycles {self.run.attacked[0]:,} to {self.run.attacked[1]:,}, while the PIN was asked for"
            )

    def _send(self, data: bytes) -> None:
        sent = self.network.to_machine(data)
        self.network.seen.append(sent)
        self.run.carry(sent)

    def _answered(self) -> bool:
        self._arrived += self.run.arrived()
        return bool(self._arrived)

    def _answer(self) -> bytes:
        """What has come first; what else has come goes by unseen but by the network."""
        self.run.until(self._answered, "an answer comes")
        arrived, self._arrived = self._arrived, []
        self.network.seen += arrived
        return self.network.to_bank(arrived[0])

    def attest(self, first: bool = False) -> str:
        """Who is it that answers? BankError if nobody is believed."""
        before = len(self.run.bundles)
        answer = self._ask(self.bank.challenge(CUSTOMER))
        quoted = [bundle for _, bundle in self.run.bundles[before:]]
        if not quoted:
            raise BankError("there is no quote")
        if first:
            self.world.meet(quoted[-1].key)
        return self.bank.take_answer(answer, self.network.quote(quoted[-1]))

    def sign(self, payee: str = PAYEE, amount: int = AMOUNT, pin: str = PIN) -> bytes:
        """Order a payment, let the user agree; what the machine answers."""
        return self._ask(self.bank.order(CUSTOMER, payee, amount), pin)

    def pay(self, payee: str = PAYEE, amount: int = AMOUNT, pin: str = PIN) -> str:
        """A whole payment, with its receipt. BankError."""
        return self._book(self.sign(payee, amount, pin))

    def finish_payment(self) -> str:
        """The rest of a payment, when the user has typed the PIN."""
        return self._book(self._answer())

    def _book(self, payment: bytes) -> str:
        self._refused(payment)
        receipt = self.bank.take_payment(payment)
        taken = self._ask(receipt)
        self._refused(taken)
        return str(Message.read(payment))

    def leave(self) -> None:
        """End the session; the guest shuts itself down."""
        self.run.carry(self.bank.leave(CUSTOMER))
        self.run.until(lambda: not self.run.trusted.alive, "the guest shuts itself down")
        if self.run.trusted.exit_status:
            raise NoAnswer(f"the trusted guest ends with status {self.run.trusted.exit_status}")

    @staticmethod
    def _refused(data: bytes) -> None:
        try:
            message = Message.read(data)
        except NotAMessage:
            return
        if message.kind == Kind.REFUSAL:
            reason = Reason(message.number) if message.number in Reason.__members__.values() else message.number
            raise BankError(f"the customer's machine refuses: {reason.name.lower() if isinstance(reason, Reason) else reason}")
