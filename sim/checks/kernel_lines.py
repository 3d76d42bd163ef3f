"""Counts the lines of the isolation kernel: at most 2,000, without blank lines, comments and docstrings.

Counted is what acts with ring −1's authority or decides for it, wherever it stands: all of ``isolation_kernel``, and each function of
``contracts`` that the kernel alone uses. Not counted are

- ``isolation_kernel/model`` (the machine of the unit tests, the recorder) and ``invariants.py``: they check the kernel, and none of its
  modules imports them;
- ``virtual_pc``: it takes values and answers with values, holds nothing that leads to the machine, and the kernel checks what it says;
- the rest of ``contracts``: names, layouts and tables, and what other rooms use as well; and ``CODECS``, which make bytes of values and
  values of bytes, of a format that is declared there or in a manual, and take no decision.

``python -m sim.checks.kernel_lines`` prints the count and fails above the limit.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

__all__ = ["CODECS", "LIMIT", "believed", "code_lines", "main"]

LIMIT = 2000
CODECS = {
    "contracts/report.py": "the guard's log registers",
    "contracts/sealed_storage.py": "the entries of an index, once they are authenticated",
    "contracts/tpm2.py": "the TPM's commands and answers, as the TPM 2.0 library has them",
}
_ROOT = Path(__file__).resolve().parents[2]
_TESTS = ("cocotb_tests", "build", ".venv")  # who tests the kernel's functions is no other user of them
_NOT_CODE = frozenset({
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER,
})  # fmt: skip


def _docstring_lines(tree: ast.AST) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def _lines_of(source: str) -> set[int]:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines - _docstring_lines(ast.parse(source))


def code_lines(source: str) -> int:
    """Lines of ``source`` that hold code: a token that is no comment and no docstring. Every line of a long string counts."""
    return len(_lines_of(source))


def _is_kernel(file: Path) -> bool:
    """``file`` is relative to the root."""
    return file.parts[0] == "isolation_kernel" and file.parts[1] != "model" and file.name != "invariants.py"


def _names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Modules of ``contracts``, and what is used of them."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "contracts":
            modules.update((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("contracts."):
            yield from ((node.module.removeprefix("contracts."), alias.name) for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions of a module by their names, methods by their class's; what a protocol declares does nothing."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and not any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases):
            yield from ((node.name, inner) for inner in node.body if isinstance(inner, ast.FunctionDef))


def believed(root: Path = _ROOT) -> dict[str, int]:
    """Files of ``contracts``, and the lines of those functions in them that no room but the kernel uses."""
    kernels: set[tuple[str, str]] = set()
    others: set[tuple[str, str]] = set()
    for room in (path for path in root.iterdir() if path.name not in _TESTS):
        for file in (path.relative_to(root) for path in room.rglob("*.py")):
            (kernels if _is_kernel(file) else others).update(_names(ast.parse((root / file).read_text())))
    found: dict[str, int] = {}
    for path in sorted((root / "contracts").glob("*.py")):
        source = path.read_text()
        own = [node for name, node in _functions(ast.parse(source)) if (path.stem, name) in kernels - others]
        if own:
            lines = {n for node in own for n in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
            found[path.relative_to(root).as_posix()] = len(lines & _lines_of(source))
    return found


def main() -> int:
    """Print the count of each file and the sum; 1 if it is above the limit."""
    files = sorted(file for file in (_ROOT / "isolation_kernel").rglob("*.py") if _is_kernel(file.relative_to(_ROOT)))
    counts = {file.relative_to(_ROOT).as_posix(): code_lines(file.read_text()) for file in files}
    counts |= {name: count for name, count in believed().items() if name not in CODECS}
    for name, count in counts.items():
        print(f"{count:6} {name}")
    total = sum(counts.values())
    print(f"{total:6} isolation kernel in all (at most {LIMIT})")
    if total > LIMIT:
        print(f"the isolation kernel is {total - LIMIT} lines too long", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
