"""``ringfence disk``: the table by which a driver guest shares a disk out."""

import re
from pathlib import Path
from typing import Any

import click

from contracts.hypercalls import IDENTITY_SIZE
from contracts.ide import SECTOR_SIZE
from contracts.virtual_disk import TABLE_SECTOR, Partition, pack_table, read_table
from sim.cli.errors import fail, user_errors
from sim.disk import DiskError, disk_arguments

__all__ = ["command"]

_PART = re.compile(rf"([0-9a-f]{{{2 * IDENTITY_SIZE}}}):([0-9]{{1,9}})")


class _Part(click.ParamType[tuple[bytes, int]]):
    """An identity and sectors."""

    name = "IDENTITY:SECTORS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[bytes, int]:
        """Both."""
        if not isinstance(value, str):
            identity, sectors = value
            return identity, sectors
        match = _PART.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not {2 * IDENTITY_SIZE} hexadecimal digits, a colon and a number of sectors", param, ctx)
        return bytes.fromhex(match[1]), int(match[2])


@click.command("disk")
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--partition", "parts", type=_Part(), multiple=True, help="Give a guest so many sectors; may be repeated.")
def command(image: Path, parts: tuple[tuple[bytes, int], ...]) -> None:
    """Say who has which sectors of IMAGE, for a driver guest; or write that, into its first sector, with --partition.

    Partitions lie side by side, in this order. Guests are named by their identities (see ringfence policy identity).
    """
    with user_errors(DiskError):
        disk_arguments(image)
    sectors = image.stat().st_size // SECTOR_SIZE
    with image.open("r+b") as file:
        if parts:
            partitions, first = [], TABLE_SECTOR + 1
            for identity, count in parts:
                partitions.append(Partition(identity, first, count))
                first += count
            with user_errors(ValueError):
                table = pack_table(partitions, sectors)
            file.seek(TABLE_SECTOR * SECTOR_SIZE)
            file.write(table)
        file.seek(TABLE_SECTOR * SECTOR_SIZE)
        try:
            found = read_table(file.read(SECTOR_SIZE), sectors)
        except ValueError as error:
            fail(f"{image}: {error}")
    for partition in found:
        print(f"{partition.identity.hex()} sectors {partition.first} to {partition.first + partition.sectors - 1}")
