"""What a run leaves behind for the judge. Nothing in it says which run it was."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["LAUNCHED", "Evidence"]

LAUNCHED = "L"  # what the launcher says right before SKINIT


@dataclass
class Evidence:
    """Everything that could be seen of a run.

    ``said`` : letters on port E9h, in order
    ``denied`` : DMA accesses that were refused
    ``launch``, ``kernel`` : what PCR 17 and PCR 18 hold at the end; None where the TPM does not say
    ``genuine`` : what they hold after a launch of the secure loader and of the stub and kernel that are expected
    ``truthful`` : what PCR 18 holds if it names the stub that was given, whatever that is
    ``untouched`` : what PCR 17 and PCR 18 were left as by those who may change them; None where that is not the question
    ``spilt`` : where the secret, or a part of it, lies outside the block and ring −1's memory
    ``survived`` : the secret is in memory, and the BIOS runs again
    ``starts`` : whoever launches does it rightly, so that the stub must come to run
    ``refusal`` : what the host says of a launch that comes to nothing
    """

    genuine: tuple[bytes, bytes]
    truthful: bytes
    said: str = ""
    denied: int = 0
    launch: bytes | None = None
    kernel: bytes | None = None
    untouched: tuple[bytes, bytes] | None = None
    spilt: Sequence[int] = ()
    survived: bool = False
    starts: bool = False
    refusal: str = ""
