"""The secure loader's image: short enough to be read, and nothing of it outside what is measured."""

from pathlib import Path

from contracts.late_launch import BLOCK_SIZE, ENTRY_OFFSET, LENGTH_OFFSET
from contracts.memory_map import PAGE_SIZE
from contracts.secure_loader import LOG_OFFSET, MAP_OFFSET, MEASURED_LIMIT, SCRATCH_OFFSET, Parameter, Record
from firmware.build import secure_loader

__all__: list[str] = []

SOURCES = Path(__file__).resolve().parents[2] / "firmware" / "secure_loader"
LINES = 300


def test_it_is_short() -> None:
    assert 0 < sum(len(file.read_text().splitlines()) for file in SOURCES.iterdir()) <= LINES


def test_its_places_lie_apart() -> None:
    image = secure_loader()
    entry, length = (int.from_bytes(image[at : at + 2], "little") for at in (ENTRY_OFFSET, LENGTH_OFFSET))
    assert length == len(image) <= MEASURED_LIMIT and LENGTH_OFFSET + 2 <= entry < length
    places = [0, MEASURED_LIMIT, min(Parameter), SCRATCH_OFFSET, min(Record), LOG_OFFSET, MAP_OFFSET, BLOCK_SIZE]
    assert places == sorted(places) and max(Parameter) < SCRATCH_OFFSET and max(Record) < LOG_OFFSET
    assert MAP_OFFSET % PAGE_SIZE == 0  # devices write to no page that holds part of a map
