"""``ringfence disk``, and a driver guest started by ``ringfence run``."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cocotb_tests.sim.test_run import ringfence
from contracts.ide import SECTOR_SIZE
from contracts.virtual_disk import MAX_PARTITIONS, read_table
from firmware.build import guest
from sim.cli.main import main

__all__: list[str] = []

SECTORS = 64
IDENTITIES = [f"{n:064x}" for n in range(1, MAX_PARTITIONS + 2)]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(b"\x5a" * SECTORS * SECTOR_SIZE)
    return path


def disk(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["disk", *map(str, arguments)])


def test_it_is_written_and_told(image: Path) -> None:
    """And nothing else of the disk has changed."""
    done = disk(image, "--partition", f"{IDENTITIES[0]}:20", "--partition", f"{IDENTITIES[1]}:43")
    want = f"{IDENTITIES[0]} sectors 1 to 20\n{IDENTITIES[1]} sectors 21 to 63\n"
    assert (done.exit_code, done.stdout) == (0, want)
    assert [(p.identity.hex(), p.first, p.sectors) for p in read_table(image.read_bytes()[:SECTOR_SIZE], SECTORS)] == [
        (IDENTITIES[0], 1, 20), (IDENTITIES[1], 21, 43),
    ]  # fmt: skip
    assert image.read_bytes()[SECTOR_SIZE:] == b"\x5a" * (SECTORS - 1) * SECTOR_SIZE
    assert disk(image).stdout == want


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([f"{IDENTITIES[0]}:64"], "is not on the disk: it has sectors 1 to 63 to give"),
        ([f"{IDENTITIES[0]}:0"], "is not on the disk"),
        ([f"{IDENTITIES[0]}:2", f"{IDENTITIES[0]}:2"], "are of one guest"),
        ([f"{one}:1" for one in IDENTITIES], f"at most {MAX_PARTITIONS}"),
        (["12:3"], "is not 64 hexadecimal digits"),
        ([], "has no table of partitions"),
    ],
)
def test_what_is_wrong_is_one_line_and_changes_nothing(parts: list[str], message: str, image: Path) -> None:
    before = image.read_bytes()
    done = disk(image, *(word for part in parts for word in ("--partition", part)))
    assert done.exit_code == 2 and message in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
    assert image.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--right", "1:use"], "'use' is none of messages, "),
        (["--right", "channel"], "does not begin with a guest's number"),
        (["--right", "0:channel"], "does not begin with a guest's number"),
        (["--device", "1:disk"], "'disk' is none of DMA0, "),
        (["--right", "2:channel"], "there is no guest 2: --guest is given 1 times"),
    ],
)
def test_what_no_guest_can_ask_for_is_one_line(options: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["run", "--guest", str(guest("disk_client")), *options])
    assert done.exit_code == 2 and message in done.stderr and done.stderr.count("\n") == 1


def test_rights_are_for_guests() -> None:
    done = CliRunner().invoke(main, ["run", str(guest("disk_client")), "--right", "1:channel"])
    assert done.exit_code == 2 and "--right and --device are for --guest" in done.stderr


def test_a_driver_guest_and_a_client(image: Path) -> None:
    """The identity that ``ringfence policy identity`` tells is the one that the driver finds in the table."""
    programs = guest("disk_driver"), guest("disk_client")
    options = ["--right", "1:channel", "--right", "2:channel", "--device", "1:IDE", "--append", "requests=4"]
    identities = ringfence("policy", "identity", *programs, *options).stdout.splitlines()
    assert disk(image, "--partition", f"{identities[1].split()[0]}:40").exit_code == 0
    done = ringfence("run", "--guest", programs[0], "--guest", programs[1], *options, "--disk", image)
    assert done.returncode == 1, done.stderr
    assert {"[disk_driver] guest 2 has sectors 1 to 40", "[disk_client] did 4 requests"} <= set(done.stdout.splitlines())
    assert image.read_bytes()[SECTOR_SIZE:] != b"\x5a" * (SECTORS - 1) * SECTOR_SIZE
