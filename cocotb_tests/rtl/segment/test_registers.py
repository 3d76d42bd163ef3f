"""The segment registers: reset values (SDM vol. 3, table 9-1), and both ways of writing against a dictionary."""

from random import Random

from cocotb_tests.rtl.packed import Bench, simulate, unpack
from rtl.segment.registers import SegmentRegister, SegmentRegisters

__all__: list[str] = []

FIELDS = ("selector", "base", "limit", "attributes")
WIDTHS = {"selector": 16, "base": 32, "limit": 32, "attributes": 12}
CS, SS, LDTR, TR, SCRATCH, COUNT = 1, 2, 6, 7, 10, 11


def after_reset(segment: int) -> dict[str, int]:
    attributes = {CS: 0x9B, LDTR: 0x82, TR: 0x8B}.get(segment, 0x93)
    if segment == CS:
        return {"selector": 0xF000, "base": 0xFFFF_0000, "limit": 0xFFFF, "attributes": attributes}
    return {"selector": 0, "base": 0, "limit": 0xFFFF, "attributes": attributes}


async def started(bench: Bench) -> None:
    for _ in range(40):
        if (await bench.cycle())["ready"]:
            return
    raise AssertionError("never ready")


def test_reset_state_appears_before_ready():
    async def program(bench: Bench) -> None:
        await started(bench)
        for segment in range(COUNT):
            for n, name in enumerate(FIELDS):
                out = await bench.cycle(segment=segment, number=n << 4 | segment)
                assert unpack(SegmentRegister, out["current"]) == after_reset(segment), segment
                assert out["value"] == after_reset(segment)[name]
        for name, segment in (("cs", CS), ("ss", SS), ("scratch", SCRATCH)):
            assert unpack(SegmentRegister, out[name]) == after_reset(segment)

    simulate(SegmentRegisters(), program)


def test_random_writes_against_a_dictionary(rng: Random):
    held = {segment: after_reset(segment) for segment in range(COUNT)}

    async def program(bench: Bench) -> None:
        await started(bench)
        for _ in range(2500):
            asked, number = rng.randrange(COUNT), rng.randrange(4) << 4 | rng.randrange(COUNT)
            if rng.random() < 0.2:
                number |= rng.choice((0x40, 0x80, 0xC0))  # somebody else's register
            write, load, data = rng.getrandbits(1), rng.getrandbits(4), rng.getrandbits(32)
            target, words = rng.randrange(COUNT), {name: rng.getrandbits(w) for name, w in WIDTHS.items()}
            out = await bench.cycle(segment=asked, number=number, write=write, data=data, load=0 if write else load, load_segment=target,
                                    load_data=words)  # fmt: skip
            assert unpack(SegmentRegister, out["current"]) == held[asked]
            assert out["value"] == (held[number & 15][FIELDS[number >> 4]] if number < 0x40 else 0)
            for name, segment in (("cs", CS), ("ss", SS), ("scratch", SCRATCH)):
                assert unpack(SegmentRegister, out[name]) == held[segment]
            if write and number < 0x40:
                name = FIELDS[number >> 4]
                held[number & 15] = held[number & 15] | {name: data & (1 << WIDTHS[name]) - 1}
            elif not write:
                held[target] = held[target] | {name: words[name] for n, name in enumerate(FIELDS) if load >> n & 1}

    simulate(SegmentRegisters(), program)
