"""The same images on the simulated machine: what they print is what they print on QEMU."""

import re

import pytest

from cocotb_tests.firmware.qemu import run as run_on_qemu
from firmware import build
from firmware.guests.layout import RESULT_ADDRESS, Result
from sim.machine import DEFAULT_MEMORY, Ending, Machine, Outcome
from sim.multiboot import read_multiboot

OWN_MARK = 0x0A11_D0C5  # attacker.h
LIMIT = 8_000_000  # cycles; the longest takes a fifth of that


def run(name: str, command_line: str = "") -> tuple[list[str], Outcome]:
    """Lines printed on COM1, and how it ended."""
    with Machine() as machine:
        machine.load_multiboot(read_multiboot(build.build(name), DEFAULT_MEMORY), command_line)
        outcome = machine.run(LIMIT)
        machine.drain()
        return machine.outputs["com1"].decode().splitlines(), outcome


@pytest.mark.parametrize(
    ("name", "command_line"),
    [
        ("sensitive", ""),
        ("sensitive_ring1", ""),
        ("trusted", ""),
        ("mass_market", "dma=0 work=2"),
        ("mass_market", "dma=0 pit=200"),
        ("stub_test", ""),
        ("attacker", "attack=list"),
        ("attacker", "attack=real_mode_guest2 guest2=0x7020"),
        ("attacker", "attack=large_page_guest2 guest2=0x7020"),
        ("attacker", "attack=segment_wrap_guest2 guest2=0x7020"),
        ("attacker", "attack=user_read_guest2 guest2=0x7020"),
        ("attacker", "attack=second_mapping_guest2 guest2=0x7020"),
    ],
)
def test_as_on_qemu(name: str, command_line: str) -> None:
    lines, outcome = run(name, command_line)
    reference = run_on_qemu(build.build(name), command_line, cpu="qemu32,+svm")
    assert outcome.ending is Ending.EXIT
    assert lines == reference.lines
    assert reference.status is not None and outcome.status == (reference.status << 1 | 1)


def test_the_dma_driver_moves_what_it_should() -> None:
    lines, outcome = run("mass_market")
    assert outcome.status == 1 and lines[-1] == "mass_market: done, 384 words by DMA"


@pytest.mark.parametrize("name", ["dma_read_guest2", "dma_page_table_guest2", "guard_move_map"])
def test_dma_attacks_reach_their_target_where_nothing_stops_them(name: str) -> None:
    """The target is MARK of the attacker's own record."""
    lines, outcome = run("attacker", f"attack={name} guest2={RESULT_ADDRESS + Result.MARK:#x}")
    assert outcome.status == 1 and f"loot {OWN_MARK:08x}" in lines[-1] and lines[-1].endswith("allowed access worked")


def test_dma_throughput_with_the_guard_is_near_that_without() -> None:
    lines, outcome = run("dma_throughput", "bytes=16384")
    found = re.fullmatch(r"dma_throughput: 16384 bytes, (\d+) cycles open, (\d+) cycles checked", lines[-1])
    assert outcome.status == 1 and found
    assert int(found[2]) < 1.05 * int(found[1])


def test_vmrun_round_trip() -> None:
    lines, outcome = run("vmrun_round_trip", "rounds=10")
    assert outcome.status == 1 and re.fullmatch(r"vmrun_round_trip: 10 rounds, \d+ cycles, \d+ cycles with VMLOAD and VMSAVE", lines[-1])
