"""What the mass-market guest does, while the user is asked for the PIN or as it carries messages; and a changed trusted guest."""

from contracts.bank import MESSAGE, Kind
from firmware.guests.bank_header import EVIL_CUSTOMER
from sim.bank.attack import By, Stage, attack
from sim.bank.messages import Message
from sim.bank.power_on import PowerOn
from sim.bank.world import AMOUNT, PAYEE

__all__: list[str] = []


def _steals(stage: Stage, name: str) -> None:
    """The key, into its memory or to its friends outside."""

    def line(run: PowerOn) -> str:
        return f"attack={name} at={stage.world.places['session']:#x}"

    with stage.power_on(line=line) as session:
        stage.pays(session)
        session.attempted(stage)
        key, memory = stage.world.account.key, session.run.memory_of(session.run.market)
        sent = b"".join(session.network.seen)
        if key in memory:
            stage.harm = f"the customer's key lies in guest 1's memory, at {memory.index(key):#x}"
        elif key in sent:
            stage.harm = "guest 1 has sent the customer's key out"
        stage.found = stage.found or "the key is neither in guest 1's memory nor in what it sent"


def _redirects(stage: Stage, name: str) -> None:
    """The payment is to go to somebody else than the user has agreed to."""

    def line(run: PowerOn) -> str:
        place = stage.world.places["incoming"] + MESSAGE.offset("payee")
        return f"attack={name} at={place:#x}"

    with stage.power_on(line=line) as session:
        with stage.refused():
            session.ready()
            session.attest()
            data = session.sign()
            signed = Message.read(data)
            if signed.kind == Kind.PAYMENT and signed.payee != PAYEE:
                stage.harm = f"the trusted guest has signed {signed}"
            elif signed.kind == Kind.PAYMENT:
                stage.found = f"it has signed {signed}"
                stage.world.bank.take_payment(data)
            else:
                stage.found = f"the trusted guest answers with a {signed}"
        session.attempted(stage)


@attack(By.DMA, control="dma_policy")
def engine_reads_the_key(stage: Stage) -> None:
    """Guest 1 has its DMA engine copy the account with the key out of the trusted guest's memory."""
    _steals(stage, "dma_read")


@attack(By.DMA, control="dma_policy")
def engine_writes_the_order(stage: Stage) -> None:
    """Guest 1 has its DMA engine write another payee into the order that the user is looking at."""
    _redirects(stage, "dma_write")
    stage.pays()


@attack(By.GUEST, control="frame_owner_check")
def page_table_reads_the_key(stage: Stage) -> None:
    """Guest 1 maps the trusted guest's frame in a page table of its own and reads the key."""
    _steals(stage, "map_read")


@attack(By.GUEST, control="frame_owner_check")
def page_table_writes_the_order(stage: Stage) -> None:
    """Guest 1 maps the trusted guest's frame and writes another payee into the order that the user is looking at."""
    _redirects(stage, "map_write")
    stage.pays()


@attack(By.GUEST, control="hypercall_buffers")
def kernel_sends_the_key(stage: Stage) -> None:
    """Guest 1 asks the kernel to send a message out of the trusted guest's memory."""
    _steals(stage, "send_foreign")


@attack(By.GUEST, control="sealed_identity")
def account_is_unsealed(stage: Stage) -> None:
    """Guest 1 unseals what the trusted guest has sealed, in its name, which the kernel itself has told."""
    _steals(stage, "unseal_foreign")


@attack(By.GUEST, control="sealed_identity")
def account_is_replaced(stage: Stage) -> None:
    """Guest 1 seals an account of its own making in the trusted guest's name."""
    with stage.power_on(line=lambda run: "attack=seal_foreign") as session:
        session.ready()
        session.attest()
        session.sign(pin="\x1b")  # not to be kept again behind the attack
        session.attempted(stage)
    with stage.power_on() as session:
        session.ready()
        said = session.run.console[session.run.trusted.number].decode().strip()
        if f"customer {EVIL_CUSTOMER}," in said:
            stage.harm = f"the trusted guest works for another: {said}"
        stage.found = said
        if not stage.harm:
            stage.pays(session)


@attack(By.GUEST, control="sealed_identity")
def answer_is_quoted_by_another(stage: Stage) -> None:
    """Guest 1 has a quote made of its own, about what the trusted guest has answered, and that goes to the bank."""
    with stage.power_on(line=lambda run: "attack=attest_foreign") as session:
        with stage.refused():
            session.ready()
            verdict = session.attest()
            if session.run.bundles[-1][0] == session.run.market.number:
                stage.harm = f"the bank, of guest 1's quote: {verdict}"
        if [number for number, _ in session.run.bundles] == [session.run.trusted.number, session.run.market.number]:
            stage.attempt = f"guest 1 had a quote made, by the name {session.run.bundles[-1][1].identity.hex()[:16]}"
    stage.pays()


@attack(By.GUEST, control="guest_checks_tags")
def order_is_changed(stage: Stage) -> None:
    """Guest 1 changes the payee of an order that it carries."""
    with stage.power_on(line=lambda run: "attack=change_order") as session:
        session.ready()
        session.attest()
        answer = Message.read(session.sign())
        stage.attempt = "guest 1 carries orders with another payee"
        if answer.kind == Kind.PAYMENT:
            stage.harm = f"the trusted guest has signed {answer}"
        stage.found = f"the trusted guest answers with a {answer}"
    stage.pays()


@attack(By.GUEST, control="guest_checks_numbers")
def order_is_replayed(stage: Stage) -> None:
    """Guest 1 hands over an order that has been paid, in the place of the next."""
    with stage.power_on(line=lambda run: "attack=replay_order") as session:
        stage.pays(session)
        first = stage.world.account.signed
        stage.world.account.attested = True
        answer = Message.read(session.sign(amount=AMOUNT + 1))
        stage.attempt = f"guest 1 carries order {first} in the place of {stage.world.account.last}"
        if answer.kind == Kind.PAYMENT and answer.number == first:
            stage.harm = f"payment {first} was signed a second time"
        stage.found = f"the trusted guest answers with a {answer}"


@attack(By.GUEST, control="check_guest")
def program_is_exchanged(stage: Stage) -> None:
    """On a new machine a trusted guest is started that asks for no PIN, and the owner is made to give it the letter."""
    stage.world.exchange({"guests/bank/account.c": {"if (!same(account->pin": "if (0 && !same(account->pin"}})
    stage.world.fresh()
    with stage.power_on(new_store=True) as session, stage.refused():
        session.provide()
        session.ready()
        stage.attempt = "it was started, and has the letter"
        stage.harm = f"the bank: {session.attest(first=True)}"
    stage.world.exchange({})
    stage.world.fresh()
    stage.provision()
    stage.allowed = f"{stage.world.account.booked[-1]}, by the genuine one" if stage.world.account.booked else ""
