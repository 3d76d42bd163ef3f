"""Dhrystone 2.1 from Debian's source package ``u-boot`` (``lib/dhry``): fetched when it is needed, pinned by hash, never in our tree."""

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from firmware.bench.debian_sources import source_entries

__all__ = ["DMIPS_DIVISOR", "FETCHED", "SourceError", "check_flags", "dhrystone_sources"]

DMIPS_DIVISOR = 1757  # Dhrystones a second of the VAX 11/780

_FOLDER = "/lib/dhry/"
_PACKAGE = "u-boot"
FETCHED: dict[str, str] = {
    "dhry.h": "9e704f23eb47974e2e4f33c720c7186735f864ac1490a7fcb5c81db125f1bc16",
    "dhry_1.c": "9a345a747e14a236c6609218862a8bc9f012fa8e90c7ec5db1b89dcdebb410c7",
    "dhry_2.c": "356589fc9ca9d2758510d4aa3d9b9eeb917b8bf6c4c28f1a1278ce2fce22de35",
}
_FLAGS = "4d07e8320f2700a6b37c77733a6b078a4a8635535978104543e2dba72bfefd17"
_STRINGS = "5fdd301c2724f4469e0afa926460782c6885cd241efc688cce4da175b68d51c4"
_WHAT = f"Dhrystone's source (Debian's source package {_PACKAGE})"
_BY_HAND = f"put {', '.join(FETCHED)} of its lib/dhry into {{}} by hand"


class SourceError(Exception):
    """The sources cannot be had, or are not those that are pinned; one line."""


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _complete(directory: Path) -> bool:
    return all((directory / name).is_file() and _sha256(directory / name) == digest for name, digest in FETCHED.items())


def _apt(arguments: list[str], scratch: Path) -> str:
    """What it complains of in its first such line; empty if all went well."""
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(scratch / "parts"),
        "Dir::State::lists": str(scratch / "lists"),
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "",
    }
    command = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items()), *arguments]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if not done.returncode:
        return ""
    return next((line for line in done.stderr.splitlines() if line.startswith("E:")), f"apt-get ended with {done.returncode}")


def _fetch(directory: Path) -> None:
    by_hand = _BY_HAND.format(directory)
    if shutil.which("apt-get") is None:
        raise SourceError(f"apt-get not found, which fetches {_WHAT}: {by_hand}")
    entries = source_entries()
    if not entries:
        raise SourceError(f"{_WHAT} cannot be fetched: apt has no entry for the distribution in /etc/apt: add one, or {by_hand}")
    with tempfile.TemporaryDirectory(dir=directory.parent) as name:
        scratch = Path(name)
        (scratch / "parts").mkdir()
        (scratch / "lists").mkdir()
        for entry, text in entries.items():
            (scratch / "parts" / entry).write_text(text)
        update = _apt(["update"], scratch)  # which may fail for an entry that is not needed
        if source := _apt(["source", "--download-only", _PACKAGE], scratch):
            raise SourceError(f"{_WHAT} cannot be fetched: {update or source}: put that right, or {by_hand}")
        archive = next(scratch.glob(f"{_PACKAGE}_*.orig.tar.*"), None)
        if archive is None:
            raise SourceError(f"Debian's source package {_PACKAGE} has no .orig.tar")
        unpacked = scratch / "unpacked"
        unpacked.mkdir()
        with tarfile.open(archive) as tar:
            for member in tar:
                base = os.path.basename(member.name)
                if member.isfile() and _FOLDER in member.name and base in FETCHED:
                    file = tar.extractfile(member)
                    assert file is not None
                    (unpacked / base).write_bytes(file.read())
        if not _complete(unpacked):
            raise SourceError(f"lib/dhry in Debian's source package {_PACKAGE} is not the one that is pinned by hash")
        directory.mkdir(exist_ok=True)
        for path in unpacked.iterdir():
            os.replace(path, directory / path.name)


def check_flags(flags: Iterable[str]) -> None:
    """Refuse to build with other compiler flags than those that results are stated for."""
    if hashlib.sha256("\n".join(flags).encode()).hexdigest() != _FLAGS:
        raise SourceError("the compiler flags are not those that Dhrystone's results are stated for (their hash differs)")


def dhrystone_sources(build_directory: Path, strings: Path) -> list[Path]:
    """The C files of the benchmark, fetched into ``build_directory`` if they are not there; ``strings`` is checked against its pin."""
    if _sha256(strings) != _STRINGS:
        raise SourceError(f"{strings.name} is not the file that Dhrystone's results are stated for (its hash differs)")
    directory = build_directory / "dhrystone"
    if not _complete(directory):
        build_directory.mkdir(parents=True, exist_ok=True)
        _fetch(directory)
    return [directory / name for name in FETCHED if name.endswith(".c")]
