"""Writes the reference pages: ``python -m sim.docs``, which is ``make docs``."""

from sim.docs.pages import PAGES
from sim.paths import ROOT

__all__: list[str] = []

for name, make in PAGES.items():
    path = ROOT / "docs" / name
    text = make()
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f"written: {path.relative_to(ROOT)}")
