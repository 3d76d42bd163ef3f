"""Channels on the RTL: two guests in C with page tables of their own talk and share a page; a third is refused, unless the check is off."""

import pytest

from contracts.configuration import KernelConfig
from contracts.hypercalls import MAX_QUEUED, Status
from contracts.protections import Protections
from contracts.report import Step
from contracts.rights import Right
from firmware.build import guest
from isolation_kernel.frames import Owner
from isolation_kernel.invariants import check
from isolation_kernel.partition import Partition
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine

MEMORY = 2 << 20
LIMIT = 12_000_000  # cycles
COUNT = 40
INTRUDED = 5
CLEAN = "clean_ended_guest"  # half of a short run's cycles otherwise
SPEAKS, LISTENS = f"role=speak peer=2 count={COUNT}", f"role=listen peer=1 count={COUNT} turns=60"


def talk(*command_lines: str, off: tuple[str, ...] = ()) -> tuple[list[Partition], int, bool]:
    """The guests at their ends; how many messages waited at most; whether all invariants held while the page was shared."""
    config = KernelConfig(protections=Protections.without(CLEAN, *off), slice_cycles=40_000, timer_cycles=20_000)
    with Machine() as machine:
        system = GuestSystem(machine, config, guest_limit=2_000_000)
        programs = [
            GuestProgram.load(
                guest("channel"), MEMORY, f"guest {n}", command_line=line, one_to_one=n == 1, rights=frozenset({Right.CHANNEL})
            )
            for n, line in enumerate(command_lines, 1)
        ]
        guests, kernel = system.start(programs), system.kernel
        longest, held = 0, False
        while kernel.step() not in (Step.OVER, Step.IDLE):
            assert machine.cycle < LIMIT, [bytes(g.console) for g in guests]
            longest = max(longest, *(len(q) for g in guests for c in g.channels.values() for q in c.queues.values()), 0)
            if kernel.frames.owned_by(Owner.SHARED) and all(g.memory.shared for g in guests[:2]) and not held and not off:
                assert not check(kernel)
                held = True
        return guests, longest, held


def lines(partition: Partition) -> list[str]:
    return bytes(partition.console).decode().splitlines()


@pytest.fixture(scope="module")
def three() -> tuple[list[Partition], int, bool]:
    return talk(SPEAKS, LISTENS, "role=intrude peer=1 turns=50")


def test_two_talk_and_share_a_page(three: tuple[list[Partition], int, bool]) -> None:
    (one, other, _), longest, held = three
    assert (one.exit_status, other.exit_status) == (0, 0), (lines(one), lines(other))
    assert lines(one) == [f"open 0, peer {other.identity}", f"spoke {COUNT}"]
    assert lines(other) == [f"open 0, peer {one.identity}", f"heard {COUNT}"]
    assert longest == MAX_QUEUED and held
    assert one.exits < 4 * COUNT + 250 and not one.memory.shared and not other.memory.shared


def test_a_third_guest_is_refused(three: tuple[list[Partition], int, bool]) -> None:
    (_, _, third), _, _ = three
    assert lines(third) == [f"{call} {int(Status.CLOSED)}" for call in ("receive", "send", "map", "close")] and third.exit_status == 0


def test_without_the_check_it_is_not() -> None:
    """The control. The speaker waits for room in its queue, so that the page is not shared yet: its messages and the channel are lost."""
    (one, other, third), _, _ = talk(SPEAKS, LISTENS, "role=intrude peer=1 turns=50", off=("channel_ends",))
    assert lines(third)[0] == "receive 0" and lines(third)[1:] == ["send 0", f"map {int(Status.AGAIN)}", "close 0"]
    assert third.exit_status == INTRUDED and one.exit_status != 0 and other.exit_status != 0


FAILED_CLOSE = 4


@pytest.mark.regress
def test_without_the_drop_the_page_of_a_closed_channel_is_still_reached() -> None:
    """The control of what the listener finds in the end: it writes where the page was, and the speaker finds its own word gone."""
    (one, other), _, _ = talk(SPEAKS, LISTENS, off=("drop_on_revoke",))
    assert (one.exit_status, other.exit_status) == (FAILED_CLOSE, FAILED_CLOSE), (lines(one), lines(other))
    assert lines(one)[1:] == [f"spoke {COUNT}"] and len(lines(other)) == 1
