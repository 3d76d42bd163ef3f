"""Time of others."""

from firmware.guests.attack import Attack, Judge, Needs, Target

__all__ = ["TIME"]

_MESSAGES = (Needs.GUEST2_MESSAGES,)

TIME: tuple[Attack, ...] = (
    Attack(
        "starve_cli",
        "loops with interrupts off",
        "starve_cli",
        "interrupt_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_faults",
        "has a handler that returns to the instruction that faults",
        "starve_faults",
        "interrupt_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_exits",
        "makes exits without end",
        "starve_exits",
        "interrupt_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_shadow",
        "loads SS without end: each load holds interrupts off until the next instruction is done",
        "starve_shadow",
        "interrupt_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_iret",
        "returns by IRET without end, in the shadow of one load of SS, which no IRET may renew",
        "starve_iret",
        "interrupt_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
        prepare="prepare_irets",
    ),
)
