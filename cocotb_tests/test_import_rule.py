"""The import rule of the design's section 3: arrows between the rooms run one way."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__: list[str] = []

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("contracts", "rtl", "cpu_ext", "chipset", "firmware", "virtual_pc", "isolation_kernel", "cocotb_tests", "sim", "verifier")
EVERYTHING = frozenset(ROOMS)

# What a room may import beside itself.
ALLOWED: dict[str, frozenset[str]] = {
    "contracts": frozenset(),
    "rtl": frozenset({"contracts"}),
    "cpu_ext": frozenset({"contracts", "rtl.seam", "rtl.arch", "rtl.microcode"}),
    "chipset": frozenset({"contracts"}),
    "firmware": frozenset({"contracts"}),
    "virtual_pc": frozenset({"contracts"}),
    "isolation_kernel": frozenset({"contracts", "virtual_pc"}),
    "verifier": frozenset({"contracts"}),
    "sim": EVERYTHING - {"cocotb_tests"},
    "cocotb_tests": EVERYTHING,
}
# What single files may import beyond that.
EXTRA: dict[str, frozenset[str]] = {"chipset/soc.py": frozenset({"rtl", "cpu_ext"})}
# The one file of contracts/ that describes a circuit's ports.
CIRCUITS_IN_CONTRACTS = {"bus.py"}

DMA_DEVICES = ("contracts.ide.", "contracts.dma_engine.")
TABLE_OF_DEVICES = "contracts/devices.py"
WHERE_THEY_ARE = frozenset({"contracts.ide.CHANNEL_PORTS", "contracts.ide.IDE_REQUESTER"})


def imported_modules(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that ``source`` may import, wherever in the file the statement stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def violations(path: str, source: str) -> list[str]:
    """Imports in the file ``path`` (relative to the root) that the rule does not allow."""
    room = path.split("/")[0]
    allowed = ALLOWED[room] | EXTRA.get(path, frozenset()) | {room}
    found = []
    for line, module in imported_modules(source):
        if module.split(".")[0] not in EVERYTHING:
            continue
        if not any(module == name or module.startswith(f"{name}.") for name in allowed):
            found.append(f"{path}:{line}: imports {module}")
    return found


def files_of(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_only_what_it_may(room: str) -> None:
    found = [v for file in files_of(room) for v in violations(file.relative_to(ROOT).as_posix(), file.read_text())]
    assert not found, "\n".join(found)


def test_contracts_are_free_of_circuits() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: imports {module}"
        for file in files_of("contracts")
        if file.name not in CIRCUITS_IN_CONTRACTS
        for line, module in imported_modules(file.read_text())
        if module.split(".")[0] == "amaranth" or module.startswith("contracts.bus")
    ]
    assert not found, "\n".join(found)


def test_isolation_kernel_knows_no_circuit_and_no_simulator() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: imports {module}"
        for file in files_of("isolation_kernel")
        for line, module in imported_modules(file.read_text())
        if module.split(".")[0] in ("amaranth", "cocotb") or module.startswith("contracts.bus")
    ]
    assert not found, "\n".join(found)


def drivers_knowledge(path: str, source: str) -> list[str]:
    """What the file ``path``, of the kernel or its table of devices, takes from the declarations of a DMA device beyond where it is and
    which requester: a driver's."""
    return [
        f"{path}:{line}: imports {module}"
        for line, module in imported_modules(source)
        if f"{module}.".startswith(DMA_DEVICES) and not (path == TABLE_OF_DEVICES and module in WHERE_THEY_ARE)
    ]


def test_isolation_kernel_has_no_driver() -> None:
    """It assigns the disk and the engines without a line about how they work; its model of the machine has them."""
    found = [
        each
        for file in (*files_of("isolation_kernel"), ROOT / TABLE_OF_DEVICES)
        if "model" not in file.relative_to(ROOT).parts
        for each in drivers_knowledge(file.relative_to(ROOT).as_posix(), file.read_text())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source", "refused"),
    [
        (TABLE_OF_DEVICES, "from contracts.ide import CHANNEL_PORTS, IDE_REQUESTER", False),
        (TABLE_OF_DEVICES, "from contracts.ide import Ata", True),
        ("isolation_kernel/moves.py", "from contracts.ide import IDE_REQUESTER", True),
        ("isolation_kernel/kernel.py", "import contracts.ide", True),
        ("isolation_kernel/kernel.py", "from contracts.dma_engine import DMA_ENGINE", True),
    ],
)
def test_what_would_be_a_driver(path: str, source: str, refused: bool) -> None:
    assert bool(drivers_knowledge(path, source)) is refused


def test_verifier_needs_one_package() -> None:
    """Whoever relies on a machine runs it elsewhere, and has to trust what it imports."""
    needed = frozenset({"cryptography", *ALLOWED["verifier"], "verifier"})
    found = [
        f"{file.relative_to(ROOT)}:{line}: imports {module}"
        for file in files_of("verifier")
        for line, module in imported_modules(file.read_text())
        if module.split(".")[0] not in needed | sys.stdlib_module_names or module.startswith("contracts.bus")
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source", "refused"),
    [
        ("rtl/core.py", "from contracts.bus import Space", False),
        ("rtl/core.py", "from rtl.seam import Seam", False),
        ("rtl/core.py", "import cpu_ext.plug", True),
        ("rtl/core.py", "def f():\n    from chipset import soc", True),
        ("cpu_ext/plug.py", "from rtl.seam import Seam", False),
        ("cpu_ext/plug.py", "from rtl import seam", False),
        ("cpu_ext/plug.py", "from rtl.arch.flags import Flag", False),
        ("cpu_ext/plug.py", "from rtl.core import Core", True),
        ("cpu_ext/plug.py", "from rtl.seam_private import X", True),
        ("chipset/soc.py", "from cpu_ext.plug import Plug", False),
        ("chipset/boards/simulation.py", "from rtl.core import Core", True),
        ("isolation_kernel/kernel.py", "import importlib\nimportlib.import_module('sim.link')", True),
        ("contracts/vmcb.py", "from rtl.arch import flags", True),
        ("firmware/rom.py", "from sim.model import build", True),
        ("verifier/judge.py", "from contracts.event_log import decode", False),
        ("verifier/judge.py", "from sim.tpm.swtpm import Swtpm", True),
        ("isolation_kernel/kernel.py", "from verifier.judge import judge", True),
        ("sim/machine.py", "from chipset.soc import Soc", False),
        ("sim/machine.py", "from cocotb_tests import conftest", True),
    ],
)
def test_the_rule_itself(path: str, source: str, refused: bool) -> None:
    assert bool(violations(path, source)) is refused
