"""The programs that measure do what they say, on QEMU, where cycles mean little."""

import hashlib
import re
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from cocotb_tests.firmware.qemu import run
from firmware import build
from firmware.bench import dhrystone_source
from firmware.bench.dhrystone_source import FETCHED, SourceError, check_flags, dhrystone_sources
from firmware.build import FirmwareError

STRINGS = build.ROOT / "bench" / "dhrystone" / "strings.c"


@pytest.fixture(scope="module")
def dhrystone():
    """The benchmark, if Debian's source package can be had."""
    try:
        return build.program("dhrystone")
    except FirmwareError as error:
        if "cannot be fetched" in str(error):
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize("runs", [1, 50, 777])
def test_dhrystone_ends_with_the_right_values(dhrystone, runs: int) -> None:
    outcome = run(dhrystone, f"runs={runs}")
    found = re.fullmatch(r"dhrystone: (\d+) runs, (\d+) cycles, 0 wrong values", outcome.lines[-1])
    assert outcome.status == 0 and found and int(found[1]) == runs
    assert int(found[2]) > 300 * runs, "a run has more than 300 instructions"


def test_dhrystone_refuses_other_flags_and_sources(tmp_path) -> None:
    with pytest.raises(SourceError, match="flags"):
        check_flags(("-O3",))
    other = tmp_path / "strings.c"
    other.write_text("/* faster */\n")
    with pytest.raises(SourceError, match="hash"):
        dhrystone_sources(tmp_path, other)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What Debian's source package holds, by file name; at first sources of a moment, which are those that are pinned."""
    files = {name: f"/* {name} */\n".encode() for name in FETCHED}
    for name, content in files.items():
        monkeypatch.setitem(FETCHED, name, hashlib.sha256(content).hexdigest())

    def apt(arguments: list[str], scratch: Path) -> str:
        if arguments[0] == "source":
            with tarfile.open(scratch / "u-boot_1.orig.tar.xz", "w:xz") as tar:
                for name, content in files.items():
                    member = tarfile.TarInfo(f"u-boot-1/lib/dhry/{name}")
                    member.size = len(content)
                    tar.addfile(member, BytesIO(content))
        return ""

    monkeypatch.setattr(dhrystone_source, "_apt", apt)
    monkeypatch.setattr("shutil.which", lambda name: name)
    return files


@pytest.mark.parametrize("name", list(FETCHED))
def test_dhrystone_refuses_a_package_with_another_source(tmp_path: Path, package: dict[str, bytes], name: str) -> None:
    pinned, folder = package[name], tmp_path / "dhrystone"
    package[name] = pinned + b"/* faster */\n"
    with pytest.raises(SourceError, match="pinned by hash"):
        dhrystone_sources(tmp_path, STRINGS)
    assert not folder.exists(), "nothing of it is kept"
    package[name] = pinned
    assert [path.name for path in dhrystone_sources(tmp_path, STRINGS)] == ["dhry_1.c", "dhry_2.c"]
    assert (folder / name).read_bytes() == pinned


@pytest.mark.parametrize("name", list(FETCHED))
def test_dhrystone_does_not_use_a_source_that_was_changed(tmp_path: Path, package: dict[str, bytes], name: str) -> None:
    folder = tmp_path / "dhrystone"
    dhrystone_sources(tmp_path, STRINGS)
    (folder / name).write_text("/* faster */\n")
    dhrystone_sources(tmp_path, STRINGS)
    assert (folder / name).read_bytes() == package[name], "it was fetched again"


def test_dhrystone_without_apt_is_one_line(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SourceError, match="apt-get not found.* by hand"):
        dhrystone_sources(tmp_path, STRINGS)


def test_vmrun_round_trip_counts_its_rounds() -> None:
    outcome = run(build.program("vmrun_round_trip"), "rounds=25", cpu="qemu32,+svm")
    assert outcome.status == 0
    assert re.fullmatch(r"vmrun_round_trip: 25 rounds, \d+ cycles, \d+ cycles with VMLOAD and VMSAVE", outcome.lines[-1])


def test_dma_throughput_says_that_there_is_no_engine() -> None:
    outcome = run(build.program("dma_throughput"))
    assert outcome.status == 3 and outcome.lines == ["dma_throughput: there is no DMA engine"]
