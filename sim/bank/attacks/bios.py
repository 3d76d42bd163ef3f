"""What the BIOS does before the launch, beside its usual lies."""

from contracts.bank import ACCOUNT, KEY_SIZE
from firmware.build import changed
from sim.bank.attack import By, Stage, attack
from sim.bank.boot import LOOT, SCRATCH, Bios

__all__: list[str] = []

_LOADER = "secure_loader/loader.c"
_CLEARS_MAP = "    memset((void *)BLOCK_MAP, 0, PAGE_SIZE);\n"
_LONG, _SHORT = 0x2_0000, 0x1_0000  # bytes of transfers that only take time
_WAITS = 12
_LOOKS = 24
_KEY_AT = ACCOUNT.offset("key")


def _other_loader() -> bytes:
    """A secure loader that leaves the policy map as it finds it: whoever ran before decides who reaches memory."""
    return changed("secure_loader", {_LOADER: {_CLEARS_MAP: ""}})


@attack(By.BIOS, control="sealing_registers")
def loader_is_exchanged(stage: Stage) -> None:
    """The BIOS puts another secure loader in the genuine one's place, that the trusted guest may unseal its key above it."""
    with stage.power_on(Bios(loader=_other_loader())) as session:
        stage.attempt = f"block {session.run.system.launched.events[0].digest.hex()[:16]} was launched"  # type: ignore[union-attr]
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


@attack(By.BIOS, control="GUARD_OFF", off_in_both=("device_reset",))
def engine_is_left_running(stage: Stage) -> None:
    """The BIOS leaves a DMA engine running over the launch, with an order to copy the trusted guest's key when it is there."""
    account = stage.world.places["session"]
    waits = (SCRATCH, SCRATCH + _LONG, _LONG), (SCRATCH, SCRATCH + _LONG, _SHORT)
    steals = [(account & -16, LOOT, 256)]
    chain = [*(waits[0] for _ in range(_WAITS)), *(each for _ in range(_LOOKS) for each in (waits[1], *steals))]
    with stage.power_on(Bios(chain=chain)) as session:
        stage.pays(session)
        stage.attempt = f"{len(chain)} transfers were begun before the launch, of {len(steals) * _LOOKS} from {account:#x}"
        session.settle(2_500_000)
        key = stage.world.account.key
        assert len(key) == KEY_SIZE
        if key in session.run.machine.model.dump(LOOT, 4096):
            stage.harm = f"the customer's key lies at {LOOT:#x}"
        refusals = session.run.machine.denials()
        stage.found = (
            f"the guard refused {len(refusals)} accesses, the first {'to' if refusals[0][1] else 'from'} {refusals[0][0]:#x}"
            if refusals
            else "nothing"
        )
