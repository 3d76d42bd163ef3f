"""Attacks on the user's way to the kernel: a guest in front that would not be left, or be heard in the user's place.

The neighbour sleeps, but where that would need the machine's own ports: so nothing but the timer's interrupt takes the processor from the
guest in front.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cocotb_tests.attacks.path.attack import Attack, Conditions, Seeded, attack
from cocotb_tests.attacks.path.bench import ARMED, CHOOSE, F12, Bench, busy, logger, release, sleeper
from cocotb_tests.isolation_kernel.world import paging_on
from contracts.memory_map import Port
from contracts.ps2 import KbcCommand, KeyboardCommand
from contracts.user_view import ATTENTION_TEXT
from isolation_kernel.model.script import (
    Cpuid,
    GuestException,
    Halt,
    Misalign,
    Out,
    Read,
    Script,
    SetIf,
    SvmInstruction,
)  # fmt: skip

__all__ = ["EARS"]

EARS: list[Attack] = []

_FAR = 0x3000_0000  # nothing is mapped there
_ASLEEP, _LONG = 60, 40  # rounds after which the neighbour sleeps; in which a key is heard

_Guest = Callable[[], Script]


def peaceful() -> Script:
    """Lets interrupts in."""
    yield SetIf(True)
    yield from busy()


def _is_not_left(guest: _Guest, also: frozenset[Seeded], restarts: bool, on: Conditions) -> bool:
    """The user presses F12 and 2."""
    bench = Bench(replace(on, seeded=on.seeded | also))
    bench.guest(guest, one_to_one=True, restart_on_reset=restarts)
    bench.guest(sleeper if on.protections is None or on.protections.io_permission else peaceful)
    if bench.stuck(_ASLEEP):
        return True
    bench.machine.ps2.key(F12)
    if bench.stuck(_LONG):
        return True
    told = ATTENTION_TEXT in bench.line
    bench.machine.ps2.key(CHOOSE[2])
    return bench.stuck(_LONG) or not told or bench.front != 2


def _ear(control: str | Seeded, *also: Seeded, restarts: bool = False) -> Callable[[_Guest], _Guest]:
    """``also`` is wrong in both runs."""

    def register(guest: _Guest) -> _Guest:
        runs = (partial(_is_not_left, which, frozenset(also), restarts) for which in (guest, peaceful))
        EARS.append(Attack(guest.__name__, next(runs), control, next(runs)))
        return guest

    return register


@_ear(Seeded.IF_HOLDS_OFF)
def closes_its_ears() -> Script:
    """CLI, and a loop."""
    yield SetIf(False)
    yield from busy()


@_ear(Seeded.HLT_STOPS_ALL, Seeded.IF_HOLDS_OFF)
def halts_for_good() -> Script:
    """CLI, HLT: where V_INTR_MASKING does not help, that HLT exits."""
    yield SetIf(False)
    yield Halt()


@_ear("svm_intercepts")
def closes_the_global_gate() -> Script:
    """CLGI."""
    yield SvmInstruction("CLGI")
    yield from busy()


@_ear("io_permission")
def disables_its_keyboard() -> Script:
    """By a command to the controller and one to the keyboard."""
    yield Out(Port.KBC_STATUS, KbcCommand.DISABLE_KEYBOARD)
    yield Out(Port.KBC_DATA, KeyboardCommand.DISABLE)
    yield Out(Port.KBC_STATUS, KbcCommand.DISABLE_KEYBOARD)
    yield from busy()


@_ear("io_permission")
def masks_the_timer() -> Script:
    """All lines of the 8259 are closed."""
    yield Out(Port.PIC_MASTER + 1, 0xFF)
    yield from busy()


@_ear("preemption")
def never_lets_a_fault_be_delivered() -> Script:
    """The delivery of #AC raises #AC: the processor comes to no boundary between instructions, where an interrupt would be taken."""
    yield Misalign()


@_ear(Seeded.IF_HOLDS_OFF)
def faults_for_ever() -> Script:
    """Its handler of #PF goes back to what has faulted, and lets no interrupt in."""
    yield from paging_on()
    yield SetIf(False)
    while True:
        try:
            yield Read(_FAR)
        except GuestException:
            continue


@_ear(Seeded.IF_HOLDS_OFF)
def exits_for_ever() -> Script:
    """With interrupts off."""
    yield SetIf(False)
    while True:
        yield Cpuid(0)


def _hears(act: bytes, on: Conditions) -> bool:
    bench, heard = Bench(on), list[int]()
    bench.guest(logger(heard), one_to_one=True)
    bench.run(ARMED)
    bench.type(*(act[n : n + 1] for n in range(len(act))))
    return bool(heard)


@attack(EARS, "attention_key")
def hears_the_attention_key(on: Conditions) -> bool:
    """The guest in front, which would draw the line that the user waits for."""
    return _hears(F12 + release(F12[0]), on)


@attack(EARS, "attention_key")
def hears_who_is_chosen(on: Conditions) -> bool:
    """Digit or Escape after the attention key."""
    bench, heard = Bench(on), list[int]()
    bench.guest(logger(heard), one_to_one=True)
    bench.guest(logger(heard))
    bench.run(ARMED)
    bench.choose(2)
    return CHOOSE[2][0] in heard


@attack(EARS, "held_keys")
def hears_the_choosing_digit_repeat_itself(on: Conditions) -> bool:
    """The user holds it down for longer than the keyboard waits."""
    bench, heard = Bench(on), list[int]()
    bench.guest(busy, one_to_one=True)
    bench.guest(logger(heard))
    bench.run(ARMED)
    bench.type(F12, release(F12[0]), *(CHOOSE[2] for _ in range(4)), release(CHOOSE[2][0]))
    return CHOOSE[2][0] in heard
