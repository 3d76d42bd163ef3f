"""The timing diagrams of docs/dma_guard.md are what the exported modules do. ``RECORD_DIAGRAMS=1`` writes them anew."""

import os
import re
from pathlib import Path

import pytest

from chipset.export.axi_top import AxiTop
from chipset.export.wishbone_top import WishboneTop
from cocotb_tests.chipset.export import test_axi, test_wishbone
from cocotb_tests.chipset.export.exported import exported
from sim.cocotb_runner import run_cocotb
from sim.paths import ROOT

__all__: list[str] = []

PAGE = ROOT / "docs" / "dma_guard.md"
NAMES = {
    "axi": ("axi-read", "axi-read-refused", "axi-write", "axi-write-refused"),
    "wishbone": ("wishbone-read", "wishbone-read-refused"),
}


def diagram(name: str) -> re.Pattern[str]:
    """Where a diagram stands on the page."""
    return re.compile(rf"(<!-- diagram: {name} -->\n\n```text\n)(.*?)(```\n)", re.DOTALL)


@pytest.mark.icarus
@pytest.mark.parametrize("bus", NAMES)
def test_the_page_shows_what_happens(bus: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGRAMS", str(tmp_path))
    if bus == "axi":
        design = exported(AxiTop(test_axi.SETTINGS), test_axi.NAME)
    else:
        design = exported(WishboneTop(test_wishbone.SETTINGS), test_wishbone.NAME)
    module = f"cocotb_tests.chipset.export.{bus}_diagrams_under_cocotb"
    assert run_cocotb(design, module, "icarus", seed=seed, folder=tmp_path) == 1
    for wanted in NAMES[bus]:
        recorded = (tmp_path / wanted).read_text()
        text = PAGE.read_text()
        found = diagram(wanted).search(text)
        assert found, f"the page has no diagram {wanted}"
        if os.environ.get("RECORD_DIAGRAMS"):
            PAGE.write_text(text[: found.start(2)] + recorded + text[found.end(2) :])
        else:
            assert found[2] == recorded, f"{wanted} is not what happens: RECORD_DIAGRAMS=1 writes it anew"
