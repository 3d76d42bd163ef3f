"""EXITINFO1 of port accesses: every combination is read as it was written, and the bits are the manual's."""

from itertools import product

from contracts.io_exit import IO_SEGMENTS, IoExit


def test_every_combination_comes_back() -> None:
    flag = (False, True)
    for port, size, is_in, string, repeat, wide in product((0, 0x3F8, 0xFFFF), (1, 2, 4), flag, flag, flag, flag):
        for segment in IO_SEGMENTS:
            access = IoExit(port, size, is_in, string, repeat, wide, segment)
            assert IoExit.decode(access.word) == access and access.word < 1 << 32


def test_the_bits_are_the_manuals() -> None:
    """AMD64 APM vol. 2, figure 15-2."""
    assert IoExit(0x1234, 1, is_in=True).word == 0x1234_0111
    assert IoExit(0, 4, string=True, repeat=True, segment="GS").word == 0b101 << 10 | 1 << 8 | 0b100 << 4 | 0b1100
    assert IoExit(0, 2, wide_address=False).word == 1 << 7 | 2 << 4
    assert IoExit.decode(7 << 10).segment == "GS"
