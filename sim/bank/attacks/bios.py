"""What the BIOS does before the launch, beside its usual lies."""

from firmware.build import changed
from sim.bank.attack import By, Stage, attack
from sim.bank.boot import Bios

__all__: list[str] = []

_LOADER = "secure_loader/loader.c"
_CLEARS_MAP = "    memset((void *)BLOCK_MAP, 0, PAGE_SIZE);\n"


def _other_loader() -> bytes:
    """A secure loader that leaves the policy map as it finds it: whoever ran before decides who reaches memory."""
    return changed("secure_loader", {_LOADER: {_CLEARS_MAP: ""}})


@attack(By.BIOS, control="sealing_registers")
def loader_is_exchanged(stage: Stage) -> None:
    """The BIOS puts another secure loader in the genuine one's place, that the trusted guest may unseal its key above it."""
    with stage.power_on(Bios(loader=_other_loader())) as session:
        stage.attempt = f"block {session.run.system.launched.events[0].digest.hex()[:16]} was launched"  # type: ignore[union-attr]
        with stage.decided():
            session.run.until(lambda: session.run.wants_letter or session.run.ready, "the guest has looked for its account")
        if session.run.ready:
            stage.harm = "the trusted guest has unsealed its key above another loader"
        else:
            stage.found = f"no account: {session.why}"
    stage.pays()


@attack(By.BIOS, control="check_measured", off_in_both=("sealing_registers",))
def loader_is_vouched_for(stage: Stage) -> None:
    """The BIOS has another secure loader launched, and the bank is to believe that machine."""
    with stage.power_on(Bios(loader=_other_loader())) as session, stage.refused():
        session.ready()
        stage.attempt = f"block {session.run.system.launched.events[0].digest.hex()[:16]} was launched, and quoted"  # type: ignore[union-attr]
        stage.harm = f"the bank: {session.attest()}"
    stage.pays()
