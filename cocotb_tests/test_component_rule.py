"""Every circuit is a component: a class with a method ``elaborate`` derives from ``wiring.Component``, directly or not."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__: list[str] = []

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("contracts", "rtl", "cpu_ext", "chipset", "sim", "cocotb_tests")
CIRCUITS = ("rtl", "cpu_ext", "chipset")
COMPONENT = "amaranth.lib.wiring.Component"


@dataclass(frozen=True)
class Class:
    """A class of the tree: the full names of what it derives from, and whether it has a circuit itself."""

    bases: tuple[str, ...]
    elaborates: bool


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What the names that a file imports stand for, wherever in it the statement is."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return names


def full_name(base: ast.expr, module: str, names: Mapping[str, str]) -> str:
    first, *rest = ast.unparse(base).split(".")
    return ".".join((names.get(first, f"{module}.{first}"), *rest))


def defines(node: ast.stmt, name: str) -> bool:
    """As a method, or as an attribute."""
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    return isinstance(node, ast.FunctionDef) and node.name == name


def classes_of(module: str, source: str) -> Iterator[tuple[str, Class]]:
    tree = ast.parse(source)
    names = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = tuple(full_name(base, module, names) for base in node.bases)
            yield f"{module}.{node.name}", Class(bases, any(defines(each, "elaborate") for each in node.body))


def is_component(name: str, classes: Mapping[str, Class]) -> bool:
    return name == COMPONENT or name in classes and any(is_component(base, classes) for base in classes[name].bases)


def bare(classes: Mapping[str, Class]) -> list[str]:
    """Circuits that are no components."""
    return [name for name, each in classes.items() if each.elaborates and not is_component(name, classes)]


@pytest.fixture(scope="module")
def classes() -> dict[str, Class]:
    found: dict[str, Class] = {}
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            found |= classes_of(".".join(file.relative_to(ROOT).with_suffix("").parts), file.read_text())
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_every_circuit_is_a_component(room: str, classes: dict[str, Class]) -> None:
    assert not [name for name in bare(classes) if name.startswith(f"{room}.")]
    if room in CIRCUITS:
        assert any(each.elaborates for name, each in classes.items() if name.startswith(f"{room}.")), "there is something to look at"


HEAD = """from amaranth.lib import wiring
from amaranth.lib.wiring import Component as C
import amaranth.lib.wiring as w
from other import B
"""


@pytest.mark.parametrize(
    ("base", "refused"),
    [
        ("", True),
        ("(object)", True),
        ("(B)", True),
        ("(Component)", True),
        ("(wiring.Signature)", True),
        ("(Mixin)", True),
        ("(wiring.Component)", False),
        ("(w.Component)", False),
        ("(C)", False),
        ("(Middle)", False),
        ("(Mixin, Middle)", False),
    ],
)
@pytest.mark.parametrize("body", ["def elaborate(self, platform): pass", "elaborate = build"])
def test_the_rule_itself(base: str, refused: bool, body: str) -> None:
    source = f"{HEAD}class Mixin: pass\nclass Middle(C): pass\nclass Unit{base}:\n    {body}\n"
    assert bare(dict(classes_of("rtl.unit", source))) == (["rtl.unit.Unit"] if refused else [])
