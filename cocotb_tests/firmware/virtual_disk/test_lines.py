"""How much of the driver guest there is: stated in ``docs/driver_guest.md``, and held."""

from pathlib import Path

from firmware.images import IMAGES
from sim.paths import ROOT

__all__: list[str] = []

FIRMWARE = ROOT / "firmware"


def lines(*files: Path) -> int:
    return sum(len(file.read_text().splitlines()) for file in files)


def test_the_lines_are_those_that_are_stated() -> None:
    """All lines, comments too: those of its own, and those of all sources and headers beside them that it is made of."""
    own = sorted((FIRMWARE / "guests" / "disk_driver").iterdir())
    shared = [FIRMWARE / source for source in IMAGES["disk_driver"].sources if "disk_driver" not in source]
    shared += [header for source in shared if (header := source.with_suffix(".h")).exists()]
    text = (ROOT / "docs" / "driver_guest.md").read_text()
    assert f"{lines(*own)} lines of its own" in text and f"{lines(*sorted(set(shared)))} that it shares" in text
