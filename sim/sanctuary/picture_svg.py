"""The picture of memory as SVG: a square a page, its colour the owner, a dot where DMA may go, a mark where an access was refused."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from contracts.memory_map import PAGE_SIZE
from sim.sanctuary.picture import Mark, MemoryPicture

__all__ = ["svg"]

_COLUMNS = 128  # pages a row: half a mebibyte
_CELL = 7
_LEFT, _TOP = 74, 22
_LEGEND_ROW = 18
_LEGEND_WIDTH = 250
_COLOURS = {
    "guest 1": "#4e79a7", "guest 2": "#59a14f", "free": "#eeeeee", "no RAM": "#444444", "in transit": "#f1ce63",
    "kernel: stub": "#8c564b", "kernel: VMCB": "#b07aa1", "kernel: shadow tables": "#d37295", "kernel: DMA map": "#9c4f96",
    "kernel: in use": "#c9a0c9", "kernel: pool": "#e8d8e8",
}  # fmt: skip
_OTHER = "#bab0ac"
_DMA_COLOURS = ("#ffffff", "#ffd92f", "#fc8d62", "#e78ac3")
_SHAPES = {  # of marks, around the origin
    "guard": '<path d="M-6 -6L6 6M-6 6L6 -6" stroke="#d62728" stroke-width="2.5"/>',
    "kernel": '<circle r="8" fill="none" stroke="#ff7f0e" stroke-width="2.5"/>',
}


def _place(page: int) -> tuple[int, int]:
    return _LEFT + page % _COLUMNS * _CELL, _TOP + page // _COLUMNS * _CELL


def _pieces(first: int, count: int) -> Iterator[tuple[int, int]]:
    """A run cut at the ends of rows."""
    end = first + count
    while first < end:
        size = min(end - first, _COLUMNS - first % _COLUMNS)
        yield first, size
        first += size


def _owners(picture: MemoryPicture) -> Iterator[str]:
    for run in picture.owners:
        colour = _COLOURS.get(run.what, _OTHER)
        title = f"{run.what}: {run.first * PAGE_SIZE:#010x} to {(run.first + run.count) * PAGE_SIZE - 1:#010x}"
        for first, count in _pieces(run.first, run.count):
            x, y = _place(first)
            yield f'<rect x="{x}" y="{y}" width="{count * _CELL}" height="{_CELL}" fill="{colour}"><title>{escape(title)}</title></rect>'


def _dma(picture: MemoryPicture) -> Iterator[str]:
    """One dot a page and requester, drawn as a dotted line a row."""
    for n, runs in enumerate(picture.dma):
        colour = _DMA_COLOURS[n % len(_DMA_COLOURS)]
        for run in runs:
            for first, count in _pieces(run.first, run.count):
                x, y = _place(first)
                middle = y + 2 + 3 * (n % 2)
                yield (f'<line x1="{x + _CELL // 2}" y1="{middle}" x2="{x + count * _CELL}" y2="{middle}" stroke="{colour}" '
                       f'stroke-width="2" stroke-dasharray="2 {_CELL - 2}"><title>{escape(run.what)}</title></line>')  # fmt: skip


def _mark(mark: Mark, picture: MemoryPicture) -> str:
    page = mark.address // PAGE_SIZE
    x, y = _place(min(page, picture.pages - 1))
    what = "access" if mark.write is None else "write" if mark.write else "read"
    where = picture.owner(page)
    title = f"{mark.attack}: {what} at {mark.address:#010x} ({where}) refused by the {mark.by}"
    return (f'<g transform="translate({x + _CELL / 2} {y + _CELL / 2})">{_SHAPES[mark.by]}'
            f"<title>{escape(title)}</title></g>")  # fmt: skip


def _legend(picture: MemoryPicture, top: int) -> Iterator[str]:
    owners = dict.fromkeys(run.what for run in picture.owners)
    rows: list[tuple[str, str]] = [
        (f'<rect width="12" height="12" fill="{_COLOURS.get(name, _OTHER)}" stroke="#999"/>', name) for name in owners
    ]
    for n, runs in enumerate(picture.dma):
        dot = f'<rect width="12" height="12" fill="#4e79a7"/><circle cx="6" cy="6" r="2" fill="{_DMA_COLOURS[n % len(_DMA_COLOURS)]}"/>'
        rows.append((dot, f"reached by {runs[0].what}" if runs else f"DMA{n}: reaches nothing"))
    for by, shape in _SHAPES.items():
        if count := sum(mark.by == by for mark in picture.marks):
            rows.append((f'<g transform="translate(6 6)">{shape}</g>', f"refused by the {by}: {count}"))
    for n, (drawing, text) in enumerate(rows):
        x, y = _LEFT + n % 3 * _LEGEND_WIDTH, top + n // 3 * _LEGEND_ROW
        yield f'<g transform="translate({x} {y})">{drawing}<text x="18" y="10">{escape(text)}</text></g>'


def svg(picture: MemoryPicture) -> str:
    """The whole drawing."""
    rows = -(-picture.pages // _COLUMNS)
    bottom = _TOP + rows * _CELL
    legend = list(_legend(picture, bottom + 14))
    height = bottom + 20 + -(-len(legend) // 3) * _LEGEND_ROW
    width = _LEFT + _COLUMNS * _CELL + 8
    step = max(1, rows // 16)
    addresses = [
        f'<text x="{_LEFT - 6}" y="{_TOP + row * _CELL + _CELL}" text-anchor="end">{row * _COLUMNS * PAGE_SIZE:08x}</text>'
        for row in range(0, rows, step)
    ]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="monospace" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="14">{picture.pages} pages of 4 KiB, {_COLUMNS} a row</text>',
        *addresses, *_owners(picture), *_dma(picture), *(_mark(m, picture) for m in picture.marks), *legend, "</svg>",
    ]) + "\n"  # fmt: skip
