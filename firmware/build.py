"""Builds the firmware: reset ROM, ring −1 stub, guests and programs, with Debian's gcc, into ``build/firmware``.

An image is made again only when something that it is made of has changed (sources, generated headers, flags, compiler), and appears
under its name only when it is whole, so that parallel and interrupted builds do no harm.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from firmware.bench.dhrystone_source import SourceError, check_flags
from firmware.headers import HEADER_NAME, header_text
from firmware.images import IMAGES, Image, Kind

__all__ = ["BUILD", "FLAGS", "FirmwareError", "build", "changed", "guest", "main", "program", "reset_rom", "secure_loader", "stub"]

ROOT = Path(__file__).parent
BUILD = ROOT.parent / "build" / "firmware"
ROM_SIZE = 64 << 10

FLAGS = (
    "-m32", "-march=i486", "-Os", "-std=gnu11", "-ffreestanding", "-fno-builtin", "-fcf-protection=none", "-fno-pic", "-no-pie",
    "-static", "-nostdlib", "-nostdinc", "-mgeneral-regs-only", "--param=min-pagesize=0", "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables", "-fno-ident", "-fno-common", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror",
    "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-z,max-page-size=4096", "-Wl,--no-warn-rwx-segments",
)  # fmt: skip


class FirmwareError(Exception):
    """Something a person must put right; the text is one clear line."""


def _tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise FirmwareError(f"{name} not found: the firmware needs it (Debian package {package})")
    return path


@cache
def _compiler() -> tuple[str, str]:
    """The compiler's path and what it calls itself."""
    gcc = _tool("gcc", "gcc-multilib")
    done = subprocess.run([gcc, "--version"], capture_output=True, text=True)
    if done.returncode or not done.stdout:
        raise FirmwareError(f"{gcc} --version fails with status {done.returncode}: install it anew (Debian package gcc-multilib)")
    return gcc, done.stdout.splitlines()[0]


def _generated(image: Image) -> dict[str, str]:
    """The headers that are made, by name."""
    return {HEADER_NAME: header_text(), **image.headers()}


def _key(image: Image, headers: Mapping[str, str]) -> str:
    """A hash of all that the image is made of."""
    digest = hashlib.sha256(repr((_compiler()[1], FLAGS, image.flags, image.sources, image.defines, sorted(headers.items()))).encode())
    for folder in {ROOT / "lib", *(ROOT / s for s in image.folders)}:
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".S", ".c", ".h", ".ld"}:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    if not image.is_local:
        check_flags((*FLAGS, *image.flags))
    for path in image.fetched():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _refused(name: str, said: str) -> str:
    """What the compiler makes fail, in a line; all that it said is kept in a file."""
    if "-lgcc" in said:
        return "gcc has no 32-bit libgcc: the firmware needs it (Debian package gcc-multilib)"
    log = BUILD / f"{name}.log"
    log.write_text(said)
    first = next((line for line in said.splitlines() if "error" in line), "no error is told")
    return f"{name}: the compiler refuses it: {first.strip()} (all of it is in {log})"


def _compile(image: Image, headers: Mapping[str, str], output: Path) -> None:
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        for name, text in headers.items():
            Path(scratch, name).write_text(text)
        include = ["-I", scratch, "-I", str(ROOT), *(f"-I{d}" for d in image.include_paths())]
        defines = [f"-D{name}={value}" for name, value in image.defines.items()]
        elf = Path(scratch, "image.elf")
        sources = [*(str(ROOT / s) for s in image.sources), *map(str, image.fetched())]
        command = [
            _compiler()[0],
            *FLAGS,
            *image.flags,
            *include,
            *defines,
            "-T",
            str(ROOT / image.script),
            "-o",
            str(elf),
            *sources,
            "-lgcc",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise FirmwareError(_refused(image.name, done.stderr))
        result = elf
        if image.kind is Kind.RAW:
            result = Path(scratch, "image.bin")
            subprocess.run([_tool("objcopy", "binutils"), "-O", "binary", str(elf), str(result)], check=True)
        os.replace(result, output)


def build(name: str) -> Path:
    """Build one image if need be; the path of an ELF file, or of plain bytes for ROM and stub. FirmwareError if that cannot be."""
    if name not in IMAGES:
        raise FirmwareError(f"there is no firmware called {name!r}; there are: {', '.join(sorted(IMAGES))}")
    image = IMAGES[name]
    BUILD.mkdir(parents=True, exist_ok=True)
    output = BUILD / (name + (".elf" if image.kind is Kind.ELF else ".bin"))
    stamp = BUILD / f".{name}.key"
    headers = _generated(image)
    try:
        key = _key(image, headers)
    except SourceError as error:
        raise FirmwareError(str(error)) from None
    if output.exists() and stamp.exists() and stamp.read_text() == key:
        return output
    _compile(image, headers, output)
    partial = BUILD / f".{name}.key.{os.getpid()}"
    partial.write_text(key)
    os.replace(partial, stamp)
    return output


def changed(name: str, changes: Mapping[str, Mapping[str, str]]) -> bytes:
    """An image with pieces of its sources replaced, by source: for control runs. FirmwareError if one is not there exactly once."""
    image = IMAGES[name]
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        sources = []
        for n, source in enumerate(image.sources):
            text = (ROOT / source).read_text()
            for old, new in changes.get(source, {}).items():
                if text.count(old) != 1:
                    raise FirmwareError(f"{source}: what is to be changed is there {text.count(old)} times: {old!r}")
                text = text.replace(old, new)
            file = Path(folder, f"{n}{Path(source).suffix}")
            file.write_text(text)
            sources.append(str(file) if source in changes else source)
        output = Path(folder, "output")
        _compile(replace(image, sources=tuple(sources)), _generated(image), output)
        return output.read_bytes()


def reset_rom() -> bytes:
    """The 64 KiB that lie at FFFF_0000h."""
    data = build("reset_rom").read_bytes()
    if len(data) != ROM_SIZE:
        raise FirmwareError(f"the reset ROM has {len(data)} bytes, not {ROM_SIZE}")
    return data


def stub() -> bytes:
    """The ring −1 stub: whole pages, to be put on any page of ring −1's memory and entered at its first byte with EBX = its address."""
    return build("stub").read_bytes()


def secure_loader() -> bytes:
    """What is measured of the secure loader block, to be put at its first byte: any multiple of 64 KiB."""
    return build("secure_loader").read_bytes()


def guest(name: str) -> Path:
    """A multiboot ELF file: ``mass_market``, ``trusted``, ``attacker``, ``sensitive``, ``sensitive_ring1``."""
    return build(name)


def program(name: str) -> Path:
    """A multiboot ELF file that runs natively: ``dhrystone``, ``vmrun_round_trip``, ``dma_throughput``, ``stub_test``, ``launcher``."""
    return build(name)


def main(arguments: list[str]) -> int:
    """Build what is named, or everything."""
    try:
        for name in arguments or IMAGES:
            print(build(name).relative_to(BUILD.parent.parent))
    except FirmwareError as error:
        print(f"ringfence: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
