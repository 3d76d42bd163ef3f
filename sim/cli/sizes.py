"""Sizes of memory as people write them."""

import re
from typing import Any

import click

__all__ = ["MEMORY_SIZE", "MemorySize"]

_PATTERN = re.compile(r"([0-9]+)\s*(|k|ki|kib|kb|m|mi|mib|mb)", re.IGNORECASE)
_SMALLEST, _LARGEST = 2 << 20, 1 << 30
_MOST_DIGITS = 10  # more are too much in any unit, and Python reads only so many


class MemorySize(click.ParamType[int]):
    """``32M``, ``4096K`` or plain mebibytes: a power of two between 2 MiB and 1 GiB; bytes as the result."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        if isinstance(value, int):
            return value
        match = _PATTERN.fullmatch(value.strip())
        if not match:
            self.fail(f"{value!r} is no size: write 32M or 8192K", param, ctx)
        unit = match[2].lower()
        digits = match[1].lstrip("0")
        size = int(digits[: _MOST_DIGITS + 1] or "0") << (10 if unit.startswith("k") else 20)
        if size & (size - 1) or not _SMALLEST <= size <= _LARGEST:
            self.fail(f"{value}: a power of two between 2M and 1024M is needed", param, ctx)
        return size


MEMORY_SIZE = MemorySize()
