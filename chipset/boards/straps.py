"""Straps of the simulated machine: switches for control runs, which no board has."""

from enum import IntFlag

__all__ = ["STRAP_WIDTH", "Strap"]

STRAP_WIDTH = 8


class Strap(IntFlag):
    """Each switches off one protection, so that the attack it stops is seen to succeed without it."""

    NO_SCRUB = 1 << 0  # platform reset does not scrub RAM
    GUARD_OFF = 1 << 1  # the guard's refusals are logged but not carried out
    A20_OBEYED = 1 << 2  # A20 is not forced on while protection is on
    REGISTERS_OPEN = 1 << 3  # the chipset's control registers answer any authority
    TPM_LOCALITIES_OPEN = 1 << 4  # the TPM's localities 1 to 3 answer anybody, launch or no launch
    TPM_HASH_OPEN = 1 << 5  # the registers of the TPM's locality 4 reach what the late launch alone must reach
    LINE_OPEN = 1 << 6  # the trusted line takes writes with any authority
    SCREEN_KEPT = 1 << 7  # platform reset leaves screen memory and the trusted line as they are
