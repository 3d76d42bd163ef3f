"""Where the MSR permission map has its bits (AMD64 APM vol. 2, 15.11)."""

from contracts.msr import IOPM_SIZE, MSRPM_RANGES, MSRPM_SIZE, Efer, Msr, VmCr, msrpm_bit

__all__: list[str] = []

RANGE = 0x2000


def test_the_map_holds_three_ranges_of_two_bits_an_msr():
    seen: list[int] = []
    for first, byte in ((0, 0), (0xC000_0000, 0x800), (0xC001_0000, 0x1000)):
        for n in range(RANGE):
            read, write = msrpm_bit(first + n, False), msrpm_bit(first + n, True)
            assert read is not None and write is not None
            assert (read, write) == (byte * 8 + 2 * n, byte * 8 + 2 * n + 1)
            seen += [read, write]
    assert len(seen) == len(set(seen)) == 3 * RANGE * 2
    assert max(seen) < MSRPM_SIZE * 8
    assert (IOPM_SIZE, MSRPM_SIZE) == (0x3000, 0x2000)
    assert dict(MSRPM_RANGES) == {0: 0, 0xC000_0000: 0x800, 0xC001_0000: 0x1000}


def test_others_always_exit():
    for msr in (0x2000, 0x4000_0000, 0xBFFF_FFFF, 0xC000_2000, 0xC000_FFFF, 0xC001_2000, 0xFFFF_FFFF):
        assert msrpm_bit(msr, False) is None
        assert msrpm_bit(msr, True) is None


def test_numbers_and_bits():
    assert {m.name: int(m) for m in Msr} == {
        "TSC": 0x10, "SYSENTER_CS": 0x174, "SYSENTER_ESP": 0x175, "SYSENTER_EIP": 0x176, "EFER": 0xC000_0080, "VM_CR": 0xC001_0114,
        "VM_HSAVE_PA": 0xC001_0117,
    }  # fmt: skip
    assert Efer.SVME == 1 << 12
    assert {b.name: int(b) for b in VmCr} == {"DPD": 1, "R_INIT": 2, "DIS_A20M": 4, "LOCK": 8, "SVMDIS": 16}
    assert all(msrpm_bit(m, False) is not None for m in Msr)
