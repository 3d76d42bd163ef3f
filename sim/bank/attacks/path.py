"""What the mass-market guest does to keyboard, screen and trusted line, while the trusted guest is in front."""

from contracts.ps2 import RELEASED
from sim.bank.attack import By, Stage, attack
from sim.bank.eyes import read_row
from sim.bank.session import Session
from sim.bank.world import PAYEE, PIN

__all__: list[str] = []

_CODES = bytes(0x0B if digit == "0" else int(digit) + 1 for digit in PIN)  # in set 1, as they go down
_ROW_PAYEE = 7


def _asked(stage: Stage, session: Session) -> None:
    """The user is asked, with the trusted guest in front."""
    session.ready()
    session.attest()
    session.order_shown()
    session.run.choose(session.run.trusted)


def _finish(stage: Stage, session: Session) -> None:
    session.run.press(f"{PIN}\n")
    with stage.refused():
        stage.allowed = session.finish_payment()
    session.attempted(stage)


@attack(By.GUEST, control="keys_in_front")
def keys_are_logged(stage: Stage) -> None:
    """Guest 1 reads its keyboard controller while the PIN is typed for the trusted guest."""
    with stage.power_on(line=lambda run: "attack=log_keys") as session:
        session.run.hasty = True
        _asked(stage, session)
        _finish(stage, session)
        loot = session.run.loot
        down = bytes(code for code in loot if code and not code & RELEASED)
        if _CODES in down:
            stage.harm = f"guest 1 has read the PIN's keys: {down[: len(_CODES)].hex(' ')}"
        stage.found = f"of the keyboard it has read {loot.rstrip(bytes(1)).hex(' ') or 'nothing'}"


@attack(By.GUEST, control="screen_apart")
def screen_is_read(stage: Stage) -> None:
    """Guest 1 reads at B8000h what the trusted guest shows."""
    with stage.power_on(line=lambda run: "attack=read_screen") as session:
        session.run.hasty = True
        _asked(stage, session)
        _finish(stage, session)
        seen = session.run.loot[::2].decode("cp437").replace("\0", " ").strip()
        if PAYEE in seen:
            stage.harm = f"guest 1 has read: {seen}"
        stage.found = f"it has read {seen!r} of its own screen"


@attack(By.GUEST, control="screen_apart")
def screen_is_overwritten(stage: Stage) -> None:
    """Guest 1 writes another payee at B8000h, where the trusted guest shows whom the user pays."""
    with stage.power_on(line=lambda run: "attack=write_screen") as session:
        session.run.hasty = True
        _asked(stage, session)
        session.attempted(stage)
        row = read_row(session.run.machine.screen(), 1 + _ROW_PAYEE)
        if "Mallory" in row:
            stage.harm = f"the user sees: {' '.join(row.split())}"
        stage.found = f"the user sees: {' '.join(row.split())}"
        _finish(stage, session)


@attack(By.GUEST, control="kernel_mmio_refused", off_in_both=("LINE_OPEN",))
def trusted_line_is_forged(stage: Stage) -> None:
    """Guest 1, which is in front, maps the trusted line's page and writes the trusted guest's name there."""
    with stage.power_on(line=lambda run: "attack=forge_line") as session:
        session.ready()
        session.attest()
        session.order_shown()
        session.attempted(stage)
        line = read_row(session.run.machine.screen(), 0)
        if line.startswith("2 bank"):
            stage.harm = f"guest 1 is in front, and the line says: {line}"
        stage.found = f"the line says: {line}"
        session.run.press(f"{PIN}\n")
        with stage.refused():
            stage.allowed = session.finish_payment()
