"""Counts the lines of the isolation kernel: at most 2,000, without blank lines, comments and docstrings.

Counted are all modules that act with ring −1's authority. Not counted are

- ``isolation_kernel/model`` (the machine of the unit tests, the recorder) and ``invariants.py``: they check the kernel, and none of its
  modules imports them;
- ``virtual_pc``: it takes values and answers with values, holds nothing that leads to the machine, and the kernel checks what it says;
- ``contracts``: it declares layouts and names (the switches of the control runs among them), has what makes bytes of values and values of
  bytes, and acts on nothing.

``python -m sim.checks.kernel_lines`` prints the count and fails above the limit.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

__all__ = ["LIMIT", "code_lines", "main"]

LIMIT = 2000
_ROOT = Path(__file__).resolve().parents[2]
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


def code_lines(source: str) -> int:
    """Lines of ``source`` that hold code: a token that is no comment and no docstring. Every line of a long string counts."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - _docstring_lines(ast.parse(source)))


def main() -> int:
    """Print the count of each file and the sum; 1 if it is above the limit."""
    kernel = _ROOT / "isolation_kernel"
    files = sorted(file for file in kernel.rglob("*.py") if kernel / "model" not in file.parents and file.name != "invariants.py")
    counts = {file.relative_to(_ROOT).as_posix(): code_lines(file.read_text()) for file in files}
    for name, count in counts.items():
        print(f"{count:6} {name}")
    total = sum(counts.values())
    print(f"{total:6} isolation_kernel in all (at most {LIMIT})")
    if total > LIMIT:
        print(f"the isolation kernel is {total - LIMIT} lines too long", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
