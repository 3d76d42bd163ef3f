"""The files of an exported guard: complete, clean, true to the declarations, and written whole or not at all."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from chipset.dma_policy.registers import GuardRegisters
from chipset.export.settings import GuardSettings
from cocotb_tests.chipset.bus_master import simulate
from contracts.policy_map import GUARD, Format
from sim.cli.main import main
from sim.docs.markdown import hexadecimal
from sim.export import bundle
from sim.export.ports import BUSES
from sim.export.texts import WAIVERS
from sim.model.toolchain import environment, verilator
from sim.paths import ROOT

__all__: list[str] = []

SHAPES = {
    "smallest": GuardSettings(1, formats={Format.UNIFORM}, cached_words=1, stall_limit=0),
    "uniform": GuardSettings(4, formats={Format.UNIFORM}),
    "whole": GuardSettings(3, closed_at_reset=True),
}

SEE = "(see ringfence export dma-guard --help)"


def export(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", "dma-guard", *arguments])


@pytest.fixture(scope="module", params=BUSES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A bus, and what the command has written for it."""
    output = tmp_path_factory.mktemp("export") / "guard"
    done = export("--bus", request.param, "--requesters", "2", "--output", str(output))
    assert done.exit_code == 0, done.output
    assert sorted(map(Path, done.output.split())) == sorted(output.iterdir())
    return request.param, output


def lint(folder: Path, module: str) -> subprocess.CompletedProcess[str]:
    """Verilator's lint with all warnings on, which are errors."""
    command = [str(verilator()), "--lint-only", "-Wall", f"{module}.vlt", f"{module}.v"]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bus", BUSES)
def test_lint_is_clean_but_for_the_named_waivers(bus: str, shape: str, tmp_path: Path) -> None:
    module = BUSES[bus].module
    for name, text in bundle.files(BUSES[bus], SHAPES[shape]).items():
        (tmp_path / name).write_text(text)
    done = lint(tmp_path, module)
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr


def test_lint_finds_what_is_not_waived(folder: tuple[str, Path], tmp_path: Path) -> None:
    bus, source = folder
    module = BUSES[bus].module
    text = (source / f"{module}.v").read_text()
    (tmp_path / f"{module}.vlt").write_text((source / f"{module}.vlt").read_text())
    (tmp_path / f"{module}.v").write_text(text.replace("endmodule", "  wire undriven; assign irq = undriven;\nendmodule"))
    assert lint(tmp_path, module).returncode != 0


def test_every_waiver_is_needed_and_says_why(folder: tuple[str, Path], tmp_path: Path) -> None:
    bus, source = folder
    module = BUSES[bus].module
    (tmp_path / f"{module}.v").write_text((source / f"{module}.v").read_text())
    (tmp_path / f"{module}.vlt").write_text("`verilator_config\n")
    broken = set(re.findall(r"%Warning-(\w+)", lint(tmp_path, module).stderr))
    assert broken <= set(WAIVERS)
    assert set(WAIVERS) - broken <= {"UNSIGNED"}
    waived = (source / f"{module}.vlt").read_text()
    for rule, reason in WAIVERS.items():
        assert f"// {reason}\nlint_off -rule {rule} " in waived


def test_names_are_plain_and_the_language_is_old(folder: tuple[str, Path]) -> None:
    bus, source = folder
    text = (source / f"{BUSES[bus].module}.v").read_text()
    assert "\\" not in text
    assert text.count("\nmodule ") == 1
    for word in ("logic", "always_ff", "always_comb", "interface"):
        assert not re.search(rf"^\s*{word}\b", text, re.MULTILINE)
    done = subprocess.run(["iverilog", "-g2001", "-Wall", "-t", "null", *source.glob("*.v")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ports_have_the_names_that_tools_know(folder: tuple[str, Path]) -> None:
    bus, source = folder
    text = (source / f"{BUSES[bus].module}.v").read_text()
    ports = {name: (way, width) for way, width, name in re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", text, re.MULTILINE)}
    wanted = {
        "axi4": {
            "aclk": ("input", ""), "aresetn": ("input", ""), "s00_axi_awaddr": ("input", "31"), "s01_axi_awlen": ("input", "7"),
            "s01_axi_rdata": ("output", "31"), "s_trusted_axi_wstrb": ("input", "3"), "s_axil_awaddr": ("input", "11"),
            "m_axi_arid": ("output", "1"), "m_axi_rid": ("input", "1"), "m_axi_bready": ("output", ""), "irq": ("output", ""),
        },
        "wishbone": {
            "clk": ("input", ""), "rst": ("input", ""), "s00_wb_adr_i": ("input", "31"), "s01_wb_dat_o": ("output", "31"),
            "s_trusted_wb_sel_i": ("input", "3"), "s_registers_wb_ack_o": ("output", ""), "m_wb_stb_o": ("output", ""),
            "m_wb_dat_i": ("input", "31"), "irq": ("output", ""),
        },
    }[bus]  # fmt: skip
    assert {name: ports.get(name) for name in wanted} == wanted
    assert not any(name.startswith("s02") for name in ports)


def test_the_core_file_names_what_is_there(folder: tuple[str, Path]) -> None:
    bus, source = folder
    text = (source / f"{BUSES[bus].module}.core").read_text()
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text.split("\n", 1)[1])
    named = [next(iter(f)) if isinstance(f, dict) else f for part in core["filesets"].values() for f in part["files"]]
    assert all((source / name).is_file() for name in named)
    assert {p.name for p in source.iterdir()} == {*named, "README.md", bundle.LICENCE, f"{BUSES[bus].module}.core"}
    for target in core["targets"].values():
        assert target["toplevel"] == BUSES[bus].module
        assert set(target["filesets"]) <= set(core["filesets"])


def test_every_file_says_under_which_licence_it_is(folder: tuple[str, Path]) -> None:
    bus, source = folder
    for name in (f"{BUSES[bus].module}.v", bundle.HEADER):
        assert "SPDX-License-Identifier: Apache-2.0" in (source / name).read_text().splitlines()[0]
    assert (source / bundle.LICENCE).read_text() == (ROOT / "LICENSE").read_text()


def example(source: Path, language: str) -> str:
    """The one example in that language on the page that was written."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", (source / "README.md").read_text(), re.DOTALL)
    assert isinstance(found, str)
    return found


def test_the_header_is_the_declaration_and_the_example_compiles(folder: tuple[str, Path], tmp_path: Path) -> None:
    _, source = folder
    checks = [f'_Static_assert(GUARD_{r.name} == {r.offset}, "");' for r in GUARD.registers]
    checks += [f'_Static_assert(GUARD_{r.name}_{f.name} == {f.mask}u, "");' for r in GUARD.registers for f in r.fields]
    program = tmp_path / "example.c"
    program.write_text("\n".join(["#include <stdint.h>", f'#include "{bundle.HEADER}"', *checks, example(source, "c")]))
    command = ["gcc", "-m32", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", f"-I{source}", "-fsyntax-only", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def elaborates(text: str, module: Path) -> bool:
    """Whether Icarus takes a design with the module in it."""
    (module.parent / "example.v").write_text(f"module example(input clk, input resetn, input reset);\n{text}endmodule\n")
    command = ["iverilog", "-g2001", "-t", "null", "-s", "example", "example.v", module.name]
    return subprocess.run(command, cwd=module.parent, capture_output=True, text=True, check=False).returncode == 0


def test_the_verilog_example_connects_ports_that_exist(folder: tuple[str, Path], tmp_path: Path) -> None:
    bus, source = folder
    module = tmp_path / f"{BUSES[bus].module}.v"
    module.write_text((source / module.name).read_text())
    text = example(source, "verilog")
    assert elaborates(text, module)
    assert not elaborates(text.replace(".irq(", ".interrupt("), module)


def test_the_page_has_every_signal(folder: tuple[str, Path]) -> None:
    """As the Verilog has it, the guarded ports' once for all of them."""
    bus, source = folder
    text = (source / f"{BUSES[bus].module}.v").read_text()
    built = {
        (name, way.removesuffix("put"), int(high or 0) + 1)
        for way, high, name in re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", text, re.MULTILINE)
        if not name.startswith(f"{BUSES[bus].guarded(1)}_") and name not in ("aclk", "aresetn", "clk", "rst")
    }
    told = re.findall(r"^\| `(\w+)` \| (in|out) \| (\d+) \|$", (source / "README.md").read_text(), re.MULTILINE)
    assert len(told) > 30
    assert sorted((name, way, int(bits)) for name, way, bits in told) == sorted(built)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_has_the_registers_as_they_are_after_reset(shape: str) -> None:
    settings, bus = SHAPES[shape], BUSES["wishbone"]
    lines = bundle.files(bus, settings)["README.md"].splitlines()
    rows = {cells[2].strip("` "): cells[4].strip() for cells in (line.split("|") for line in lines) if len(cells) == 7}
    dut = GuardRegisters(requesters=settings.requesters, formats=settings.formats, closed_at_reset=settings.closed_at_reset)
    seen = dict[str, str]()

    async def read(ctx: Any) -> None:
        for register in GUARD.registers:
            ctx.set(dut.block.address, register.at() // 4)
            seen[register.name] = hexadecimal(ctx.get(dut.block.read_data))

    simulate(dut, read)
    del seen["DEVICE_IDLE"]
    assert {name: rows[name] for name in seen} == seen
    maps = settings.requesters if settings.formats != {Format.UNIFORM} else 1
    assert any(f"there for n < {maps}," in line for line in lines)


def test_the_page_says_what_was_built(folder: tuple[str, Path]) -> None:
    bus, source = folder
    text = (source / "README.md").read_text()
    assert "| guarded ports | 2 |" in text
    for prefix in (BUSES[bus].guarded(1), BUSES[bus].trusted, BUSES[bus].memory, BUSES[bus].registers):
        assert f"`{prefix}_*`" in text
    for register in GUARD.registers:
        assert f"`{register.name}`" in text and register.doc in text
    for title in ("What it promises", "What it does not promise", "Policy maps", BUSES[bus].section):
        assert f"## {title}\n" in text
    other = next(b.section for b in BUSES.values() if b is not BUSES[bus])
    assert f"## {other}\n" not in text
    assert "](" not in text, "links lead out of the folder"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bus", "pci"], f"Invalid value for '--bus': 'pci' is not one of axi4, wishbone {SEE}"),
        (["--requesters", "0"], "0 requesters: 1 to 16 can be built"),
        (["--requesters", "17"], "17 requesters: 1 to 16 can be built"),
        (["--requesters", "many"], f"Invalid value for '--requesters': 'many' is not a valid integer {SEE}"),
        (["--formats", "uniform,none"], f"Invalid value for '--formats': 'none' is none of uniform, per-requester, "
         f"per-requester-and-access, all (more than one with commas) {SEE}"),
        (["--cached-words", "3"], "3 cached words: a power of two, 1 to 64, is needed"),
        (["--reset", "shut"], f"Invalid value for '--reset': 'shut' is not one of 'open', 'closed' {SEE}"),
        (["--on-refusal", "panic"], f"Invalid value for '--on-refusal': 'panic' is not one of 'error', 'ones' {SEE}"),
        (["--id-width", "0"], "IDs of 0 bits: 1 to 16 can be built"),
        (["--depth", "6"], "a depth of 6: a power of two, 2 to 256, is needed"),
        (["--stall-limit", "-1"], "a stall limit of -1: 0 to 65535 cycles can be built"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    good = {"--bus": "axi4", "--requesters": "2", "--output": str(tmp_path / "guard")}
    good |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    done = export(*(part for pair in good.items() for part in pair))
    assert (done.exit_code, done.stderr, done.stdout) == (2, f"ringfence: {message}\n", "")
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.v").write_text("mine")
    done = export("--bus", "axi4", "--requesters", "1", "--output", str(tmp_path))
    assert done.exit_code == 2 and done.stderr == f"ringfence: {tmp_path} is there already: name a new folder\n"
    assert [p.name for p in tmp_path.iterdir()] == ["mine.v"]
    done = export("--bus", "axi4", "--requesters", "1", "--output", str(tmp_path / "mine.v" / "guard"))
    mine = tmp_path / "mine.v"
    assert done.exit_code == 2
    assert done.stderr == f"ringfence: {mine / 'guard'} cannot be written, as {mine} is no folder: name a new folder elsewhere\n"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no folder can be made, a name that no file system takes, the folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    for place, why in (("/proc/guard", "No such file or directory"), ("a" * 300, "File name too long")):
        done = export("--bus", "axi4", "--requesters", "1", "--output", place)
        wanted = f"ringfence: {place} cannot be written ({why}): name a new folder in one where you may write\n"
        assert (done.exit_code, done.stderr, done.stdout) == (2, wanted, "")
    done = export("--bus", "axi4", "--requesters", "1", "--output", ".")
    assert (done.exit_code, done.stderr) == (2, "ringfence: . is the folder that you are in: name a new folder\n")
    assert not list(tmp_path.iterdir())


def test_a_link_to_an_empty_folder_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert export("--bus", "wishbone", "--requesters", "1", "--output", str(tmp_path / "link")).exit_code == 0
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "README.md").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "real"]


def test_nothing_is_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle, "page", stops)
    with pytest.raises(KeyboardInterrupt):
        bundle.write(BUSES["wishbone"], SHAPES["smallest"], tmp_path / "guard")
    assert not list(tmp_path.iterdir())
