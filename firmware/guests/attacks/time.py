"""Time of others."""

from firmware.guests.attack import Attack, Judge, Needs, Target

__all__ = ["TIME"]

_MESSAGES = (Needs.GUEST2_MESSAGES,)

TIME: tuple[Attack, ...] = (
    Attack(
        "starve_cli",
        "loops with interrupts off",
        "starve_cli",
        "call_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_faults",
        "has a handler that returns to the instruction that faults",
        "starve_faults",
        "call_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_exits",
        "makes exits without end",
        "starve_exits",
        "call_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_shadow",
        "loads SS without end: each load holds interrupts off until the next instruction is done",
        "starve_shadow",
        "call_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
)
