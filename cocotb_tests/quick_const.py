"""``data.Const`` without its cost: testbenches look at many structures, and at few fields of each."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Const, Shape, ShapeCastable
from amaranth.lib import data

__all__ = ["maker"]

_Field = tuple[int, int, Callable[[int], Any] | None]  # offset, mask, and what is made of the bits, if not just a number


class _QuickConst(data.Const):
    """As its base, which looks the layout over for every constant and every field; here that is done once a layout."""

    def __init__(self, bits: int, layout: Any, cast: data.Layout, fields: dict[Any, _Field]) -> None:
        # What the base keeps; its own constructor would check it all.
        self._Const__orig_layout, self._Const__layout, self._Const__target = layout, cast, bits
        self._fields = fields

    def __repr__(self) -> str:
        return repr(data.Const(self._Const__orig_layout, self._Const__target))

    def __getitem__(self, key: Any) -> Any:
        try:
            offset, mask, make = self._fields[key]
        except (KeyError, TypeError):
            return super().__getitem__(key)  # a slice, an index from the end, or an error
        bits = self._Const__target >> offset & mask
        return bits if make is None else make(bits)


def _of_field(shape: Any) -> Callable[[int], Any] | None:
    if isinstance(shape, data.Layout) or (isinstance(shape, type) and issubclass(shape, data.Struct | data.Union)):
        return maker(shape)
    if isinstance(shape, ShapeCastable):
        return shape.from_bits
    plain = Shape.cast(shape)
    return (lambda bits: Const(bits, plain).value) if plain.signed else None


_makers: dict[int, tuple[Any, Callable[[int], data.Const]]] = {}  # by the layout's identity; the layout, to keep that its own


def maker(layout: Any) -> Callable[[int], data.Const]:
    """Makes constants of a layout from bits."""
    if id(layout) not in _makers:
        cast = data.Layout.cast(layout)
        fields: dict[Any, _Field] = {key: (field.offset, (1 << field.width) - 1, _of_field(field.shape)) for key, field in cast}
        _makers[id(layout)] = layout, lambda bits: _QuickConst(bits, layout, cast, fields)
    return _makers[id(layout)][1]
