"""Descriptor arithmetic against descriptors built from their parts (SDM vol. 3, figure 3-8), and what each load writes."""

from random import Random
from typing import Any

from cocotb_tests.rtl.packed import evaluate, unpack
from rtl.microcode.uop import Segmentation
from rtl.segment.descriptor import SegmentationUnit
from rtl.segment.registers import SegmentRegister

__all__: list[str] = []

SELECTOR, BASE, LIMIT, ATTRIBUTES = 1, 2, 4, 8


def descriptor(rng: Random) -> tuple[int, int, dict[str, int]]:
    """Low and high double word, and what they mean."""
    base, raw = rng.getrandbits(32), rng.choice((0, 0xFFFFF, rng.getrandbits(20)))
    low_attributes, high_attributes = rng.getrandbits(8), rng.getrandbits(4)
    low = (base & 0xFFFF) << 16 | raw & 0xFFFF
    high = base >> 24 << 24 | high_attributes << 20 | raw >> 16 << 16 | low_attributes << 8 | base >> 16 & 0xFF
    granular = high_attributes >> 3
    return low, high, {
        "base": base, "limit": raw * 4096 + 4095 if granular else raw, "attributes": high_attributes << 8 | low_attributes,
        "dpl": low_attributes >> 5 & 3,
    }  # fmt: skip


def run(cases: list[dict]) -> list[dict]:
    return [out | {"data": unpack(SegmentRegister, out["data"])} for out in evaluate(SegmentationUnit(), cases)]


def test_parts_of_descriptors(rng: Random):
    functions = {"LIMIT_OF": "limit", "DPL_OF": "dpl"}
    cases, wanted = [], []
    for _ in range(500):
        low, high, parts = descriptor(rng)
        for function, part in functions.items():
            cases.append({"fn": Segmentation[function], "a": low, "b": high, "cpl": rng.randrange(4)})
            wanted.append(parts[part])
    for case, want, out in zip(cases, wanted, run(cases), strict=True):
        assert out["result"] == want, case
        assert out["write"] == 0


def test_gates_and_privileges(rng: Random):
    cases: list[dict[str, Any]] = [{"fn": f, "a": rng.getrandbits(32), "b": rng.getrandbits(32), "cpl": rng.randrange(4)}
             for f in (Segmentation.GATE_OFFSET, Segmentation.MAX_PRIVILEGE) for _ in range(300)]  # fmt: skip
    for case, out in zip(cases, run(cases), strict=True):
        gate = case["a"] % 0x10000 + case["b"] // 0x10000 * 0x10000
        assert out["result"] == (gate if case["fn"] == Segmentation.GATE_OFFSET else max(case["cpl"], case["a"] % 4))
        assert out["write"] == 0


def test_loads_write_what_they_name_and_no_other_field(rng: Random):
    of_instruction = {Segmentation.LOAD_SREG, Segmentation.LOAD_REAL_SREG, Segmentation.LOAD_NULL_SREG}
    loads = of_instruction | {Segmentation.LOAD, Segmentation.LOAD_REAL, Segmentation.LOAD_NULL, Segmentation.COPY}
    cases: list[dict[str, Any]] = []
    parts_of = []
    for function in sorted(loads):
        for _ in range(150):
            low, high, parts = descriptor(rng)
            scratch = {"selector": rng.getrandbits(16), "base": rng.getrandbits(32), "limit": rng.getrandbits(32)}
            cases.append({"fn": function, "a": low, "b": high, "named": rng.randrange(11), "target": rng.randrange(6), "scratch": scratch})
            parts_of.append(parts)
    for case, parts, out in zip(cases, parts_of, run(cases), strict=True):
        function, selector = case["fn"], case["b"] & 0xFFFF
        assert out["segment"] == (case["target"] if function in of_instruction else case["named"]), case
        match function:
            case Segmentation.LOAD | Segmentation.LOAD_SREG:
                written = {"base": parts["base"], "limit": parts["limit"], "attributes": parts["attributes"]}
            case Segmentation.LOAD_REAL | Segmentation.LOAD_REAL_SREG:
                written = {"selector": selector, "base": selector * 16}
            case Segmentation.LOAD_NULL | Segmentation.LOAD_NULL_SREG:
                written = {"selector": selector, "attributes": 0}
            case Segmentation.COPY:
                written = case["scratch"] | {"attributes": 0}
        bits = {"selector": SELECTOR, "base": BASE, "limit": LIMIT, "attributes": ATTRIBUTES}
        assert out["write"] == sum(bits[name] for name in written), case
        assert {name: out["data"][name] for name in written} == written, case


def test_copy_takes_the_attributes_too():
    (out,) = run([{"fn": Segmentation.COPY, "scratch": {"attributes": {"type": 0xB, "s": 1, "dpl": 2, "p": 1, "db": 1, "g": 1}}}])
    assert out["data"]["attributes"] == 0xC00 | 0x80 | 2 << 5 | 0x10 | 0xB
