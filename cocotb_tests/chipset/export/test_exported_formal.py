"""The Verilog that is handed out is the circuit that is proved: its text against what the proofs' circuits are elaborated from."""

import re

import pytest

from chipset.export.settings import GuardSettings
from cocotb_tests.equivalence import compare
from contracts.policy_map import Format
from sim.export.ports import BUSES
from sim.export.verilog import PASSES, module_and_names
from sim.model.verilog import to_rtlil

__all__: list[str] = []

# All formats for several requesters, the queues as in the wrappers' proofs; each format by itself; what the command writes by default.
BUILDS = {f"all-{n}": GuardSettings(n, depth=2) for n in (1, 4, 16)} | {
    **{f"{fmt.name.lower()}-1": GuardSettings(1, formats={fmt}, cached_words=1, depth=2) for fmt in Format},
    "default-1": GuardSettings(1),
}
CASES = [(bus, build) for bus in BUSES for build in BUILDS if (bus, build) != ("axi4", "all-16")]  # whose 14,000 nets take too long
# What a slip of the writer would do: a register that begins with another value, a wrong operator, a wrong register.
BUGS = {
    "another_first_value": (r"(reg \[\d+:0\] guard_registers_policy = \d+'h)0+;", r"\g<1>1;"),
    "another_operator": (r"(assign guard_checker_admitted\w* = \S+) & ", r"\1 | "),
    "register_that_is_kept": (r"(guard_registers_log_address) <= \S*;", r"\1 <= \1;"),
}  # fmt: skip


@pytest.mark.formal
@pytest.mark.parametrize(("bus", "build"), CASES)
def test_the_verilog_is_the_circuit_that_is_proved(bus: str, build: str) -> None:
    exported = BUSES[bus]
    rtlil = to_rtlil(exported.top(BUILDS[build]), exported.module)
    text, names = module_and_names(rtlil)
    outcome = compare(f"exported-{bus}-{build}", exported.module, rtlil, PASSES, names, text)
    assert outcome.status == "PASS", f"{outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS)
def test_seeded_bugs_are_found(bug: str) -> None:
    exported = BUSES["wishbone"]
    rtlil = to_rtlil(exported.top(BUILDS["uniform-1"]), exported.module)
    text, names = module_and_names(rtlil)
    bad, count = re.subn(*BUGS[bug], text, count=1)
    assert count == 1, "no such line"
    outcome = compare(f"exported-{bug}", exported.module, rtlil, PASSES, names, bad, seeded=True)
    assert outcome.status == "FAIL", "the circuits are taken for the same"
