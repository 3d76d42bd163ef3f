"""Options that say what one of several guests asks for: ``--right N:NAME``, ``--device N:NAME``."""

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

import click

from contracts.devices import DeviceNumber
from contracts.rights import Right

__all__ = ["DEVICE", "RIGHT", "by_guest"]

T = TypeVar("T")


class _Asked(click.ParamType[tuple[int, T]], Generic[T]):
    """A guest's number, from 1 on in the order of ``--guest``, and one of these names."""

    name = "N:NAME"

    def __init__(self, names: Mapping[str, T]) -> None:
        self._names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, T]:
        """Number and what the name means."""
        if not isinstance(value, str):
            number, what = value
            return number, what
        number, _, name = value.partition(":")
        if not (number.isascii() and number.isdigit() and len(number) < 5 and int(number)):
            self.fail(f"{value!r} does not begin with a guest's number and a colon: 1:{next(iter(self._names))}, say", param, ctx)
        if name not in self._names:
            self.fail(f"{name!r} is none of {', '.join(self._names)}", param, ctx)
        return int(number), self._names[name]


# USE and RUN are asked by what a guest is given and by its being started.
RIGHT = _Asked({right.name.lower().replace("_", "-"): right for right in Right if right not in (Right.RUN, Right.USE)})
DEVICE = _Asked({device.name: device for device in DeviceNumber})


def by_guest(asked: Iterable[tuple[int, T]]) -> dict[int, frozenset[T]]:
    """What each guest that is named asks for."""
    found: dict[int, frozenset[T]] = {}
    for number, what in asked:
        found[number] = found.get(number, frozenset()) | {what}
    return found
