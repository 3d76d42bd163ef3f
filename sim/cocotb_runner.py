"""cocotb on a component, with Verilator or Icarus: built once, shared by test workers, fast.

A small Verilog wrapper makes the clock (``clk``, 10 ns), so that Python need not wake for it, and shows the component's ports under
their own names; only the ports are visible to Python, not every signal inside, which makes the model about ten times faster.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Icarus, Verilator

from sim.model import verilog
from sim.model.build import file_lock
from sim.model.interface import CLOCK, RESET, Interface, Port, component_interface
from sim.model.spec import ModelSpec
from sim.model.toolchain import environment, make_variables, tool_versions, verilator
from sim.paths import BUILD

__all__ = ["TESTBENCH", "CocotbDesign", "Simulator", "VerilogDesign", "run_cocotb", "wrapper"]

Simulator = Literal["verilator", "icarus"]
TESTBENCH = "testbench"
_HALF_PERIOD = 5  # ns


@dataclass(frozen=True)
class CocotbDesign:
    """A component ``package.module:Class``, its parameters, Verilog beside it, and the ports Python sees (all, if none are named)."""

    top: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    verilog: tuple[Path, ...] = ()
    visible: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerilogDesign:
    """A module ``top`` of Verilog files, simulated as it is, all of its ports seen by Python, which makes the clock as well.

    Bus models of others look at signals at the clock's rising edge and mean their values before it: on Verilator they get these only if
    Python itself has raised the clock.
    """

    top: str
    verilog: tuple[Path, ...]
    ports: tuple[Port, ...]


class _FastVerilator(Verilator):
    """cocotb's runner without ``--public-flat-rw``, with the Verilator of the Python package."""

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(verilator())

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        verilate.remove("--public-flat-rw")
        options = ["--no-print-directory", "OPT_FAST=-O2", "OPT_GLOBAL=-O2", "CFG_CXXFLAGS_COROUTINES=-fcoroutines"]
        return [verilate, [*make, *options, *make_variables()]]

    def _set_env_build(self) -> None:
        super()._set_env_build()
        self.env.update(environment())
        self.env["MAKEFLAGS"] = ""


def wrapper(ports: Sequence[Port], visible: tuple[str, ...], *, top: str = verilog.TOP, runs: bool = True) -> str:
    """The Verilog around the component: the clock, if it ``runs`` by itself, inputs as variables (0 at the start), outputs as wires."""
    lines = ["`timescale 1ns/1ns", f"module {TESTBENCH};"]
    if runs:
        lines += [f"    reg {CLOCK} = 1'b0;", f"    always #{_HALF_PERIOD} {CLOCK} = ~{CLOCK};"]
    for port in ports:
        if runs and port.name == CLOCK:
            continue
        size = f"[{port.width - 1}:0] " if port.width > 1 else ""
        seen = not visible or port.name in visible or port.name == RESET
        mark = f" /*verilator public_flat_{'rw' if port.is_input else 'rd'}*/" if seen else ""
        lines.append(f"    reg {size}{port.name}{mark} = {port.width}'h0;" if port.is_input else f"    wire {size}{port.name}{mark};")
    connections = ", ".join(f".{port.name}({port.name})" for port in ports)
    return "\n".join([*lines, f"    {top} dut({connections});", "endmodule", ""])


def _sources(design: CocotbDesign | VerilogDesign, simulator: Simulator, folder: Path) -> tuple[list[Path], str]:
    """Write design and wrapper into ``folder``; their paths, and the text that identifies them."""
    if isinstance(design, VerilogDesign):
        text = wrapper(design.ports, (), top=design.top, runs=False)
        (folder / "testbench.sv").write_text(text)
        return [folder / "testbench.sv", *design.verilog], text
    component = verilog.elaborate(design.top, dict(design.arguments))
    interface = component_interface(component, ModelSpec(design.top))
    text = verilog.to_verilog(verilog.to_rtlil(component), verilog.FAST if simulator == "verilator" else verilog.PLAIN)
    if f"input {RESET};" not in text:
        interface = Interface(tuple(p for p in interface.ports if p.name != RESET), interface.layouts)
    unknown = set(design.visible) - {p.name for p in interface.ports}
    if unknown:
        raise ValueError(f"{design.top} has no port {', '.join(sorted(unknown))}")
    files = {"design.v": text, "testbench.sv": wrapper(interface.ports, design.visible)}
    for name, content in files.items():
        (folder / name).write_text(content)
    return [folder / "testbench.sv", folder / "design.v", *design.verilog], "".join(files.values())


def _runner(simulator: Simulator) -> Any:
    return _FastVerilator() if simulator == "verilator" else Icarus()


def _build(design: CocotbDesign | VerilogDesign, simulator: Simulator, waves: bool) -> Path:
    """The folder with the compiled simulation."""
    base = BUILD / "cocotb"
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix="sources-") as scratch:
        sources, text = _sources(design, simulator, Path(scratch))
        extra = "".join(path.read_text() for path in design.verilog)
        key = "\0".join((text, extra, simulator, str(waves), tool_versions(), Path(__file__).read_text(), sys.version))
        folder = base / hashlib.sha256(key.encode()).hexdigest()[:32]
        with file_lock(base / "locks" / folder.name):
            if folder.exists():
                return folder
            partial = base / f"partial-{folder.name}"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            arguments = ["--timing", "-Wno-lint", "-Wno-fatal", "-O3", "--x-initial", "fast"] if simulator == "verilator" else ["-g2012"]
            _runner(simulator).build(
                sources=sources, hdl_toplevel=TESTBENCH, build_dir=partial, build_args=arguments, timescale=("1ns", "1ns"), waves=waves,
                log_file=partial / "build.log",
            )  # fmt: skip
            partial.rename(folder)
            return folder


def run_cocotb(
    design: CocotbDesign | VerilogDesign, test_module: str, simulator: Simulator = "verilator", *, seed: int = 1, waves: bool = False,
    folder: Path | None = None, test_filter: str | None = None,
) -> int:  # fmt: skip
    """Run the cocotb tests of ``test_module`` on ``design``; how many ran. AssertionError if one failed, or none ran.

    Results, log and waves go to ``folder`` (a fresh one under ``build/`` if not given).
    """
    built = _build(design, simulator, waves)
    if folder is None:
        folder = BUILD / "cocotb" / "runs" / f"{test_module}-{simulator}-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / "results.xml"
    log = folder / "run.log"
    try:
        _runner(simulator).test(
            test_module=test_module, hdl_toplevel=TESTBENCH, hdl_toplevel_lang="verilog", build_dir=built, test_dir=folder,
            results_xml=str(results), seed=seed, waves=waves, log_file=log, test_filter=test_filter,
        )  # fmt: skip
    except (SystemExit, RuntimeError) as error:
        if not results.exists():
            raise AssertionError(f"{test_module} on {simulator}: {error}\n{log.read_text()[-8000:]}") from None
    ran, failed = get_results(results)
    assert ran, f"{test_module} on {simulator}: no test ran\n{log.read_text()[-8000:]}"
    assert not failed, f"{test_module} on {simulator}: {failed} of {ran} failed\n{log.read_text()[-8000:]}"
    return ran
