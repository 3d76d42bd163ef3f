"""Fields of a ``data.Struct`` by name, offset and width, and records of that layout read lazily."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import EnumMeta
from typing import Any

__all__ = ["BitField", "RecordDecoder", "RecordLayout", "RecordView", "fields_of", "layout_of"]


@dataclass(frozen=True)
class BitField:
    """Bits ``offset`` to ``offset + width - 1``. ``names`` are the members of the enum it is coded in, if it is."""

    name: str
    offset: int
    width: int
    signed: bool = False
    names: Mapping[int, str] | None = None

    def get(self, word: int) -> int:
        """This field's value in a record."""
        value = (word >> self.offset) & ((1 << self.width) - 1)
        if self.signed and value >> (self.width - 1):
            value -= 1 << self.width
        return value


@dataclass(frozen=True)
class RecordLayout:
    """The leaf fields of a record of ``width`` bits. ``lanes`` records lie side by side in a port, the first in the lowest bits."""

    fields: tuple[BitField, ...]
    width: int
    lanes: int = 1


def layout_of(shape: Any) -> RecordLayout:
    """The record in a port of this shape; an array is several, side by side."""
    from amaranth.hdl import Shape
    from amaranth.lib import data

    lanes = 1
    if isinstance(shape, data.ArrayLayout):
        shape, lanes = shape.elem_shape, shape.length
    return RecordLayout(tuple(fields_of(shape)), Shape.cast(shape).width, lanes)


def fields_of(shape: Any, name: str = "", offset: int = 0) -> Iterator[BitField]:
    """Leaf fields of a layout, ``data.Struct`` or array, however nested: ``outer.inner``, ``words[3]``; a whole array too: ``words``."""
    from amaranth.hdl import Shape
    from amaranth.lib import data

    layout: Any = None
    if isinstance(shape, data.Layout):
        layout = shape
    elif isinstance(shape, type) and issubclass(shape, data.Struct | data.Union):
        layout = data.Layout.cast(shape)
    if layout is not None:
        if isinstance(layout, data.ArrayLayout) and name:
            yield BitField(name, offset, layout.size)
        for key, member in layout:
            path = f"{name}[{key}]" if isinstance(key, int) else f"{name}.{key}" if name else key
            yield from fields_of(member.shape, path, offset + member.offset)
        return
    plain = Shape.cast(shape)
    members: Mapping[str, Any] = shape.__members__ if isinstance(shape, EnumMeta) else {}
    names = {int(member.value): member_name for member_name, member in members.items()} or None
    yield BitField(name, offset, plain.width, plain.signed, names)


class RecordView:
    """One record: an integer and the cycle it was taken in; fields are read when asked for.

    ``view["outer.inner"]`` or, faster, ``view.outer_inner``.
    """

    __slots__ = ("_decoder", "cycle", "word")

    def __init__(self, decoder: "RecordDecoder", cycle: int, word: int) -> None:
        self._decoder = decoder
        self.cycle = cycle
        self.word = word

    def __getattr__(self, name: str) -> int:
        try:
            shift, mask = self._decoder.plain[name]
        except KeyError:
            raise AttributeError(f"the record has no field {name}") from None
        return (self.word >> shift) & mask

    def __getitem__(self, path: str) -> int:
        return self._decoder.fields[path].get(self.word)

    def name_of(self, path: str) -> str:
        """The name of an enum field's value, or the value in hexadecimal."""
        field = self._decoder.fields[path]
        value = field.get(self.word)
        return (field.names or {}).get(value, f"{value:#x}")

    def as_dict(self) -> dict[str, int]:
        """Every field."""
        return {path: field.get(self.word) for path, field in self._decoder.fields.items()}

    def __repr__(self) -> str:
        return f"<record at cycle {self.cycle}: " + ", ".join(f"{k}={v:#x}" for k, v in self.as_dict().items()) + ">"


class RecordDecoder:
    """Turns the bytes of recorded entries (two words of cycle number, then the record) into views."""

    def __init__(self, fields: Iterable[BitField], width: int) -> None:
        self.fields = {f.name: f for f in fields}
        self.plain = {
            f.name.replace(".", "_").replace("[", "_").replace("]", ""): (f.offset, (1 << f.width) - 1)
            for f in self.fields.values()
            if not f.signed
        }
        self.width = width
        self.words = (width + 31) // 32
        self.stride = 8 + 4 * self.words  # bytes of an entry

    def decode(self, entries: bytes) -> Iterator[RecordView]:
        """The records in ``entries``, in order."""
        stride = self.stride
        if len(entries) % stride:
            raise ValueError(f"{len(entries)} bytes are no whole number of {stride}-byte entries")
        for start in range(0, len(entries), stride):
            cycle = int.from_bytes(entries[start : start + 8], "little")
            yield RecordView(self, cycle, int.from_bytes(entries[start + 8 : start + stride], "little"))
