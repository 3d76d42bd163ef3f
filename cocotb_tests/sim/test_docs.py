"""The reference pages in ``docs/`` are what the declarations say, and the pages that are written by hand name what exists."""

import re
from pathlib import Path

import pytest

from contracts.display import TRUSTED_LINE
from contracts.dma_engine import DMA_ENGINE
from contracts.host_link import HOST_LINK
from contracts.memory_map import Physical
from contracts.policy_map import GUARD
from contracts.tpm import TPM, TPM_HASH
from contracts.vmcb import FIELDS
from sim.docs.markdown import bits, hexadecimal, table
from sim.docs.pages import PAGES
from sim.paths import ROOT

__all__: list[str] = []

DOCS = ROOT / "docs"
BY_HAND = ("README.md", "CONTRIBUTING.md", "cocotb_tests/PLAN.md")
WRITTEN = sorted([*(p for p in DOCS.rglob("*.md") if p.name not in PAGES), *(ROOT / name for name in BY_HAND)])
ROOMS = ("contracts", "rtl", "cpu_ext", "chipset", "firmware", "virtual_pc", "isolation_kernel", "sim", "cocotb_tests", "verifier")
_PATH = re.compile(rf"`((?:{'|'.join(ROOMS)}|docs)/[\w./-]*)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), f"docs/{name} is not what contracts/ says: run make docs"


def test_every_register_and_field_is_on_the_page() -> None:
    page = PAGES["registers.md"]()
    for block in (GUARD, DMA_ENGINE, HOST_LINK, TPM, TPM_HASH, TRUSTED_LINE):
        for register in block.registers:
            assert f"`{register.name}`" in page and register.doc in page
            for field in register.fields:
                assert f"| {bits(field.lsb, field.width)} | `{field.name}` |" in page
    assert f"| {hexadecimal(Physical.GUARD, 8)} | `GUARD` |" in page


def test_every_field_of_the_vmcb_is_on_the_page() -> None:
    page = PAGES["vmcb.md"]()
    segments = [f for f in FIELDS.values() if f.name.partition("_")[2] in ("SELECTOR", "ATTRIB", "LIMIT", "BASE")]
    for field in FIELDS.values():
        assert field in segments or f"| {hexadecimal(field.offset, 3)} | {field.size} | `{field.name}` |" in page


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_its_page(room: str) -> None:
    assert (DOCS / "rooms" / f"{room}.md").read_text().startswith(f"# {room}\n")


@pytest.mark.parametrize("page", WRITTEN, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    missing = [p for p in _PATH.findall(text) if not (ROOT / p).exists()]
    missing += [p for p in _LINK.findall(text) if not (page.parent / p).exists()]
    assert not missing, f"{page.name} names {missing}"


def test_markdown() -> None:
    assert (hexadecimal(0x3F8), hexadecimal(0xFED8_0000), hexadecimal(0x1_2345), hexadecimal(0, 8)) == (
        "3F8h",
        "FED8_0000h",
        "1_2345h",
        "0000_0000h",
    )
    assert (bits(3, 1), bits(16, 16)) == ("3", "31:16")
    assert table(("a", "b"), [("x|y", 1)]) == ["| a | b |", "| --- | --- |", "| x\\|y | 1 |", ""]
