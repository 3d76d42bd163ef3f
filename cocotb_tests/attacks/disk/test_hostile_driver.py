"""A driver guest that is hostile itself: it aims its disk, and its instructions, at a client's memory beside the page that was shared."""

import random
from pathlib import Path

from cocotb_tests.attacks.disk.weakened import HOSTILE
from cocotb_tests.firmware.virtual_disk.sharing import DISK_SECTORS, Client, Sharing
from contracts.ide import SECTOR_SIZE
from contracts.memory_map import PAGE_SIZE

__all__: list[str] = []

PLACEHOLDER = b"0x00000001"  # for an address
SPARE_PAGE = 0x1FF  # of the client's memory


def reached(folder: Path, rng: random.Random, off: tuple[str, ...]) -> tuple[bool, bool, list[str], int]:
    """Whether the client's page was read, and written, by the disk; what the driver found there by itself; how much the guard refused."""
    secret = rng.randbytes(PAGE_SIZE)
    with Sharing(
        folder, [Client("seed=3 requests=6")], rng.randbytes(DISK_SECTORS * SECTOR_SIZE), HOSTILE,
        command_line=f"aim={PLACEHOLDER.decode()}", off=off,
    ) as run:  # fmt: skip
        driver, client = run.guests
        address = client.memory.pages[SPARE_PAGE] * PAGE_SIZE
        run.system.link.write_block(address, secret)
        at, data = next((at, data) for at, data in driver.config.segments if PLACEHOLDER in data)
        assert driver.memory.write(at + data.index(PLACEHOLDER), f"{address:#010x}".encode())
        run.run(run.ended(2))
        model = bytes(run.machine.model.memory()[address : address + PAGE_SIZE])
        found = [line for line in run.lines(1) if line.startswith("it has")]
        return secret[:SECTOR_SIZE] in run.disk(), model != secret, found, len(run.kernel.refusals)


def test_it_reaches_no_memory_of_a_client(tmp_path: Path, rng: random.Random) -> None:
    read, written, found, refused = reached(tmp_path, rng, ())
    assert not read and not written and refused
    assert set(found) == {"it has ffffffff"}


def test_it_does_without_the_dma_policy(tmp_path: Path, rng: random.Random) -> None:
    """The control: the disk reaches it. Instructions still do not."""
    read, written, found, _ = reached(tmp_path, rng, ("dma_policy",))
    assert (read or written) and set(found) <= {"it has ffffffff"}
