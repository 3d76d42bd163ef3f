"""The files beside the Verilog: FuseSoC core, waivers of lint, the page."""

from pathlib import Path

from chipset.export.settings import GuardSettings, OnRefusal
from contracts.policy_map import GUARD
from sim.docs.markdown import table
from sim.docs.registers_page import block_section
from sim.export.ports import ExportedBus, port_groups
from sim.paths import ROOT

__all__ = ["WAIVERS", "core_file", "page", "section", "waiver_file"]

VERSION = "0.1.0"
_MANUAL = Path("docs", "dma_guard.md")

# Rules of Verilator's lint that Yosys' Verilog breaks by its nature, and why that is harmless here.
WAIVERS = {
    "UNUSEDSIGNAL": "operators have full-width results of which the circuit needs a part; inputs that a bus has and the guard ignores",
    "WIDTHEXPAND": "Yosys leaves it to Verilog to extend operands of unsigned operators",
    "WIDTHTRUNC": "Yosys writes !x of more than one bit where Verilog's meaning is x == 0",
    "CASEOVERLAP": "a selection by one bit of several, of which one is 1, is written as casez",
    "PROCASSINIT": "registers have their reset values as initial values too",
    "UNSIGNED": "a comparison that Yosys has found to be constant",
}


def waiver_file(bus: ExportedBus) -> str:
    """Verilator's configuration."""
    lines = ["`verilator_config"]
    for rule, reason in WAIVERS.items():
        lines += [f"// {reason}", f'lint_off -rule {rule} -file "*{bus.module}.v"']
    return "\n".join([*lines, ""])


def core_file(bus: ExportedBus, header: str) -> str:
    """A FuseSoC core, CAPI2."""
    return f"""CAPI=2:
name: ringfence:chipset:{bus.module}:{VERSION}
description: DMA guard, a policy map in main memory enforced in front of the memory controller, behind {bus.name}

filesets:
  rtl:
    files:
      - {bus.module}.v
    file_type: verilogSource-2005
  waivers:
    files:
      - {bus.module}.vlt
    file_type: vlt
  software:
    files:
      - {header}: {{is_include_file: true}}
    file_type: user

targets:
  default:
    filesets: [rtl]
    toplevel: {bus.module}
  lint:
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
    filesets: [waivers, rtl]
    toplevel: {bus.module}
"""


def section(text: str, title: str) -> str:
    """The part of a Markdown text under ``## title``; KeyError if there is none."""
    head = f"## {title}\n"
    if head not in text:
        raise KeyError(f"no section {title!r}")
    return text.split(head, 1)[1].split("\n## ", 1)[0].strip() + "\n"


def _parameters(bus: ExportedBus, settings: GuardSettings) -> list[str]:
    formats = ", ".join(f"`{f.name}` ({int(f)})" for f in sorted(settings.formats))
    rows: list[tuple[object, ...]] = [
        ("guarded ports", settings.requesters),
        ("formats of the map", formats),
        ("map words kept for each port", settings.cached_words),
        ("at reset", "closed: on, and without a map" if settings.closed_at_reset else "open: off"),
        ("refused accesses end", "with an error" if settings.on_refusal is OnRefusal.ERROR else "as if done; reads bring ones"),
    ]
    if bus.module.endswith("axi4"):
        rows += [
            ("width of IDs on the guarded and trusted ports", settings.id_width),
            ("bursts of a port under way, in each direction", settings.depth),
            ("stall limit", f"{settings.stall_limit} cycles" if settings.stall_limit else "none"),
        ]
    return table(("parameter", "value"), rows)


def page(bus: ExportedBus, settings: GuardSettings, header: str) -> str:
    """README.md: what was built, its ports and registers, and what docs/dma_guard.md says of it."""
    manual = (ROOT / _MANUAL).read_text()
    lines = [
        f"# {bus.module}", "",
        f"A DMA guard behind {bus.name}, of the Ringfence project (Apache-2.0). Clock and reset: {bus.clocking}.", "",
        f"`{bus.module}.v` is one Verilog-2001 module; `{bus.module}.core` a FuseSoC core; `{header}` the registers for C and assembler; "
        f"`{bus.module}.vlt` names the rules of Verilator's lint that do not apply to it.", "",
        "## As built", "", *_parameters(bus, settings),
        "## Ports", "", *table(("port", "for"), port_groups(bus, settings)),
        f"## {bus.section}", "", section(manual, bus.section),
        "## What it promises", "", section(manual, "What it promises"),
        "## What it does not promise", "", section(manual, "What it does not promise"),
        "## Policy maps", "", section(manual, "Policy maps"),
        *block_section(GUARD, "Here it answers whoever reaches the port: see above."),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"
