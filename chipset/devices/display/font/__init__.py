"""The display's one font, ``spleen_8x16.hex``: Spleen by Frederic Cambus, under the BSD 2-Clause licence (``LICENSE``)."""

from pathlib import Path

from contracts.display import CELL_HEIGHT

__all__ = ["GLYPHS", "glyphs"]

GLYPHS = 256
_FILE = Path(__file__).parent / "spleen_8x16.hex"
_COMMENT = "#"


def glyphs() -> list[bytes]:
    """The rows of each glyph of code page 437, by its code: a byte a row from the top, the leftmost dot highest. ValueError for a bad
    file."""
    found: dict[int, bytes] = {}
    for number, line in enumerate(_FILE.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith(_COMMENT):
            continue
        code, _, rest = line.partition(":")
        rows = bytes.fromhex(rest.partition("  ")[0])
        if len(rows) != CELL_HEIGHT or int(code, 16) in found:
            raise ValueError(f"{_FILE.name}:{number}: a glyph is a new code and {CELL_HEIGHT} bytes")
        found[int(code, 16)] = rows
    if sorted(found) != list(range(GLYPHS)):
        raise ValueError(f"{_FILE.name}: not {GLYPHS} glyphs")
    return [found[code] for code in range(GLYPHS)]
