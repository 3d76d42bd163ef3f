"""What an attack on the trusted path is, and what a control run of it leaves out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from contracts.protections import Protections

__all__ = ["Attack", "Conditions", "Run", "Seeded", "attack"]


class Seeded(Enum):
    """A mistake in kernel, processor or display, put there by the bench: for protections that have no switch of their own."""

    IF_HOLDS_OFF = "VMCBs without V_INTR_MASKING: a guest's IF holds physical interrupts off"
    HLT_STOPS_ALL = "VMCBs that do not intercept HLT: it stops the processor and not the guest"
    ONE_8042 = "one virtual 8042 for all guests"
    SCREEN_IS_RAM = "the pages of screen memory are RAM of the first guest"
    DMA_TO_DISPLAY = "DMA has a way to the display's memories"
    PHRASE_TOLD = "the phrase is where guests read it"
    ONE_PALETTE = "the trusted line has the guests' colours"
    NO_LINE = "the display has no line of its own: the first row of screen memory is the first of the picture"


@dataclass(frozen=True)
class Conditions:
    """``protections``: None = all, with the kernel's invariants checked after each exit. ``seeded``: what is wrong; in an attack's own run
    nothing, but for what both runs need that the one protection is seen by itself."""

    protections: Protections | None = None
    seeded: frozenset[Seeded] = frozenset()

    @classmethod
    def without(cls, control: "str | Seeded") -> "Conditions":
        """All but one protection."""
        if isinstance(control, Seeded):
            return cls(Protections(), frozenset({control}))
        return cls(Protections.without(control))


Run = Callable[[Conditions], bool]


@dataclass(frozen=True)
class Attack:
    """``run`` says whether it has succeeded. ``control`` is the one protection that a control run leaves out. ``harmless``, where there is
    one, is the same scene without the attacker's act: that must not succeed in the control run either, or the control would show nothing.
    """

    name: str
    run: Run
    control: str | Seeded
    harmless: Run | None = None


def attack(attacks: list[Attack], control: str | Seeded, harmless: Run | None = None) -> Callable[[Run], Run]:
    """Put a function among the attacks, under its name."""

    def register(run: Run) -> Run:
        attacks.append(Attack(run.__name__, run, control, harmless))
        return run

    return register
