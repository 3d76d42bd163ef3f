"""What a policy grants, and about whom beside guests (by their identities) and devices (by their names)."""

from enum import Enum

__all__ = ["COMES_OUT", "GOES_IN", "HOST", "NOBODY", "STAYS", "SYSTEM", "Right"]

HOST, SYSTEM, NOBODY = "host", "system", "nobody"


class Right(Enum):
    """What a guest may ask of the isolation kernel beyond its own running, and what that is about."""

    MESSAGES = "receive from and send to the host"
    GIVE_PAGE = "give pages away: about the guest that gets them"
    GIVE_DEVICE = "give devices away: about the guest that gets them, which needs USE"
    SYSTEM_SHUTDOWN = "shut the system down"
    RUN = "be started, with memory of its own: about the system"
    USE = "have a device"
    CHANNEL = "exchange messages and pages with a guest, and be told whether they arrive"
    POST = "send to a guest and be told nothing"
    SEAL = "keep data for a guest that may read them: itself, or another"
    UNSEAL = "read the data of the guest that sealed them"
    ATTEST = "let the host see a quote with data of the guest's own"


# Which way information goes by a right; with every other one it goes both ways.
GOES_IN = frozenset({Right.SYSTEM_SHUTDOWN, Right.POST, Right.SEAL, Right.ATTEST})  # from the guest to what it is about, nothing back
COMES_OUT = frozenset({Right.UNSEAL})  # to the guest, and nothing from it
STAYS = frozenset({Right.RUN})
