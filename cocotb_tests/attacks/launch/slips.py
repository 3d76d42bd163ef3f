"""Mistakes that the secure loader does not make: its source with a step left out or changed, for control runs."""

from enum import Enum
from functools import cache

from firmware.build import changed

__all__ = ["Slip", "loader_with"]

_LOADER, _ENTRY = "secure_loader/loader.c", "secure_loader/entry.S"
_OPEN = "    write32(guard(GUARD_LAUNCH_CONTROL), 0);\n"
_CLEAR = "    memset((void *)BLOCK_MAP, 0, PAGE_SIZE);\n"
_ENABLE = "write32(guard(GUARD_CONTROL), GUARD_CONTROL_ENABLE | FORMAT_UNIFORM << GUARD_CONTROL_FORMAT_SHIFT);"


class Slip(Enum):
    """What is wrong: the source, and what is replaced by what."""

    OPENS_FIRST = (_LOADER, ((_OPEN, ""), (_CLEAR, _OPEN + _CLEAR)))  # the launch's protection ends before the map's begins
    MAP_AS_FOUND = (_LOADER, ((_CLEAR, ""),))
    CONTROL_AS_FOUND = (_LOADER, ((_ENABLE, "write32(guard(GUARD_CONTROL), read32(guard(GUARD_CONTROL)) | GUARD_CONTROL_ENABLE);"),))
    MEASURES_THE_SOURCE = (_LOADER, (("digest_of(base, size, stub);", "digest_of(source, size, stub);"),))
    COPIES_OVER_ITSELF = (_LOADER, (("base < block + BLOCK_SIZE || ", ""),))
    ANY_SIZE = (_LOADER, (("size == 0 || size > STUB_LIMIT || size % 4 || ", ""),))
    GOES_ON = (_LOADER, (("if (failed && tpm_present())", "if (0)"),))  # without what the TPM has refused
    TAKES_INTERRUPTS = (_ENTRY, (("        call    load", "        stgi\n        sti\n        call    load"),))
    RUNS_ANYWHERE = (_ENTRY, (("        jb      nowhere\n", ""), ("        jae     nowhere\n", "")))
    IDT_AS_FOUND = (_ENTRY, (("        lidtl   %ss:no_idt(%edi)", "        nop"),))


@cache
def loader_with(*slips: Slip) -> bytes:
    """The secure loader block with that wrong in it."""
    changes: dict[str, dict[str, str]] = {}
    for slip in slips:
        source, pairs = slip.value
        changes.setdefault(source, {}).update(dict(pairs))
    return changed("secure_loader", changes)
