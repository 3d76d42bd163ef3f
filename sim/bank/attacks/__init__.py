"""All attacks of the scenario, by whose they are."""

from sim.bank.attack import ATTACKS as _ALL
from sim.bank.attack import Attack
from sim.bank.attacks import bios, disk, guests, network, path

__all__ = ["ATTACKS", "BY_NAME", "THEMES"]

THEMES = (bios, guests, path, disk, network)
ATTACKS: tuple[Attack, ...] = tuple(_ALL)
BY_NAME = {attack.name: attack for attack in ATTACKS}
