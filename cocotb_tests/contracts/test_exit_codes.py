"""Exit codes and their names (AMD64 APM vol. 2, appendix C)."""

import pytest

from contracts.exit_codes import INVALID, ExitCode, exit_name
from contracts.vmcb import General1, General2

__all__: list[str] = []

FIRST_GENERAL1, FIRST_GENERAL2 = 0x60, 0x80


def test_general_intercepts_have_the_code_of_their_bit():
    """0Ch bit n exits with 60h + n, 10h bit n with 80h + n. FERR's exit is called FERR_FREEZE."""
    renamed = {"FERR": "FERR_FREEZE"}
    for first, bits in ((FIRST_GENERAL1, General1), (FIRST_GENERAL2, General2)):
        for bit in bits:
            assert ExitCode[renamed.get(bit.name, bit.name)] == first + bit, bit


@pytest.mark.parametrize(("code", "name"), [
    (0x00, "CR_READ_0"), (0x0F, "CR_READ_15"), (0x13, "CR_WRITE_3"), (0x27, "DR_READ_7"), (0x37, "DR_WRITE_7"),
    (0x40, "EXCEPTION_0"), (0x4E, "EXCEPTION_14"), (0x5F, "EXCEPTION_31"), (0x60, "INTR"), (0x72, "CPUID"), (0x78, "HLT"),
    (0x7B, "IOIO"), (0x7F, "SHUTDOWN"), (0x80, "VMRUN"), (0x81, "VMMCALL"), (0x8D, "XSETBV"), (0x400, "NPF"),
    (INVALID, "INVALID"), (0xFFFF_FFFF, "INVALID"), (0x8E, "UNKNOWN_8E"), (0x401, "UNKNOWN_401"),
])  # fmt: skip
def test_names(code, name):
    assert exit_name(code) == name


def test_every_code_has_one_name():
    names = [exit_name(code) for code in range(0x401)]
    known = [name for name in names if not name.startswith("UNKNOWN")]
    assert len(known) == len(set(known)) == 0x8E + 1
