"""What the isolation kernel tells its host."""

from dataclasses import dataclass
from enum import Enum

from contracts.policy_map import GUARD

__all__ = ["Refusal", "Step"]


class Step(Enum):
    """What one step of the kernel came to."""

    RAN = "a guest ran until it exited"
    WAITED = "nobody could run; an interrupt came"
    IDLE = "nobody can run, and nothing will come by itself"
    OVER = "the system is shut down, or no guest is left"


@dataclass(frozen=True)
class Refusal:
    """A DMA access that the guard refused: the first since the kernel last looked."""

    requester: int
    address: int
    write: bool

    @classmethod
    def decode(cls, address: int, info: int) -> "Refusal":
        """From LOG_ADDRESS and LOG_INFO."""
        requester, write = (GUARD["LOG_INFO"].field(name).get(info) for name in ("REQUESTER", "WRITE"))
        return cls(requester, address, bool(write))
