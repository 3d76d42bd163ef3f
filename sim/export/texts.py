"""The files beside the Verilog: FuseSoC core, waivers of lint, the page."""

import re
from collections.abc import Sequence
from pathlib import Path

from chipset.dma_policy.decision import needs_own_maps
from chipset.export.flat import FlatPort, FlatTop
from chipset.export.settings import GuardSettings, OnRefusal
from contracts.policy_map import GUARD
from sim.docs.markdown import hexadecimal, table
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
    """A FuseSoC core, CAPI2. A core that depends on this one gets ``default``, so the waivers are there too: its own lint needs them, and
    tools other than Verilator leave them alone."""
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
    description: the guard, for a design that depends on it
    filesets: [waivers, rtl]
    toplevel: {bus.module}
  lint:
    description: Verilator's lint, with all warnings on
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
    filesets: [waivers, rtl]
    toplevel: {bus.module}
"""


def section(text: str, title: str, level: int = 2) -> str:
    """The part of a Markdown text under the heading ``title``, up to the next heading of that ``level`` or a higher one; KeyError if there
    is none."""
    parts = re.split(rf"^(?=#{{1,{level}}} )", text, flags=re.MULTILINE)
    head = f"{'#' * level} {title}\n"
    for part in parts:
        if part.startswith(head):
            return part.removeprefix(head).strip() + "\n"
    raise KeyError(f"no section {title!r}")


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


def _signals(prefix: str, ports: Sequence[FlatPort]) -> list[str]:
    """The signals of one bus, or with an empty prefix those of none."""
    found = (port for port in ports if port.name.startswith(prefix))
    return table(("signal", "", "bits"), ((f"`{port.name}`", "in" if port.is_input else "out", port.width) for port in found))


def _ports(bus: ExportedBus, settings: GuardSettings, top: FlatTop) -> list[str]:
    """What the ports are for; then every signal."""
    guarded = [f"{bus.guarded(n)}_" for n in range(settings.requesters)]
    others = [f"{prefix}_" for prefix in (bus.trusted, bus.memory, bus.registers)]
    own = [port for port in top.flat if not port.name.startswith((*guarded, *others))]
    alike = f"`{guarded[0]}*`" + (f"; `{guarded[-1]}*` and those between have the same" if len(guarded) > 1 else "")
    lines = [*table(("port", "for"), port_groups(bus, settings)), alike + ":", "", *_signals(guarded[0], top.flat)]
    for prefix in others:
        lines += [f"`{prefix}*`:", "", *_signals(prefix, top.flat)]
    return [*lines, f"Beside clock (`{top.clock}`) and reset (`{top.reset}`):", "", *_signals("", own)]


def _registers(bus: ExportedBus, settings: GuardSettings) -> list[str]:
    """The registers as they are in this build."""
    control, capability = GUARD["CONTROL"], GUARD["CAPABILITY"]
    formats = sum(1 << int(f) for f in settings.formats)
    at_reset = control.field("ENABLE").put(settings.closed_at_reset) | control.field("FORMAT").put(min(settings.formats))
    built = capability.field("REQUESTERS").put(settings.requesters) | capability.field("FORMATS").put(formats)
    maps = settings.requesters if needs_own_maps(settings.formats) else 1
    where = (
        f"They answer on `{bus.registers}_*`, whoever asks there. *Ring −1* is whoever owns the policy. `MAP_BASE` and `MAP_LENGTH` are "
        f"there for n < {maps}, the others read 0 and keep nothing."
    )
    resets = {"CONTROL": hexadecimal(at_reset), "CAPABILITY": hexadecimal(built), "DEVICE_IDLE": "as `device_idle`"}
    return block_section(GUARD, where, doc="The guard's registers.", resets=resets)


def page(bus: ExportedBus, settings: GuardSettings, header: str, top: FlatTop) -> str:
    """README.md: what was built, its ports and registers, and what docs/dma_guard.md says of it. ``top``: made by these settings."""
    manual = (ROOT / _MANUAL).read_text()
    taking_in, *_ = section(manual, "Taking it in").partition("\n### ")
    lint = f"verilator --lint-only -Wall {bus.module}.vlt {bus.module}.v"
    lines = [
        f"# {bus.module}", "",
        f"A DMA guard behind {bus.name}, of the Ringfence project (Apache-2.0). Clock and reset: {bus.clocking}.", "",
        f"`{bus.module}.v` is one Verilog-2001 module; `{bus.module}.core` a FuseSoC core; `{header}` the registers for C and assembler; "
        f"`{bus.module}.vlt` names the rules of Verilator's lint that do not apply to it (`{lint}` says nothing).", "",
        "## As built", "", *_parameters(bus, settings),
        "## Ports", "", *_ports(bus, settings, top),
        "## Taking it in", "", taking_in.strip(), "",
        "### In C", "", section(manual, "In C", 3),
        "### In Verilog", "", section(manual, f"In Verilog, {bus.section}", 3),
        "### With FuseSoC", "", f"`ringfence:chipset:{bus.module}` as a dependency; its target `lint` runs Verilator.", "",
        f"## {bus.section}", "", section(manual, bus.section),
        "## What it promises", "", section(manual, "What it promises"),
        "## What it does not promise", "", section(manual, "What it does not promise"),
        "## Policy maps", "", section(manual, "Policy maps"),
        *_registers(bus, settings),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"
