"""``report.html``: what ``report.json`` says, in one file that needs nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.memory_map import PAGE_SIZE
from firmware.guests.attack import Target
from sim.outputs import write_output
from sim.sanctuary.picture import Mark, MemoryPicture
from sim.sanctuary.picture_svg import svg
from sim.sanctuary.runs import AttackPair, Results

__all__ = ["html", "marks_of", "picture_of_results", "write_html"]

_NOT_MEMORY = (Target.NONE, Target.DEVICE)
_PREFERRED = "dma_read_guest2"  # its picture, if there is one: guest 1 has an engine there


def marks_of(pair: AttackPair) -> list[Mark]:
    """Where the refused accesses of an attack fell: those that the guard logged; or else, of one that was blocked, what it aimed at."""
    pages: dict[tuple[int, bool], Mark] = {}
    for address, write, _ in pair.evidence.refusals:
        pages.setdefault((address // PAGE_SIZE, write), Mark(address, "guard", write, pair.attack.name))
    if pages:
        return list(pages.values())
    if pair.blocked and pair.attack.target not in _NOT_MEMORY:
        return [Mark(pair.evidence.target, "kernel", None, pair.attack.name)]
    return []


def picture_of_results(results: Results) -> tuple[str, MemoryPicture] | None:
    """The owners in one of the runs, and the refusals of all; with the name of that run's attack."""
    known = [(p.attack.name, p.evidence.picture) for p in results.pairs if p.evidence.picture is not None]
    if not known:
        return None
    name, picture = next((k for k in known if k[0] == _PREFERRED), known[0])
    assert picture is not None
    return name, replace(picture, marks=tuple(mark for pair in results.pairs for mark in marks_of(pair)))


def html(content: Mapping[str, Any], picture: str = "", picture_of: str = "") -> str:
    """The page. ``picture`` is SVG, of the end of the run ``picture_of``."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    good = sum(bool(a["blocked"] and a["control_succeeded"]) for a in content["attacks"])
    values = {"scenario": "sanctuary", "failures": [], "stages": [], "no_interference": None, "seventeen_instructions": None, "waves": "",
              **content}  # fmt: skip
    values["attacks"] = [{"by": "guest 1", "text": "", "waves": "", "guest_1_life": "", **a} for a in content["attacks"]]
    drawing = Markup(picture)  # noqa: S704 - our own SVG, escaped where it was made
    return environment.get_template("report.html.j2").render(r=values, good=good, picture=drawing, picture_of=picture_of)


def write_html(folder: Path, content: Mapping[str, Any], results: Results) -> Path:
    """``report.html`` and, where a picture was taken, ``memory.svg``; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    drawing, name = "", ""
    if (taken := picture_of_results(results)) is not None:
        name, picture = taken
        drawing = svg(picture)
        write_output(folder / "memory.svg", drawing)
    path = folder / "report.html"
    write_output(path, html(content, drawing, name))
    return path
