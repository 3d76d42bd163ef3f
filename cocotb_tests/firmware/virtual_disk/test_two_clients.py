"""One disk, its driver guest, and two clients at once, on the RTL: each has its partition, and what they leave is the reference's."""

import random
from pathlib import Path

import pytest

from cocotb_tests.firmware.virtual_disk.reference import worked
from cocotb_tests.firmware.virtual_disk.sharing import DISK_SECTORS, PART_SECTORS, Client, Sharing
from contracts.ide import SECTOR_SIZE

__all__: list[str] = []

REQUESTS = 24


@pytest.mark.regress
def test_two_clients_at_once(tmp_path: Path, rng: random.Random) -> None:
    """And no sector beside their partitions has changed. The driver ends when nobody is left."""
    seeds = [rng.getrandbits(31), rng.getrandbits(31)]
    clients = [Client(f"seed={seed} requests={REQUESTS}") for seed in seeds]
    with Sharing(tmp_path, clients, rng.randbytes(DISK_SECTORS * SECTOR_SIZE)) as run:
        run.run()
        want = bytearray(run.before)
        for (_, first, sectors), seed in zip(run.partitions, seeds, strict=True):
            here = slice(first * SECTOR_SIZE, (first + sectors) * SECTOR_SIZE)
            want[here] = worked(bytes(want[here]), seed, REQUESTS)
        said = [run.lines(n) for n in (1, 2, 3)]
        assert said[1] == said[2] == [f"disk of {PART_SECTORS} sectors", f"did {REQUESTS} requests"], said
        assert [g.exit_status for g in run.guests] == [0, 0, 0] and said[0][-1] == "disk driver: nobody is left to serve", said
        assert run.disk() == want != run.before
        assert not run.kernel.refusals
