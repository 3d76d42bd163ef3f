"""The hand-written test programs of ``firmware/tests``: which there are, and how they are built."""

from pathlib import Path

from sim.programs.assemble import ROOT, Linked, link

__all__ = ["build_program", "program_names"]

_TESTS = ROOT / "firmware" / "tests"
_LIBRARY = {
    "manual_svm": ("rt.S", "rt.c", "svm.S", "svm.c"),
    "manual": ("rt.S", "rt.c"),
    "system": ("rt.S", "rt.c"),
    "svm": ("rt.S", "rt.c", "svm.S", "svm.c"),
    "console": ("rt.S", "rt.c", "svm.S", "svm.c"),
}


def program_names(room: str) -> list[str]:
    """Names of the programs of ``system`` or ``svm``, sorted."""
    return sorted(p.stem for p in (_TESTS / room).iterdir() if p.suffix in (".c", ".S"))


def build_program(room: str, name: str) -> Linked:
    """The linked program; built if a source has changed."""
    sources: list[Path] = [_TESTS / "lib" / f for f in _LIBRARY[room]]
    (source,) = (p for p in (_TESTS / room).iterdir() if p.stem == name and p.suffix in (".c", ".S"))
    return link(f"{room}_{name}", [*sources, source], extra=("-I" + str(_TESTS / "lib"),))
