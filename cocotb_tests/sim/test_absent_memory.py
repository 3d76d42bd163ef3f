"""What a guest finds where it has no memory, on the RTL: nothing that keeps what is written, as on QEMU; ones, everywhere and always."""

from pathlib import Path

import pytest

from contracts.configuration import KernelConfig
from contracts.protections import Protections
from contracts.report import Step
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine
from sim.oracles import qemu
from sim.paths import ROOT
from sim.programs.assemble import link

__all__: list[str] = []

LIBRARY = ROOT / "firmware" / "tests" / "lib"
SOURCE = Path(__file__).with_name("absent.c")
MEMORY = 4 << 20
EXITS = 1000  # a guest's, at most: one a page that it touches, one a byte that it prints
UNCLEANED = KernelConfig(protections=Protections.without("clean_ended_guest"))


def lines(text: str) -> list[str]:
    """What is said of sizes, and whether the rest was as expected."""
    sizes, _, rest = text.replace("\r\n", "\n").partition("absent\n")
    return [*sizes.splitlines(), rest]


@pytest.mark.regress
def test_a_guest_finds_its_memory_and_nothing_else() -> None:
    program = link("absent", [LIBRARY / "rt.S", LIBRARY / "rt.c", SOURCE], extra=(f"-I{LIBRARY}",)).path
    with Machine() as machine:
        system = GuestSystem(machine, UNCLEANED, guest_limit=1_000_000)
        guests = system.start([GuestProgram.load(program, MEMORY, f"guest {n}", one_to_one=n == 1) for n in (1, 2)])
        while system.kernel.step() is not Step.OVER:
            assert all(guest.exits < EXITS for guest in guests)
    judged = lines(qemu.run(program, extra=("-m", str(MEMORY >> 20))).text)
    assert judged[:-1] == ["memory ends at: 400000", "found above it: 0"]
    for guest in guests:  # where a PC has its screen each has one
        assert lines(bytes(guest.console).decode()) == [*judged[:-1], "places: 4\nwrong: 0\n"]
        assert guest.exit_status == 0
