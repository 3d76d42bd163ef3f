"""What the honest do: the owner, the user and the bank, over a network that may do what it likes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.bank import Kind, Reason
from sim.bank.messages import Message, NotAMessage
from sim.bank.power_on import NoAnswer, PowerOn
from sim.bank.remote import BankError
from sim.bank.world import AMOUNT, CUSTOMER, PAYEE, PIN
from verifier.bundle import Bundle

__all__ = ["Network", "Session"]

Change = Callable[[bytes], bytes]


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

    def provide(self) -> None:
        """The owner gives the bank's letter, at the first start."""
        self.run.until(lambda: self.run.wants_letter, "the guest asks for the letter")
        self.run.tell(self.run.trusted, self.world.letter)

    def ready(self) -> None:
        """Wait until the trusted guest has its account."""
        self.run.until(lambda: self.run.ready, "the guest has its account")

    def _ask(self, data: bytes, pin: str = "") -> bytes:
        """A message of the bank's goes out, the user types, and an answer comes."""
        run = self.run
        sent = self.network.to_machine(data)
        self.network.seen.append(sent)
        run.carry(sent)
        arrived: list[bytes] = []

        def answered() -> bool:
            arrived.extend(run.arrived())
            return bool(arrived)

        if pin:
            run.until(lambda: answered() or run.asks_pin, "the user is asked for the PIN")
            if not arrived:
                run.press(f"{pin}\n")
        run.until(answered, "an answer comes")
        self.network.seen.append(arrived[0])
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
        payment = self.sign(payee, amount, pin)
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
