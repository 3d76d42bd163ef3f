"""A client of the disk's driver guest attacks it, its disk, and its other client, on the RTL. Each control run has one check of the driver
left out, and shows that the attack would succeed. The attacker has the first partition, and the one that is attacked the second.
"""

import random
import struct
from itertools import pairwise
from pathlib import Path

import pytest

from cocotb_tests.attacks.disk import weakened
from cocotb_tests.firmware.virtual_disk.reference import worked
from cocotb_tests.firmware.virtual_disk.sharing import DISK_SECTORS, Client, Sharing, identity_of
from contracts.hypercalls import Hypercall
from contracts.ide import SECTOR_SIZE

__all__: list[str] = []

ATTACKER, VICTIM = 2, 3  # their partitions of the kernel
MARK = bytes.fromhex("badbadba")
NOTHING = b"\xff" * SECTOR_SIZE
NO_DISK, BELIEVED = 0x70, 0x72
STUCK = (Hypercall.SEND, ATTACKER)  # what the driver waits for, if it does
SEED, REQUESTS = 77, 8
HONEST = Client(f"seed={SEED} requests={REQUESTS}")
BUSY = Client(f"seed={SEED} requests=40")

Change = weakened.Change


@pytest.fixture
def before(rng: random.Random) -> bytes:
    return rng.randbytes(DISK_SECTORS * SECTOR_SIZE)


def attack(folder: Path, name: str, before: bytes, driver: Change | None, victim: Client = HONEST) -> Sharing:
    return Sharing(folder, [Client(f"attack={name}"), victim], before, driver, slice_cycles=40_000)


def outside_is_right(run: Sharing) -> bool:
    """Whether the victim's partition is what it has made of it, and no sector in nobody's partition has changed."""
    image, (_, first, _), (_, _, length) = run.disk(), *run.partitions
    end = (run.partitions[1].first + length) * SECTOR_SIZE
    rest = image[: first * SECTOR_SIZE] == run.before[: first * SECTOR_SIZE] and image[end:] == run.before[end:]
    return rest and run.part(1) == worked(run.part(1, run.before), SEED, REQUESTS)


def lived(run: Sharing) -> bool:
    """Whether the victim was served, its data right, and the driver ended as it should."""
    return run.guests[VICTIM - 1].exit_status == 0 and run.guests[0].exit_status == 0


@pytest.mark.parametrize(("name", "control"), [("beyond", weakened.ANY_SECTOR), ("wrap", weakened.WRAPS)])
def test_no_sector_beside_its_partition(name: str, control: Change, tmp_path: Path, before: bytes) -> None:
    """Behind its end, another's; before its beginning, by sums that wrap, the table itself. What it may do it can do afterwards."""
    with attack(tmp_path, name, before, None) as run:
        run.run()
        said = run.lines(ATTACKER)
        assert said and all(": 12 2 " in line for line in said), said
        assert lived(run) and outside_is_right(run) and run.part(0) == run.part(0, run.before)
    with attack(tmp_path, name, before, control) as run:
        run.run(run.ended(ATTACKER))
        said = run.lines(ATTACKER)
        assert all(": 12 0 " in line for line in said), said
        image, (_, first, sectors) = run.disk(), run.partitions[0]
        outside = image[: first * SECTOR_SIZE] + image[(first + sectors) * SECTOR_SIZE :]
        assert MARK[::-1] * (SECTOR_SIZE // 4) in outside


def foreign(run: Sharing) -> list[bytes]:
    """Sectors of the attacker's that are the victim's data: as its disk had them, or as it makes them, of words that count up."""
    part, victims = run.part(0), run.part(1, run.before)
    old = {victims[at : at + SECTOR_SIZE] for at in range(0, len(victims), SECTOR_SIZE)}
    sectors = [part[at : at + SECTOR_SIZE] for at in range(0, len(part), SECTOR_SIZE)]
    words = [struct.unpack(f"<{SECTOR_SIZE // 4}I", sector) for sector in sectors]
    counts = [all(b == (a + 1) & 0xFFFF_FFFF for a, b in pairwise(w)) for w in words]
    return [sector for sector, up in zip(sectors, counts, strict=True) if up or sector in old]


@pytest.mark.regress
def test_no_page_but_its_own(tmp_path: Path, before: bytes) -> None:
    with attack(tmp_path, "pages", before, None) as run:
        run.run()
        assert all(": 12 1 " in line for line in run.lines(ATTACKER)), run.lines(ATTACKER)
        assert lived(run) and outside_is_right(run) and run.part(0) == run.part(0, run.before)
    with attack(tmp_path, "pages", before, weakened.ANY_PLACE, BUSY) as run:
        run.run(run.ended(ATTACKER))
        assert foreign(run), run.lines(ATTACKER)


@pytest.mark.regress
def test_a_page_that_is_gone_is_not_written(tmp_path: Path, before: bytes) -> None:
    """It closes in the middle of its request: its sectors are as they were, and not full of what reads where nothing is."""
    for control in (None, weakened.BELIEVES_THE_PAGE):
        with attack(tmp_path, "gone", before, control) as run:
            run.run()
            assert run.lines(ATTACKER) == ["closed"] and lived(run) and outside_is_right(run)
            written = run.part(0) != run.part(0, run.before)
            assert written == (control is not None) and (NOTHING in run.part(0)) == written


@pytest.mark.regress
def test_a_client_that_ends_in_the_middle_of_a_request(tmp_path: Path, before: bytes) -> None:
    """The other is served; of what was to be written all or nothing is there, and nothing of a page that has gone."""
    for control in (None, weakened.BELIEVES_THE_PAGE):
        with attack(tmp_path, "dies", before, control) as run:
            run.run()
            assert run.lines(ATTACKER) == ["asked 0 times"] and lived(run) and outside_is_right(run)
            written = run.part(0) != run.part(0, run.before)
            assert written == (control is not None) and (NOTHING in run.part(0)) == written


@pytest.mark.regress
def test_what_is_left_of_a_clients_requests_reaches_nobody_in_its_place(tmp_path: Path, before: bytes) -> None:
    """It ends while the driver owes it an answer and has requests of it; the same program, started again, gets answers to its own alone."""
    for control in (None, weakened.KEEPS_WHAT_IT_OWES):
        with attack(tmp_path, "dies times=32", before, control) as run:
            first = run.guests[ATTACKER - 1]
            run.run(run.ended(ATTACKER))
            assert first.exit_status == 0 and run.guests[0].alive
            again = run.guests[ATTACKER - 1] = run.kernel.load_guest(first.config, ATTACKER)
            run.run(run.ended(ATTACKER))
            assert again.identity == first.identity
            assert again.exit_status == (NO_DISK if control else 0), run.lines(ATTACKER)
            if control is None:
                run.run()
                assert lived(run) and outside_is_right(run) and run.part(0) == run.part(0, run.before)


@pytest.mark.regress
def test_a_flood_does_not_keep_others_waiting(tmp_path: Path, before: bytes) -> None:
    """The other has its turn after each request of the flood; without, it waits as long as the flood lasts."""
    with attack(tmp_path, "flood", before, None) as run:
        start = run.machine.cycle
        run.run(run.ended(VICTIM))
        assert run.guests[VICTIM - 1].exit_status == 0 and outside_is_right(run)
        fair = run.machine.cycle - start
    with attack(tmp_path, "flood", before, weakened.AS_LONG_AS_IT_ASKS) as run:
        start = run.machine.cycle
        run.run(lambda: not run.guests[VICTIM - 1].alive or run.machine.cycle - start > 2 * fair)
        assert run.guests[VICTIM - 1].alive


@pytest.mark.regress
def test_answers_that_nobody_takes_hold_nobody_up(tmp_path: Path, before: bytes) -> None:
    with attack(tmp_path, "mute times=40", before, None) as run:
        run.run(run.ended(VICTIM))
        assert run.guests[VICTIM - 1].exit_status == 0 and outside_is_right(run)
        assert run.guests[ATTACKER - 1].waits == (Hypercall.SEND, 1)  # its queue is full, as is that of its answers
    with attack(tmp_path, "mute times=40", before, weakened.WAITS_FOR_ROOM, BUSY) as run:
        driver = run.guests[0]
        run.run(lambda: run.ended(VICTIM)() or driver.waits == STUCK)
        assert driver.waits == STUCK and run.guests[VICTIM - 1].alive


def test_a_client_is_who_the_kernel_says(tmp_path: Path, before: bytes) -> None:
    """It has no partition, and says that it is one who has."""
    liar = Client(f"attack=claim claim={identity_of(HONEST).hex()}")
    for control in (None, weakened.TAKES_ITS_WORD):
        with Sharing(tmp_path, [liar], before, control, table=[HONEST]) as run:
            run.run()
            assert (MARK[::-1] in run.part(0)) == (control is not None), (run.lines(1), run.lines(2))
            assert (run.disk() == run.before) == (control is None)
            assert (f"guest {ATTACKER} has no partition" in run.lines(1)) == (control is None)


@pytest.mark.regress
def test_garbage_is_no_request(tmp_path: Path, before: bytes) -> None:
    """Of any length but a request's, random or none: refused, and nothing of another's request is in the answer."""
    for control in (None, weakened.ANY_LENGTH):
        with attack(tmp_path, "garbage seed=5", before, control) as run:
            run.run(run.ended(ATTACKER) if control else lambda: False)
            assert run.guests[ATTACKER - 1].exit_status == (BELIEVED if control else 0)
            assert control or lived(run) and outside_is_right(run) and MARK[::-1] in run.part(0)
