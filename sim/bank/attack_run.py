"""One run of one attack: the same whether anything is missing or not."""

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from sim.bank.attack import Attack, Stage
from sim.bank.missing import Missing, missing
from sim.bank.world import World

__all__ = ["run_attack"]


def _as_any(off: Missing) -> bool:
    """Whether what is kept from the first start of the machine as it is can be read in this one."""
    plain = Missing()
    return (off.guest, off.sealing, off.tags) == (plain.guest, plain.sealing, plain.tags)


def run_attack(attack: Attack, off: Collection[str], first: Path | None = None) -> Stage:
    """With ``off`` missing. ``first``: what a first start has left (``World.keep``), so that it need not be made again."""
    with TemporaryDirectory(prefix="ringfence-bank-") as folder:
        stage = Stage(World(Path(folder) / "world", missing(off)))
        if first is not None and _as_any(stage.world.missing):
            stage.world.resume(first)
        else:
            stage.provision()
        attack.act(stage)
        return stage
