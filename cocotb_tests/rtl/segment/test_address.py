"""Stage A against the manual's rules for segments, written anew on byte sets (SDM vol. 3, 5.3 to 5.5)."""

from random import Random

import pytest

from cocotb_tests.rtl.packed import Bench, evaluate, simulate
from rtl.segment.address import AddressStage

__all__: list[str] = []

TOP = 1 << 32
SS, LDTR, TR, GDTR, IDTR, SCRATCH, SYSTEM, PHYSICAL = 2, 6, 7, 8, 9, 10, 11, 12
NONE, LOAD, STORE, RMW, PROBE, IN, OUT, ACKNOWLEDGE = range(8)
VECTORS = {1: 13, 2: 10, 3: 12, 4: 11}  # fault class: #GP, #TS, #SS, #NP
READ_ONLY, WRITABLE, DOWN_READ_ONLY, DOWN, EXECUTE, CODE = 0x0, 0x2, 0x4, 0x6, 0x8, 0xA


def attributes(kind: int, *, s: int = 1, p: int = 1, db: int = 1, dpl: int = 0) -> dict[str, int]:
    return {"type": kind, "s": s, "p": p, "db": db, "dpl": dpl}


def reaches(offset: int, size: int, limit: int, kind: dict[str, int], protected: int) -> bool:
    """All bytes lie inside the segment. A byte at 4 GiB or above is outside whatever the limit."""
    down = protected and kind["s"] and kind["type"] & 0xC == 4
    top = TOP - 1 if kind["db"] else 0xFFFF
    return all((limit < byte <= top) if down else byte <= limit for byte in (offset, offset + size - 1)) and offset + size <= TOP


def allowed(memory: int, kind: dict[str, int]) -> bool:
    if not kind["p"]:
        return False
    if not kind["s"]:
        return True  # tables of the processor itself
    code, readable_or_writable = kind["type"] & 8, kind["type"] & 2
    if memory in (STORE, RMW, PROBE):
        return not code and bool(readable_or_writable)
    return not code or bool(readable_or_writable)


def expected(case: dict) -> tuple[int, int, tuple[int, int] | None]:
    """Linear address, offset and the fault (vector, error code)."""
    parts, register = case["parts"], case["register"]
    total = (parts["base"] + parts["index"] + parts["displacement"]) % TOP
    offset = total if parts["wide"] else total & 0xFFFF
    segment, memory = parts["segment"], case["memory"]
    if memory in (IN, OUT, ACKNOWLEDGE):
        return total & 0xFFFF, offset, None
    if segment in (SYSTEM, PHYSICAL):
        return offset, offset, None
    linear = (register["base"] + offset) % TOP
    if memory == NONE:
        return linear, offset, None
    table = segment in (GDTR, IDTR)
    kind = register["attributes"]
    if table:
        fine = offset + case["size"] - 1 <= register["limit"]
    else:
        rights = not case["protected"] or allowed(memory, kind)
        fine = rights and reaches(offset, case["size"], register["limit"], kind, case["protected"])
    if fine:
        return linear, offset, None
    if case["fault_class"] == 0:
        return linear, offset, (12 if segment == SS else 13, 0)
    return linear, offset, (VECTORS[case["fault_class"]], case["fault_code"])


def check(cases: list[dict]) -> int:
    """Number of faults among them."""
    faults = 0
    for case, out in zip(cases, evaluate(AddressStage(), cases, clocked=True), strict=True):
        linear, offset, fault = expected(case)
        assert (out["linear"], out["offset"], out["segment"]) == (linear, offset, case["parts"]["segment"]), case
        assert out["accesses"] == (case["memory"] != NONE)
        assert ((out["vector"], out["error"]) if out["fault"] else None) == fault, case
        faults += fault is not None
    return faults


def case(segment: int, offset: int, limit: int, kind: dict[str, int], *, memory: int = LOAD, size: int = 1, base: int = 0,
         protected: int = 1, fault_class: int = 0, fault_code: int = 0, wide: int = 1) -> dict:  # fmt: skip
    return {
        "parts": {"base": offset % TOP, "index": 0, "displacement": 0, "wide": wide, "segment": segment}, "memory": memory, "size": size,
        "fault_class": fault_class, "fault_code": fault_code, "protected": protected,
        "register": {"base": base, "limit": limit, "attributes": kind},
    }  # fmt: skip


@pytest.mark.parametrize("protected", [0, 1])
@pytest.mark.parametrize("db", [0, 1])
@pytest.mark.parametrize("kind", [WRITABLE, DOWN])
def test_every_byte_around_a_limit(protected, db, kind):
    """Offsets around the limit, 64 KiB and 4 GiB, every size; segments smaller than an access among them."""
    cases = []
    for limit in (0, 1, 2, 3, 0xFFF, 0xFFFE, 0xFFFF, 0x10000, TOP - 5, TOP - 2, TOP - 1):
        for middle in (0, limit, 0xFFFF, 0x10000, TOP - 1):
            for offset in range(middle - 5, middle + 6):
                cases += [case(3, offset, limit, attributes(kind, db=db), size=size, protected=protected) for size in (1, 2, 4)]
    assert 0 < check(cases) < len(cases)


def test_sixteen_bit_offsets_wrap_before_the_limit_is_looked_at():
    cases = [case(3, offset, 0xFFFF, attributes(WRITABLE, db=0), size=size, wide=0, base=0xFFFF_0000, protected=p)
             for offset in (0x1_0000, 0x1_FFFE, 0x1_FFFF, 0xFFFD, 0xFFFF) for size in (1, 2, 4) for p in (0, 1)]  # fmt: skip
    assert check(cases) == 2 * 6


def test_the_linear_address_wraps_at_4_gib():
    whole = attributes(WRITABLE)
    assert check([case(3, offset, TOP - 1, whole, base=0xFFFF_FFF0) for offset in (0, 0xF, 0x10, 0x8000_0000)]) == 0


@pytest.mark.parametrize("protected", [0, 1])
def test_rights_of_every_type(protected):
    """Types 0 to 15, code or data and system, present or not, by every access; in real mode nothing but limits counts."""
    cases = [case(segment, 0, TOP - 1, attributes(kind, s=s, p=p), memory=memory, protected=protected)
             for segment in (0, 1, SS, LDTR, TR, GDTR, SCRATCH) for kind in range(16) if kind & 0xC != 4 for s in (0, 1) for p in (0, 1)
             for memory in (NONE, LOAD, STORE, RMW, PROBE)]  # fmt: skip
    assert (check(cases) > 0) == protected


@pytest.mark.parametrize("segment", [3, SS, LDTR, GDTR])
def test_what_a_fault_becomes(segment):
    code = 0xBEE8
    cases = [case(segment, 0x100, 0xFF, attributes(WRITABLE), fault_class=c, fault_code=code) for c in range(5)]
    assert check(cases) == len(cases)


def test_what_has_no_segment_has_no_fault():
    nothing = attributes(0, p=0)
    cases = [case(s, TOP - 1, 0, nothing, size=4, memory=m) for s in (SYSTEM, PHYSICAL) for m in (LOAD, STORE, RMW, PROBE)]
    cases += [case(s, 0x1_2345, 0, nothing, size=4, memory=m) for s in range(13) for m in (IN, OUT, ACKNOWLEDGE)]
    assert check(cases) == 0


def test_random_accesses(rng: Random):
    cases = []
    for _ in range(6000):
        limit = rng.choice((rng.getrandbits(32), rng.getrandbits(16), 0xFFFF, TOP - 1))
        near = rng.choice((limit + rng.randrange(-6, 7), rng.getrandbits(32), rng.getrandbits(16)))
        base, index = rng.getrandbits(32), rng.choice((0, rng.getrandbits(32)))
        kind = attributes(rng.randrange(16), s=rng.random() < 0.9, p=rng.random() < 0.9, db=rng.getrandbits(1), dpl=rng.randrange(4))
        one = case(rng.randrange(13), 0, limit, kind, memory=rng.choice((NONE, *range(1, 8))), size=rng.choice((1, 2, 4)),
                   base=rng.getrandbits(32), protected=rng.getrandbits(1), fault_class=rng.randrange(5),
                   fault_code=rng.getrandbits(16), wide=rng.getrandbits(1))  # fmt: skip
        one["parts"] |= {"base": base, "index": index, "displacement": (near - base - index) % TOP}
        cases.append(one)
    assert 500 < check(cases) < 5500


def test_the_offset_is_kept_for_the_stages_behind():
    async def program(bench: Bench) -> None:
        first, second = case(3, 0x1234, TOP - 1, attributes(WRITABLE)), case(3, 0x9999, TOP - 1, attributes(WRITABLE))
        await bench.cycle(**first, valid=1)
        assert (await bench.cycle(**second, valid=0))["held"] == 0x1234
        assert (await bench.cycle(**second, valid=1))["held"] == 0x1234
        assert (await bench.cycle(**first))["held"] == 0x9999

    simulate(AddressStage(), program)
