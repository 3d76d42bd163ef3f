"""The judge of isolation looks at guests alone, at data and at code, at both ends of each access."""

from types import SimpleNamespace
from typing import Any

import pytest

from sim.checks.ownership import OwnershipChecker

__all__: list[str] = []

OWN, FOREIGN = 0x5000, 0x6000
NOP, VMRUN = b"\x90", bytes((0x0F, 0x01, 0xD8))


def record(**fields: int) -> Any:
    """A record of nothing in a guest, but for ``fields``."""
    nothing = {
        "cycle": 7, "asid": 1, "context": 1, "access_valid": 0, "access_translated": 1, "access_io": 0, "access_write": 0,
        "instruction_valid": 0, "instruction_event": 0,
    }  # fmt: skip
    return SimpleNamespace(**nothing | fields)


def access(first: int, last: int, **fields: int) -> Any:
    return record(access_valid=1, access_physical=first, access_physical_last=last, **fields)


def code(first: int, last: int, opcode: bytes = NOP, **fields: int) -> Any:
    return record(
        instruction_valid=1, instruction_physical=first, instruction_physical_last=last,
        instruction_bytes=int.from_bytes(opcode, "little"), **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "kind"),
    (
        (access(FOREIGN, FOREIGN + 3), "read"),
        (access(FOREIGN, FOREIGN + 3, access_write=1), "write"),
        (access(FOREIGN - 1, FOREIGN + 2), "read"),
        (access(OWN - 1, OWN + 2), "read"),
        (code(FOREIGN, FOREIGN), "code"),
        (code(FOREIGN - 1, FOREIGN), "code"),
        (access(OWN, OWN + 3), None),
        (code(OWN, OWN), None),
        (access(FOREIGN, FOREIGN + 3, context=0), None),
        (access(FOREIGN, FOREIGN + 3, access_io=1), None),
        (access(FOREIGN, FOREIGN + 3, access_translated=0), None),
        (code(FOREIGN, FOREIGN, VMRUN), None),
        (code(FOREIGN, FOREIGN, instruction_event=1), None),
    ),
)
def test_what_is_found(seen: Any, kind: str | None) -> None:
    judge = OwnershipChecker()
    judge.feed([seen], lambda page: page == OWN >> 12)
    assert [access.kind for access in judge.foreign] == ([] if kind is None else [kind])
    if kind is not None:
        assert "which is not the guest's" in str(judge.foreign[0])
