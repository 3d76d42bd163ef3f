"""Values of options that are lists with commas."""

from collections.abc import Sequence
from typing import Any

import click

from contracts.policy_map import Format

__all__ = ["FORMATS", "NameList", "NumberList"]

FORMATS = {f.name.lower().replace("_", "-"): f for f in Format}
"""Formats of the policy map by the names that options have for them."""


class NameList(click.ParamType[list[str]]):
    """Names with commas, each of ``choices``; the result has each once, in order."""

    name = "names"

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = choices

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """The names."""
        if not isinstance(value, str):
            return list(value)
        for name in value.split(","):
            if name not in self.choices:
                self.fail(f"{name!r} is none of {', '.join(self.choices)} (more than one with commas)", param, ctx)
        return list(dict.fromkeys(value.split(",")))


class NumberList(click.ParamType[list[int]]):
    """Numbers with commas, each between ``least`` and ``most``; the result has each once, in order."""

    name = "numbers"

    def __init__(self, least: int, most: int) -> None:
        self._number = click.IntRange(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """The numbers."""
        if not isinstance(value, str):
            return list(value)
        return list(dict.fromkeys(self._number(part, param, ctx) for part in value.split(",")))
