"""RDMSR, WRMSR and CPUID: the generated comparisons, followed as a program."""

from typing import cast

import pytest

from cocotb_tests.rtl.packed import unpack
from cpu_ext.extension import Svm
from rtl.arch import identity
from rtl.microcode.dispatch import text
from rtl.microcode.rom import build
from rtl.microcode.uop import Alu, Condition, Destination, Sequence, Source, Template, Unit
from rtl.params import CoreParams
from rtl.seam import CpuidLeaf, Extension, MsrRow

__all__: list[str] = []

ROM = build(Svm())
OPS = [unpack(Template, word) for word in ROM.words]


def follow(label: str, register: Source, value: int) -> str | dict[str, int]:
    """Runs comparisons of ``register`` and constant loads: the label of the program reached, or the registers at the end."""
    address, loaded = ROM.labels[label], {}
    for _ in range(200):
        op = OPS[address]
        if op["unit"] == Unit.ALU.value and op["fn"] == Alu.CMP and op["source1"] == register:
            equal = value == op["constant"]
            assert op["condition"] == Condition.Z
            address = op["label"] if equal else address + 1
        elif op["unit"] == Unit.ALU.value and op["fn"] == Alu.PASS and op["source2"] == Source.CONST:
            loaded[Destination(op["destination"]).name] = op["constant"]
            if op["sequence"] == Sequence.LAST.value:
                return loaded
            address += 1
        elif op["sequence"] == Sequence.JUMP.value and op["condition"] == Condition.ALWAYS:
            address = op["label"]
        else:
            return ROM.near(address)
    raise AssertionError("no end")


MSRS = {0x10: ("read_msr_tsc", "write_msr_tsc"), 0x174: ("read_msr_sysenter_cs", "write_msr_sysenter_cs"),
        0x175: ("read_msr_sysenter_esp", "write_msr_sysenter_esp"), 0x176: ("read_msr_sysenter_eip", "write_msr_sysenter_eip"),
        0xC000_0080: ("read_msr_efer", "write_msr_efer"), 0xC001_0114: ("read_msr_vm_cr", "write_msr_vm_cr"),
        0xC001_0117: ("read_msr_hsave", "write_msr_hsave")}  # fmt: skip


@pytest.mark.parametrize("number", [*MSRS, 0, 0x11, 0x173, 0x177, 0xC000_0081, 0xC001_0115, 0xC001_0116, 0xFFFF_FFFF], ids=hex)
def test_msrs(number):
    read, write = MSRS.get(number, (None, None))
    assert follow("rdmsr_dispatch", Source.ECX, number) == (read or "raise_gp0")
    assert follow("wrmsr_dispatch", Source.ECX, number) == (write or "raise_gp0")


def word(text: str) -> int:
    return int.from_bytes(text.encode(), "little")


def test_cpuid():
    def leaf(number: int) -> tuple[int, ...]:
        registers = follow("cpuid_dispatch", Source.EAX, number)
        assert isinstance(registers, dict)
        return tuple(registers[name] for name in ("EAX", "EBX", "ECX", "EDX"))

    vendor = identity.VENDOR
    assert leaf(0) == (1, word(vendor[:4]), word(vendor[8:]), word(vendor[4:8]))
    assert leaf(1) == (identity.SIGNATURE, 0, 0, 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 13)
    assert leaf(0x8000_0000)[0] == 0x8000_000A
    assert leaf(0x8000_0001)[2] == 1 << 2 | 1 << 12
    revision, asids, none, features = leaf(0x8000_000A)
    assert (revision, asids, none, features) == (1, 1 << CoreParams.default().asid_width, 0, 1 << 3 | 1 << 6)
    for unknown in (2, 0x4000_0000, 0x8000_0002, 0x8000_000B, 0xFFFF_FFFF):
        assert leaf(unknown) == (0, 0, 0, 0)


def test_an_extension_may_add_to_a_leaf_of_the_core():
    class Small:
        """All but its circuit."""

        rows, sources, specials, functions, points, constants = (), (), {}, {}, {}, {}
        msrs = (MsrRow(0x77, "read_msr_tsc", None),)
        cpuid = (CpuidLeaf(1, ecx=0x80), CpuidLeaf(0x8000_0003, ebx=5))

    lines = text(cast(Extension, Small())).splitlines()
    at = lines.index("cpuid_1:")
    assert [line.split("=")[1].strip() for line in lines[at + 1 : at + 5]][2] == "mov.d 0x80"
    assert "cpuid_80000000:" in lines
    assert lines[lines.index("cpuid_80000000:") + 1].endswith("0x80000003")
    assert "    cmp.d ecx, 0x77 ; if z goto read_msr_tsc" in lines[: lines.index("wrmsr_dispatch:")]
    assert not any("0x77" in line for line in lines[lines.index("wrmsr_dispatch:") :])
