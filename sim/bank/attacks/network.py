"""What the network does with what it carries, and what it keeps for later."""

from dataclasses import replace

from contracts.bank import Kind
from sim.bank.attack import By, Stage, attack
from sim.bank.messages import Message
from sim.bank.session import Network

__all__: list[str] = []


@attack(By.NETWORK, control="check_tag", off_in_both=("check_same",))
def payment_is_changed(stage: Stage) -> None:
    """The amount of a payment is changed on its way to the bank."""
    with stage.power_on() as session:
        session.ready()
        session.attest()
        good = session.sign()
        bad = Message.read(good)._replace(amount=100 * Message.read(good).amount).write()
        stage.attempt = f"the bank is sent {Message.read(bad)}"
        with stage.refused():
            stage.world.bank.take_payment(bad)
            stage.harm = f"the bank has booked {stage.world.account.booked[-1]}"
        if not stage.harm:
            stage.world.bank.take_payment(good)
            stage.allowed = str(stage.world.account.booked[-1])


@attack(By.NETWORK, control="check_order")
def payment_is_replayed(stage: Stage) -> None:
    """A payment that was booked is sent to the bank once more."""
    with stage.power_on() as session:
        session.ready()
        session.attest()
        payment = session.sign()
        stage.world.bank.take_payment(payment)
        stage.allowed = str(stage.world.account.booked[-1])
        stage.attempt = f"the bank is sent {Message.read(payment)} twice"
        booked = len(stage.world.account.booked)
        with stage.refused():
            stage.world.bank.take_payment(payment)
        if len(stage.world.account.booked) > booked:
            stage.harm = f"the bank has booked {stage.world.account.booked[-1]} twice"


@attack(By.NETWORK, control="check_nonce", off_in_both=("check_challenge",))
def answer_is_replayed(stage: Stage) -> None:
    """The answer to an old challenge, with its quote, is sent in the place of a new one."""
    with stage.power_on() as session:
        session.ready()
        session.attest()
        old, quote = session.network.seen[-1], session.run.bundles[-1][1]
        stage.attempt = f"the bank is sent the {Message.read(old)}, quoted for {quote.nonce.hex()[:16]}"
        session.network = Network(to_bank=lambda data: old, quote=lambda bundle: quote)
        with stage.refused():
            stage.harm = f"the bank: {session.attest()}"
        session.network = Network()
        stage.pays(session)


@attack(By.NETWORK, control="check_claim")
def quote_is_edited(stage: Stage) -> None:
    """Guest 1's own quote is sent to the bank, with the trusted guest's name written into it."""
    with stage.power_on(line=lambda run: "attack=attest_foreign") as session:
        session.ready()
        session.network = Network(quote=lambda bundle: replace(bundle, identity=stage.world.identity))
        with stage.refused():
            stage.harm = f"the bank: {session.attest()}"
        made = [bundle.identity.hex()[:16] for number, bundle in session.run.bundles if number == session.run.market.number]
        stage.attempt = f"the quote of {made[0]} is sent as the trusted guest's" if made else ""
    stage.pays()


@attack(By.NETWORK, control="check_same")
def order_is_of_another_time(stage: Stage) -> None:
    """An order that was never paid is kept, and handed over in the place of the next one, which has its number at the bank only."""
    with stage.power_on() as session:
        session.ready()
        session.attest()
        session.sign(payee="An old debt", pin="\x1b")
        kept = next(data for data in reversed(session.network.seen) if Message.read(data).kind == Kind.ORDER)
        stage.world.account.last -= 1  # the bank draws the number again, since nobody has signed it
        session.network = Network(to_machine=lambda data: kept if Message.read(data).kind == Kind.ORDER else data)
        payment = session.sign()
        stage.attempt = f"the user has paid {Message.read(payment)}"
        with stage.refused():
            stage.world.bank.take_payment(payment)
            stage.harm = f"the bank has booked {stage.world.account.booked[-1]}"
    if not stage.harm:
        stage.pays()
