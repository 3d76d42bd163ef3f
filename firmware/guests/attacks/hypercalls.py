"""Hypercalls without the right to, and with bad arguments."""

from firmware.guests.attack import Attack, Judge, Needs, Target

__all__ = ["HYPERCALLS"]

_G2 = Target.GUEST2
_GIVE = (Needs.GIVE_PAGE,)
_MARK = Judge.MARK_AT_TARGET

HYPERCALLS: tuple[Attack, ...] = (
    Attack(
        "send_guest2", "sends a message out of guest 2's memory", "send_foreign", "send_own", _G2, Judge.SECRET_SENT, "hypercall_buffers"
    ),
    Attack("console_guest2", "prints guest 2's memory", "console_foreign", "console_own", _G2, Judge.SECRET_SENT, "hypercall_buffers"),
    Attack(
        "receive_guest2",
        "receives a message into guest 2's memory",
        "receive_foreign",
        "receive_own",
        _G2,
        _MARK,
        "hypercall_buffers",
        needs=(Needs.MESSAGE,),
    ),
    Attack(
        "system_shutdown",
        "shuts the system down without the right to",
        "system_shutdown",
        "shutdown_own",
        Target.NONE,
        Judge.SYSTEM_ENDED,
        "hypercall_rights",
    ),
    Attack(
        "give_foreign_device",
        "gives another guest a device that is not its own to give",
        "give_foreign_device",
        "give_device_own",
        Target.DEVICE,
        Judge.DEVICE_REACHES,
        "hypercall_rights",
        needs=(Needs.DMA, Needs.GIVE_DEVICE),
    ),
    Attack(
        "ring3_hypercall",
        "an application in ring 3 gives a page of its system away",
        "ring3_give_page",
        "give_page_own",
        Target.NONE,
        Judge.PAGE_LOST,
        "hypercall_ring",
        needs=_GIVE,
    ),
)
