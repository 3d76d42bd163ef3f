"""What whoever has the disk does between two starts of the machine."""

from contracts.bank import ACCOUNT
from contracts.sealed_storage import CELL_SECTORS, CELLS, INDEX_SECTORS, SECTOR, cell_sector, index_sector
from sim.bank.attack import By, Stage, attack
from sim.bank.session import Session
from sim.bank.world import CUSTOMER

__all__: list[str] = []

_OTHER = 1 << 7
_ACCOUNT_AT = ACCOUNT.offset("customer")


def _started(stage: Stage, session: Session) -> bool:
    """Whether the guest has got an account; what it said is kept."""
    run = session.run
    with stage.decided():
        run.until(lambda: run.wants_letter or run.ready or not run.trusted.alive, "the guest has looked for its account")
    stage.found = run.console.get(run.trusted.number, b"").decode().strip() if run.ready else f"no account: {session.why}"
    return run.ready


def _put_back_and_pay(stage: Stage, image: bytes) -> None:
    stage.world.disk.write_bytes(image)
    stage.pays()


@attack(By.DISK, control="sealing_counter")
def disk_is_set_back(stage: Stage) -> None:
    """The disk of last week is put back, so that a number would be signed twice."""
    old = stage.world.disk.read_bytes()
    before = stage.world.account.signed
    with stage.power_on() as session:
        stage.pays(session)
    new = stage.world.disk.read_bytes()
    stage.world.disk.write_bytes(old)
    stage.attempt = f"the disk of payment {before} was put back, after payment {stage.world.account.signed}"
    with stage.power_on() as session:
        if _started(stage, session):
            stage.harm = f"the trusted guest goes on with the old disk: {stage.found}"
    stage.allowed = ""
    if not stage.harm:
        _put_back_and_pay(stage, new)


@attack(By.DISK, control="sealing_counter")
def tries_are_given_back(stage: Stage) -> None:
    """The disk from before is put back after each wrong PIN, so that all PINs can be tried."""
    old = stage.world.disk.read_bytes()
    with stage.power_on() as session:
        session.ready()
        session.attest()
        session.sign(pin="0000")
        stage.attempt = "a PIN was tried, and the disk from before was put back"
    new = stage.world.disk.read_bytes()
    stage.world.disk.write_bytes(old)
    with stage.power_on() as session:
        if _started(stage, session):
            session.attest()
            session.order_shown()
            row = session.run.row(10).strip()
            if row.endswith("3"):
                stage.harm = f"the screen says: {row}"
            stage.found = row
    if not stage.harm:
        _put_back_and_pay(stage, new)


@attack(By.DISK, control="sealing_counter")
def newest_index_is_wiped(stage: Stage) -> None:
    """The newer of the two indexes is wiped out, so that the one before it, with the counter of before, would be taken."""
    image = stage.world.disk.read_bytes()
    newest = max(range(2), key=lambda n: image[index_sector(n) * SECTOR + 8 : index_sector(n) * SECTOR + 16][::-1])
    at = index_sector(newest) * SECTOR
    stage.world.disk.write_bytes(image[:at] + bytes(INDEX_SECTORS * SECTOR) + image[at + INDEX_SECTORS * SECTOR :])
    stage.attempt = f"index {newest} was wiped out"
    with stage.power_on() as session:
        if _started(stage, session):
            stage.harm = f"the trusted guest goes on by the older index: {stage.found}"
    if not stage.harm:
        _put_back_and_pay(stage, image)


def _turn_over(stage: Stage) -> None:
    image = bytearray(stage.world.disk.read_bytes())
    for cell in range(CELLS):
        image[cell_sector(cell) * SECTOR + _ACCOUNT_AT] ^= _OTHER
    stage.world.disk.write_bytes(bytes(image))


@attack(By.DISK, control="sealing_tags")
def account_is_changed(stage: Stage) -> None:
    """A bit of the sealed account is turned over on the disk, wherever it may lie: another customer's, by a bit."""
    _turn_over(stage)
    stage.attempt = f"a bit of each of {CELLS} cells, of {CELL_SECTORS} sectors, was turned over"
    with stage.power_on() as session:
        if _started(stage, session):
            stage.harm = (
                f"it has taken customer {CUSTOMER ^ _OTHER} for its own: {stage.found}"
                if f"customer {CUSTOMER ^ _OTHER}" in stage.found
                else ""
            )
    if not stage.harm:
        _turn_over(stage)  # what has been opened since is a disk of its own
        stage.pays()
