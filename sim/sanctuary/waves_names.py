"""Beside the waveforms: GTKWave save files, which group the signals, and filter files, which show numbers by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import capstone
from elftools.elf.elffile import ELFFile
from vcd.gtkw import GTKWSave, make_translation_filter

from contracts.bus import Authority, Space
from contracts.exit_codes import exit_name
from contracts.requesters import Requester
from rtl.microcode.assembler import Rom
from rtl.retire.view import Stage
from sim.sanctuary.steps import functions
from sim.sanctuary.waves import GUEST1_SIGNAL, SCOPE

__all__ = ["GROUPS", "filters", "fst_name", "vcd_name", "write_names"]

_FST_SCOPE = "top"
_NAMES_WIDTH = 240  # pixels

_EXIT_CODES = 0x90
_DMA = (("request", None), ("address", None), ("write", "accesses"), ("answer", None), ("error", None), ("data", None))

# Group: signals, each with its filter file or none. The names are those of the machine's view.
GROUPS: Mapping[str, tuple[tuple[str, str | None], ...]] = {
    "processor": (
        ("core.eip", None),
        (GUEST1_SIGNAL, "instructions"),
        ("core.micro_op", "microcode"),
        ("core.stage", "stages"),
        ("core.mode.pe", "protected"),
        ("core.mode.pg", "paging"),
        ("core.mode.cpl", "rings"),
        ("core.mode.code32", None),
        ("core.cr3", None),
        ("core.asid", None),
    ),
    "ring -1": (
        ("core.context.guest", "guest"),
        ("core.context.gif", None),
        ("core.context.exit_code", "exits"),
        ("stub_waiting", None),
    ),
    "bus": (
        ("bus.valid", None),
        ("bus.ready", None),
        ("bus.request.address", None),
        ("bus.request.space", "spaces"),
        ("bus.request.write", "accesses"),
        ("bus.request.burst", None),
        ("bus.request.data", None),
        ("bus.request.authority", "authorities"),
        ("bus.answer", None),
        ("bus.response.data", None),
        ("bus.response.error", None),
    ),
    "DMA engine 0": tuple((f"dma0.{name}", name_filter) for name, name_filter in _DMA),
    "DMA engine 1": tuple((f"dma1.{name}", name_filter) for name, name_filter in _DMA),
    "IDE controller": tuple((f"dma2.{name}", name_filter) for name, name_filter in _DMA),
    "guard": (
        ("guarded", None),
        ("denial.valid", None),
        ("denial.address", None),
        ("denial.write", "accesses"),
        ("denial.requester", "requesters"),
        ("reset", None),
    ),
}


def _instructions(elf: Path) -> Iterator[tuple[int, str]]:
    """Every instruction of an image's code, by address."""
    names = sorted((at, name) for name, at in functions(elf).items())
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    with elf.open("rb") as file:
        code = ELFFile(file).get_section_by_name(".text")
        start, data = code["sh_addr"], code.data()
    for n, (at, name) in enumerate(names):
        end = names[n + 1][0] if n + 1 < len(names) else start + len(data)
        for address, _, mnemonic, operands in disassembler.disasm_lite(data[at - start : end - start], at):
            place = name if address == at else f"{name}+{address - at:x}"
            yield address, f"{place}: {mnemonic} {operands}".rstrip()


def filters(rom: Rom, image: Path) -> dict[str, str]:
    """The text of each filter file by its name. ``image`` is guest 1's."""
    tables: dict[str, tuple[int, Iterable[tuple[int, str]]]] = {
        "instructions": (32, _instructions(image)),
        "microcode": (12, ((n, rom.near(n)) for n in range(len(rom.words)))),
        "stages": (5, ((s.value, s.name) for s in Stage)),
        "protected": (1, ((0, "real"), (1, "protected"))),
        "paging": (1, ((0, "off"), (1, "paging"))),
        "rings": (2, ((n, f"ring {n}") for n in range(4))),
        "guest": (1, ((0, "ring -1"), (1, "guest"))),
        "exits": (8, ((n, exit_name(n)) for n in range(_EXIT_CODES))),
        "spaces": (2, ((s.value, s.name) for s in Space)),
        "authorities": (1, ((a.value, a.name) for a in Authority)),
        "accesses": (1, ((0, "read"), (1, "write"))),
        "requesters": (5, ((r.value, r.name) for r in Requester)),
    }
    return {name: make_translation_filter(list(rows), size=width) + "\n" for name, (width, rows) in tables.items()}


def vcd_name(name: str, _width: int) -> str:
    """A signal of the view in the windows' files, which declare no bit ranges."""
    return f"{SCOPE}.{name}"


def fst_name(name: str, width: int) -> str:
    """The same as the traced model calls it: a port at the top. It knows nothing of guests."""
    if name == GUEST1_SIGNAL:
        return fst_name("core.eip", width)
    head, _, rest = name.partition(".")
    if head.startswith("dma"):
        head = f"dma_{head.removeprefix('dma')}"
    port = "_".join(["view", head, *(rest.split(".") if rest else [])])
    return f"{_FST_SCOPE}.{port}" + (f"[{width - 1}:0]" if width > 1 else "")


def _save(path: Path, widths: Mapping[str, int], name_of: Callable[[str, int], str], dump: Path | None) -> None:
    with path.open("w") as file:
        save = GTKWSave(file)
        if dump is not None:
            save.dumpfile(str(dump))
        save.signals_width(_NAMES_WIDTH)
        for group, signals in GROUPS.items():
            with save.group(group):
                for name, names in signals:
                    filter_file = None if names is None else str(path.parent.resolve() / f"{names}.filter")
                    save.trace(name_of(name, widths[name]), alias=name, translate_filter_file=filter_file)


def write_names(folder: Path, rom: Rom, image: Path, widths: Mapping[str, int], whole: Path | None = None) -> Path:
    """Write the filter files and ``attacks.gtkw`` into ``folder``; with ``whole`` (an FST) ``whole.gtkw`` too. The first save file's path.

    ``widths`` are those of the view's signals.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in filters(rom, image).items():
        (folder / f"{name}.filter").write_text(text)
    known = {**widths, GUEST1_SIGNAL: widths["core.eip"]}
    first = folder / "attacks.gtkw"
    _save(first, known, vcd_name, None)
    if whole is not None:
        _save(folder / "whole.gtkw", known, fst_name, whole.resolve())
    return first
