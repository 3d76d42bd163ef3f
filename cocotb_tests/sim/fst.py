"""Reads the waves that a model draws as FST, as far as Verilator writes it (its ``fstcpp_writer.cpp``; blocks 3, 6 and 8)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Fst", "lz4"]

_GEOMETRY, _HIERARCHY, _WAVES = 3, 6, 8  # blocks
_SCOPE, _UPSCOPE, _ATTRIBUTE, _ATTRIBUTE_END = 254, 255, 252, 253  # entries of the hierarchy
_REAL, _REAL_BYTES = 0, 8
_STRING = 0xFFFF_FFFF


def lz4(data: bytes, size: int) -> bytes:
    """A block of LZ4 unpacked; ValueError unless it has ``size`` bytes."""
    out, at = bytearray(), 0
    while at < len(data):
        token, at = data[at], at + 1
        count, at = _more(data, token >> 4, at)
        out += data[at : at + count]
        at += count
        if at >= len(data):
            break
        distance, at = int.from_bytes(data[at : at + 2], "little"), at + 2
        count, at = _more(data, token & 15, at)
        for _ in range(count + 4):
            out.append(out[-distance])
    if len(out) != size:
        raise ValueError(f"{len(out)} bytes unpacked, {size} wanted")
    return bytes(out)


def _more(data: bytes, count: int, at: int) -> tuple[int, int]:
    if count == 15:
        while (byte := data[at]) == 255:
            count, at = count + byte, at + 1
        count, at = count + byte, at + 1
    return count, at


@dataclass
class _Reader:
    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size: int = 8) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self) -> str:
        end = self.data.index(0, self.at)
        return self.take(end + 1 - self.at)[:-1].decode()

    def varint(self, signed: bool = False) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value - (1 << shift) if signed and byte & 0x40 else value


@dataclass
class Fst:
    """A file of waves. ``widths``: bits by number; ``numbers``: of signals by their names, scopes with dots, ranges of bits left out."""

    path: Path
    widths: list[int] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        reader = _Reader(self.path.read_bytes())
        self._waves: list[bytes] = []
        while reader.at < len(reader.data):
            kind, length = reader.take(1)[0], reader.number()
            block = reader.take(length - 8)
            if kind == _GEOMETRY:
                self._read_geometry(_Reader(block))
            elif kind == _HIERARCHY:
                self._read_hierarchy(_Reader(lz4(block[8:], int.from_bytes(block[:8], "big"))))
            elif kind == _WAVES:
                self._waves.append(block)

    def _read_geometry(self, reader: _Reader) -> None:
        size, count = reader.number(), reader.number()
        packed = reader.data[reader.at :]
        widths = _Reader(packed if len(packed) == size else zlib.decompress(packed))
        self.widths = [widths.varint() for _ in range(count)]

    def _read_hierarchy(self, reader: _Reader) -> None:
        scopes: list[str] = []
        last = 0
        while reader.at < len(reader.data):
            kind = reader.take(1)[0]
            if kind == _SCOPE:
                reader.take(1)
                scopes.append(reader.text())
                reader.text()
            elif kind == _UPSCOPE:
                scopes.pop()
            elif kind == _ATTRIBUTE:
                reader.take(2)
                reader.text()
                reader.varint()
            elif kind != _ATTRIBUTE_END:
                reader.take(1)
                name = reader.text().partition("[")[0].strip()
                reader.varint()
                if not (number := reader.varint()):
                    last = number = last + 1
                self.numbers[".".join([*scopes, name])] = number - 1

    def changes(self, name: str) -> list[tuple[int, int]]:
        """Times and values, the first at the beginning; a value that does not change is left out."""
        number = self.numbers[name]
        found: list[tuple[int, int]] = []
        for block in self._waves:
            for time, value in self._changes(_Reader(block), number):
                if not found or found[-1][1] != value:
                    found.append((time, value))
        return found

    def _changes(self, reader: _Reader, number: int) -> Iterator[tuple[int, int]]:
        width = self.widths[number]
        start = reader.number()
        reader.take(16)
        size, packed = reader.varint(), reader.varint()
        reader.varint()
        bits = reader.take(packed)
        initial = bits if packed == size else zlib.decompress(bits)
        first = sum({_REAL: _REAL_BYTES, _STRING: 0}.get(w, w) for w in self.widths[:number])
        if (value := initial[first : first + width]).strip(b"01") == b"":
            yield start, int(value, 2)
        reader.varint()
        base = reader.at  # places count from the letter of the packing
        times, places, table = self._tables(reader.data)
        place = places[number]
        if place is None:
            return
        reader.at = base + place
        end = min((base + p for p in places if p is not None and p > place), default=table)
        unpacked = reader.varint()
        data = reader.data[reader.at : end]
        changes = _Reader(lz4(data, unpacked) if unpacked else data)
        at = 0
        while changes.at < len(changes.data):
            word = changes.varint()
            if width == 1:
                assert not word & 1, "neither 0 nor 1"
                at += word >> 2
                yield times[at], word >> 1 & 1
            else:
                assert not word & 1, "bits that are neither 0 nor 1"
                at += word >> 1
                size = (width + 7) // 8
                yield times[at], changes.number(size) >> (8 * size - width)

    @staticmethod
    def _tables(block: bytes) -> tuple[list[int], list[int | None], int]:
        """Times by index, where each signal's changes lie, if it has any, and where all of them end."""
        size, packed, count = (int.from_bytes(block[len(block) + n :][:8], "big") for n in (-24, -16, -8))
        end = len(block) - 24 - packed
        data = block[end : end + packed]
        reader, now, times = _Reader(data if packed == size else zlib.decompress(data)), 0, []
        for _ in range(count):
            now += reader.varint()
            times.append(now)
        length = int.from_bytes(block[end - 8 : end], "big")
        reader = _Reader(block[end - 8 - length : end - 8])
        places: list[int | None] = []
        place = same = 0
        while reader.at < length:
            if not reader.data[reader.at] & 1:
                places += [None] * (reader.varint() >> 1)
                continue
            step = reader.varint(signed=True) >> 1
            if step > 0:
                place += step
                places.append(place)
                continue
            same = step or same
            places.append(places[-same - 1])
        return times, places, end - 8 - length
