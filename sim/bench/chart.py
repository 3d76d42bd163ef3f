"""Line charts side by side as SVG: ratios over sizes that double."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from xml.sax.saxutils import escape

__all__ = ["Panel", "chart_svg"]

_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#9c755f")
_PANEL_WIDTH, _PLOT_HEIGHT = 330, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 46, 46
_LEGEND_STEP = 64
_GRID = 0.05  # between two lines
_ROUNDING = 1e-6
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@dataclass(frozen=True)
class Panel:
    """One chart: ``lines`` by their name in the legend, a value for each of the sizes."""

    title: str
    lines: Mapping[str, Sequence[float]]


def _size(value: int) -> str:
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value // unit} {name}"
    return f"{value}"


@dataclass(frozen=True)
class _Axes:
    """From values to places in a panel."""

    sizes: Sequence[int]
    low: float  # value at the bottom; the top is 1

    def x(self, place: int) -> float:
        return _LEFT + place * (_PANEL_WIDTH - _LEFT - _RIGHT) / max(1, len(self.sizes) - 1)

    def y(self, value: float) -> float:
        return _TOP + (1 - value) / (1 - self.low) * _PLOT_HEIGHT

    def grid(self) -> Iterator[str]:
        right, bottom = _PANEL_WIDTH - _RIGHT, _TOP + _PLOT_HEIGHT
        for step in range(round((1 - self.low) / _GRID) + 1):
            value = 1 - step * _GRID
            y = self.y(value)
            yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>'
        for place, size in enumerate(self.sizes):
            x = self.x(place)
            yield f'<line x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}" stroke="#888"/>'
            yield f'<text transform="translate({x + 4:.1f} {bottom + 10}) rotate(-45)" text-anchor="end">{_size(size)}</text>'


def _line(axes: _Axes, name: str, values: Sequence[float], colour: str) -> Iterator[str]:
    points = " ".join(f"{axes.x(n):.1f},{axes.y(value):.1f}" for n, value in enumerate(values))
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for n, value in enumerate(values):
        title = escape(f"{name}, {_size(axes.sizes[n])}: {value:.4f}")
        yield f'<circle cx="{axes.x(n):.1f}" cy="{axes.y(value):.1f}" r="3" fill="{colour}"><title>{title}</title></circle>'


def chart_svg(caption: str, legend: str, sizes: Sequence[int], panels: Sequence[Panel]) -> str:
    """The picture as text. Values lie between 0 and 1 and are ratios; ``sizes`` are bytes, each larger than the one before.

    ``legend`` says what the lines' names are numbers of. ValueError if a line has not a value for each size.
    """
    if any(b <= a for a, b in pairwise(sizes)):
        raise ValueError("sizes must rise")
    values = [value for panel in panels for line in panel.lines.values() for value in line]
    if any(len(line) != len(sizes) for panel in panels for line in panel.lines.values()):
        raise ValueError(f"a line must have {len(sizes)} values")
    low = 1 - _GRID * max(1, ceil((1 - min(values)) / _GRID - _ROUNDING))
    axes = _Axes(sizes, low)
    width, height = len(panels) * _PANEL_WIDTH, _TOP + _PLOT_HEIGHT + _BOTTOM + 24
    body: list[str] = []
    for n, panel in enumerate(panels):
        body.append(f'<g transform="translate({n * _PANEL_WIDTH} 0)"><text x="{_LEFT}" y="{_TOP - 8}" font-weight="bold">'
                    f"{escape(panel.title)}</text>")  # fmt: skip
        body += axes.grid()
        for (name, line), colour in zip(panel.lines.items(), _COLOURS, strict=False):
            body += _line(axes, name, line, colour)
        body.append("</g>")
    names = dict.fromkeys(name for panel in panels for name in panel.lines)
    key = [f'<text x="{_LEFT}" y="{height - 8}">{escape(legend)}</text>']
    at = _LEFT + 7 * len(legend)
    for name, colour in zip(names, _COLOURS, strict=False):
        key.append(f'<line x1="{at}" y1="{height - 12}" x2="{at + 20}" y2="{height - 12}" stroke="{colour}" stroke-width="2"/>')
        key.append(f'<text x="{at + 26}" y="{height - 8}">{escape(name)}</text>')
        at += _LEGEND_STEP
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="18" font-size="13">{escape(caption)}</text>', *body, *key, "</svg>",
    )) + "\n"  # fmt: skip
