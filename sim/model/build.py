"""Makes the library of a model, or finds it made: ``build/models/<digest of the Verilog and the flags>/``.

A model appears in its place whole, by a rename; what an interrupted build leaves behind is thrown away by the next. Several processes
that want the same model wait for one of them. ``build/models/index/`` remembers which model the sources of a room lead to, so that
an unchanged circuit need not be elaborated.
"""

import fcntl
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sim.model import verilog
from sim.model.interface import CLOCK, RESET, Interface, check_spec, component_interface, read_interface
from sim.model.shim import SHIM, find_ram, ports_inc
from sim.model.spec import ModelSpec, Trace
from sim.model.toolchain import make_variables, run_tool, tool_versions, verilator
from sim.model.training import train
from sim.outputs import write_output
from sim.paths import BUILD, ROOT

__all__ = ["MODELS", "Built", "build_model", "file_lock", "sources_digest"]

MODELS = BUILD / "models"
LIBRARY = "libmodel.so"
_OPTIMIZE = "-O2"
_TRAINED, _TAUGHT = "-fprofile-generate -fprofile-update=single", "-fprofile-use -Wno-missing-profile"
_PROFILE, _REMADE = ".gcda", (".a", ".gch")  # what an object's training leaves; what is made again beside such objects
_VERILATOR_FLAGS = (
    "--cc", "--exe", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--no-timing", "--output-split", "20000",
    "-Wno-lint", "-Wno-fatal", "--prefix", "Vmodel", "--top-module", verilog.TOP,
)  # fmt: skip


@dataclass(frozen=True)
class Built:
    """A model that is there."""

    spec: ModelSpec
    folder: Path
    interface: Interface

    @property
    def library(self) -> Path:
        """The shared library."""
        return self.folder / LIBRARY

    @property
    def verilog(self) -> Path:
        """The Verilog it was made of."""
        return self.folder / "design.v"


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold ``path`` against other processes; freed by the system should this one die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Progress:
    """One line on a terminal, or a line a step otherwise, on standard error."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.terminal = sys.stderr.isatty()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        if self.terminal:
            print(f"\r\x1b[Kmodel {self.name}: {what} …", end="", file=sys.stderr, flush=True)
        start = time.monotonic()
        yield
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            print(f"model {self.name}: {what} ({time.monotonic() - start:.1f} s)", file=sys.stderr, flush=True)


def sources_digest(rooms: tuple[str, ...]) -> str:
    """Digest of every file of these folders (and of these files) that a circuit can depend on."""
    digest = hashlib.sha256()
    for room in rooms:
        path = ROOT / room
        if not path.exists():
            raise FileNotFoundError(f"{room}: no such room")
        files = sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts) if path.is_dir() else [path]
        for file in files:
            digest.update(f"{file.relative_to(ROOT)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _spec_digest(spec: ModelSpec) -> str:
    roles = (spec.stops, spec.streams, spec.feeds, spec.recorders, spec.transactor)
    return hashlib.sha256(repr(roles).encode()).hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _own_sources() -> str:
    """The parts of this package that decide what a library looks like."""
    here = Path(__file__).parent
    names = ("shim.cpp", "shim.py", "build.py", "interface.py", "layout.py", "training.py", "verilog.py")
    return _digest(*((here / name).read_text() for name in names))


def _source_key(spec: ModelSpec, trace: Trace) -> str:
    arguments = repr(sorted(spec.arguments.items()))
    extra = "".join(path.read_text() for path in spec.verilog)
    return _digest(spec.top, arguments, sources_digest(spec.rooms), extra, _spec_digest(spec), trace, _own_sources(), tool_versions())


_read_sources: dict[tuple[str, ...], str] = {}  # what the sources were when this process first elaborated a circuit of theirs


def build_model(spec: ModelSpec, trace: Trace = "none") -> Built:
    """The model of ``spec``, built if need be; ``trace`` makes a variant that can draw waves.

    Raises ValueError if the component lacks a port that the specification names, ToolError if a tool fails.
    """
    if not spec.rooms:
        return _build(spec, trace)
    key, before = _source_key(spec, trace), sources_digest(spec.rooms)
    index = MODELS / "index" / f"{key}.json"
    with file_lock(index.with_suffix(".lock")):
        if index.exists():
            folder = MODELS / json.loads(index.read_text())["model"]
            if (folder / LIBRARY).exists():
                return Built(spec, folder, read_interface(folder / "interface.json"))
        built = _build(spec, trace)
        if _read_sources.setdefault(spec.rooms, before) != before or before != sources_digest(spec.rooms):
            return built  # edited since this process imported them: good for now, but not what the key says
        write_output(index, json.dumps({"top": spec.top, "model": built.folder.name}))
        return built


def _has_port(text: str, name: str) -> bool:
    return f"  input {name};" in text or f"  input wire {name};" in text


def _build(spec: ModelSpec, trace: Trace) -> Built:
    progress = _Progress(spec.name)
    with progress.step("elaborate"):
        component = verilog.elaborate(spec.top, dict(spec.arguments))
        rtlil = verilog.to_rtlil(component)
        interface = component_interface(component, spec)
        check_spec(spec, interface)
    source = _verilog_of(rtlil, verilog.FLAT if trace == "none" else verilog.FAST, progress)
    if not _has_port(source, CLOCK):
        raise ValueError(f"{spec.top} has no clock")
    if not _has_port(source, RESET):
        interface = replace(interface, ports=tuple(p for p in interface.ports if p.name != RESET))
    extra = [path.read_text() for path in spec.verilog]
    name = _digest(source, *extra, _spec_digest(spec), repr(interface), trace, _own_sources(), tool_versions())
    folder = MODELS / name
    with file_lock(MODELS / "locks" / name):
        if not (folder / LIBRARY).exists():
            partial = MODELS / "partial" / name
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            _make_library(spec, interface, trace, source, partial, progress)
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
    return Built(spec, folder, read_interface(folder / "interface.json"))


def _verilog_of(rtlil: str, passes: tuple[str, ...], progress: _Progress) -> str:
    """Verilog of RTLIL, kept under the digest of the RTLIL: models that differ in what is looked at share it."""
    cached = MODELS / "verilog" / f"{_digest(rtlil, repr(passes), tool_versions())}.v"
    with file_lock(cached.with_suffix(".lock")):
        if not cached.exists():
            with progress.step("optimize with yosys"):
                text = verilog.to_verilog(rtlil, passes)
            write_output(cached, text)
        return cached.read_text()


def _make_library(spec: ModelSpec, interface: Interface, trace: Trace, source: str, folder: Path, progress: _Progress) -> None:
    """Verilate and compile in ``folder``; leaves the library, the Verilog, the interface and the logs."""
    design = folder / "design.v"
    design.write_text(source)
    objects = folder / "obj"
    log = folder / "build.log"
    defines = f"-DMODEL_TRACE_VCD={int(trace == 'vcd')} -DMODEL_TRACE_FST={int(trace == 'fst')}"
    tracing = {"none": [], "vcd": ["--trace-vcd", "--trace-structs"], "fst": ["--trace-fst", "--trace-structs"]}[trace]
    sources = [design, *spec.verilog]
    with progress.step("verilate"):
        run_tool(
            [
                str(verilator()), *_VERILATOR_FLAGS, *tracing, "--Mdir", str(objects), "-o", LIBRARY,
                "-CFLAGS", f"-fPIC {defines}",
                *(str(path) for path in sources), str(SHIM),
            ],
            log,
        )  # fmt: skip
    (objects / "ports.inc").write_text(ports_inc(spec, interface, objects, sources))
    ram = find_ram(sorted(objects.glob("Vmodel*.h")))
    replace(interface, ram_words=ram[1] if ram else 0).write(folder / "interface.json")
    if spec.training and trace == "none":
        with progress.step("compile for training"):
            _compile(objects, log, _TRAINED)
        with progress.step("train"):
            (objects / LIBRARY).rename(folder / LIBRARY)
            train(spec, folder, log)
        for path in (p for p in objects.iterdir() if p.suffix in _REMADE or p.with_suffix(_PROFILE).exists() and p.suffix == ".o"):
            path.unlink()
        with progress.step("compile"):
            _compile(objects, log, _TAUGHT)
    else:
        with progress.step("compile"):
            _compile(objects, log)
    (objects / LIBRARY).rename(folder / LIBRARY)
    shutil.rmtree(objects)


def _compile(objects: Path, log: Path, profile: str = "") -> None:
    """Compile what Verilator wrote; ``profile`` are g++'s options about profiles, for the circuit's code and the linker."""
    run_tool(
        [
            "make", "-C", str(objects), "-f", "Vmodel.mk", "-j", "2", "--no-print-directory", f"OPT_FAST={_OPTIMIZE} {profile}",
            f"OPT_GLOBAL={_OPTIMIZE}", "OPT_SLOW=-O1", f"LDFLAGS=-shared {profile}", *make_variables(),
        ],
        log,
    )  # fmt: skip
