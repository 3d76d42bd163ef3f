"""The counter of the isolation kernel's lines."""

from pathlib import Path

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


def test_what_the_kernel_alone_believes_counts_wherever_it_stands(tmp_path: Path) -> None:
    files = {
        "contracts/keys.py": "LAYOUT = 1\n\ndef meant(byte):\n    return byte + 1\n\ndef both(byte):\n    return byte\n\n"
        "class Hands:\n    down: int = 0\n    def take(self):\n        return 0\n",
        "contracts/shared.py": "def name(value):\n    return str(value)\n",
        "isolation_kernel/path.py": "from contracts import shared\nfrom contracts.keys import LAYOUT, Hands, both, meant\nshared.name(1)\n",
        "isolation_kernel/model/cpu.py": "from contracts.keys import both\n",
        "sim/report.py": "from contracts.shared import name\n",
        "cocotb_tests/test_keys.py": "from contracts.keys import meant\n",
    }
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    assert kernel_lines.believed(tmp_path) == {"contracts/keys.py": 4}
    (tmp_path / "sim/report.py").unlink()
    assert kernel_lines.believed(tmp_path) == {"contracts/keys.py": 4, "contracts/shared.py": 2}


def test_every_codec_that_is_not_counted_is_there() -> None:
    assert kernel_lines.believed().keys() >= kernel_lines.CODECS.keys()
