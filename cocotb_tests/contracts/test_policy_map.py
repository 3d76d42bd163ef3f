"""The DMA policy map's formats against a map built by hand, and the guard's registers (design decision 9)."""

from random import Random

from contracts.policy_map import GUARD, MAX_DMA_REQUESTERS, Format, bit_number, map_bytes

__all__: list[str] = []


def test_formats():
    assert [int(f) for f in Format] == [0, 1, 2]
    for page in (0, 1, 7, 8, 0xF_FFFF):
        for write in (False, True):
            assert bit_number(Format.UNIFORM, page, write) == page
            assert bit_number(Format.PER_REQUESTER, page, write) == page
        assert bit_number(Format.PER_REQUESTER_AND_ACCESS, page, False) == 2 * page
        assert bit_number(Format.PER_REQUESTER_AND_ACCESS, page, True) == 2 * page + 1


def test_a_map_is_as_long_as_its_last_bit_needs(rng: Random):
    assert map_bytes(Format.UNIFORM, 8192) == 1024  # 32 MiB
    assert map_bytes(Format.PER_REQUESTER_AND_ACCESS, 8192) == 2048
    for _ in range(200):
        pages = rng.randrange(1, 1 << 20)
        for fmt in Format:
            length = map_bytes(fmt, pages)
            last = max(bit_number(fmt, pages - 1, write) for write in (False, True))
            assert last >> 3 == length - 1
    assert all(map_bytes(fmt, 0) == 0 for fmt in Format)


def test_registers_do_not_overlap():
    used: dict[int, str] = {}
    for register in GUARD.registers:
        for n in range(register.count):
            at = register.offset + n * register.stride
            assert at % 4 == 0
            assert at not in used, (register.name, used[at])
            used[at] = register.name
            assert at < GUARD.size
        bits = 0
        for field in register.fields:
            assert not bits & field.mask, (register.name, field.name)
            bits |= field.mask
        assert bits < 1 << 32
    assert GUARD["MAP_BASE"].count == GUARD["MAP_LENGTH"].count == MAX_DMA_REQUESTERS
