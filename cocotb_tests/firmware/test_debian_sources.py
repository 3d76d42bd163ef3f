"""Where Dhrystone's source comes from is read from apt's own configuration, in either of its notations."""

from pathlib import Path

import pytest

from cocotb_tests.firmware.test_bench import STRINGS
from firmware.bench import dhrystone_source
from firmware.bench.debian_sources import source_entries
from firmware.bench.dhrystone_source import SourceError, dhrystone_sources

__all__: list[str] = []

STANZAS = """# the distribution
Types: deb
# a comment between
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN KEY-----
 .
 -----END KEY-----

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm-backports
Components: main
Enabled: no

Types: deb
URIs: http://shop.example/tools
Suites: nodistro
Components: main
"""
LINES = """# deb http://mirror.example/debian sid main
deb [arch=amd64 signed-by=/keys/a.gpg] http://mirror.example/debian bookworm main contrib # ours
deb-src http://mirror.example/debian bookworm main
deb http://inside.example/copy bookworm main
deb http://shop.example/apt stable main
deb http://shop.example/linux/debian bookworm stable
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    return tmp_path


def test_stanzas_keep_all_but_their_type(etc: Path) -> None:
    (etc / "apt" / "sources.list.d" / "debian.sources").write_text(STANZAS)
    (etc / "apt" / "sources.list.d" / "shop.sources.save").write_text(STANZAS)
    assert source_entries(etc) == {
        "debian.sources": "Types: deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main contrib\nSigned-By:\n -----BEGIN KEY-----\n .\n -----END KEY-----\n"
    }


def test_lines_of_the_distribution_alone(etc: Path) -> None:
    (etc / "apt" / "sources.list").write_text(LINES)
    assert source_entries(etc) == {
        "sources.list": "deb-src [arch=amd64 signed-by=/keys/a.gpg] http://mirror.example/debian bookworm main contrib\n"
        "deb-src http://mirror.example/debian bookworm main\ndeb-src http://inside.example/copy bookworm main\n"
    }


def test_without_an_entry_it_is_said_what_to_do(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source_entries(etc) == {}
    monkeypatch.setattr(dhrystone_source, "source_entries", lambda: source_entries(etc))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(
        SourceError, match="cannot be fetched: apt has no entry for the distribution in /etc/apt: add one, or put"
    ) as caught:
        dhrystone_sources(etc, STRINGS)
    assert str(etc / "dhrystone") in str(caught.value) and "\n" not in str(caught.value)
