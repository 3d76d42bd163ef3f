"""The counter of the isolation kernel's lines."""

import pytest

from sim.checks import kernel_lines

__all__: list[str] = []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("", 0),
        ("# only a comment\n\n", 0),
        ('"""A docstring\nof two lines."""\n', 0),
        ('x = 1  # code\n\n\ny = """two\nlines"""\n', 3),
        ('def f():\n    """Doc."""\n    return 1\n', 2),
        ("x = (\n    1,\n\n    # why\n    2,\n)\n", 4),
        ("x = 1; y = 2\n", 1),
    ],
)
def test_count(source: str, count: int) -> None:
    assert kernel_lines.code_lines(source) == count


def test_the_kernel_is_small_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert kernel_lines.main() == 0, capsys.readouterr().err
    assert "in all" in capsys.readouterr().out
