"""Writes ``ports.inc``: what ``shim.cpp`` needs to know of one model."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sim.model.interface import CLOCK, Interface
from sim.model.spec import ModelSpec
from sim.ram import ARRAY_NAME

__all__ = ["SHIM", "find_ram", "ports_inc"]

SHIM = Path(__file__).parent / "shim.cpp"
_PREVIOUS_CLOCK = re.compile(r"\bCData/\*0:0\*/ (__Vtrigprevexpr_\w*\bclk__0);")


def find_ram(headers: Iterable[Path]) -> tuple[str, int] | None:
    """Name and words of the main memory's array in a verilated model, if it has one; RuntimeError if it is out of reach."""
    pattern = re.compile(rf"VlUnpacked<IData/\*31:0\*/, (\d+)> (\w*{ARRAY_NAME});")
    for header in headers:
        if match := pattern.search(header.read_text()):
            if not header.name.endswith("___024root.h"):
                raise RuntimeError(f"the main memory is not part of the model's root ({header.name})")
            return match[2], int(match[1])
    return None


def _find_previous_clock(folder: Path, sources: Iterable[Path]) -> str | None:
    """The variable in which the model keeps the clock's last level, if only the rising edge matters."""
    if any("negedge" in source.read_text() for source in sources):
        return None
    names = _PREVIOUS_CLOCK.findall((folder / "Vmodel___024root.h").read_text())
    return names[0] if len(names) == 1 else None


def _c(port: str) -> str:
    """Verilator's C++ name of a port."""
    return port.replace("__", "___05F")


def _switch(head: str, cases: Iterable[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield "    switch (number) {"
    yield from (f"        {case} break;" for case in cases)
    yield "    }"
    yield "}"


def _look(spec: ModelSpec, interface: Interface) -> Iterator[str]:
    yield "// Before the edge: what comes out in this cycle, and which offered words are taken."
    yield "inline uint32_t look(Vmodel& top, State& s) {"
    for number, stream in enumerate(spec.streams):
        yield f"    if (VL_UNLIKELY(top.{_c(stream.valid)})) take_word(s, {number}, top.{_c(stream.data)});"
    for number, recorder in enumerate(spec.recorders):
        port, layout = _c(recorder.port), interface.layouts[recorder.port]
        offsets = {f.name: f.offset for f in layout.fields}
        for first in range(0, layout.lanes * layout.width, layout.width):
            tests = (f"{'!' * c.startswith('~')}bit_of(top.{port}, {first + offsets[c.removeprefix('~')]})" for c in recorder.when)
            yield f"    if ({' && '.join(tests)}) take_record<{first}, {layout.width}>(s, {number}, top.{port});"
    for number, feed in enumerate(spec.feeds):
        yield f"    if (VL_UNLIKELY(top.{_c(feed.valid)} && top.{_c(feed.ready)})) s.feeds[{number}].pop_front();"
    stops = " | ".join(f"(top.{_c(name)} ? {1 << number}u : 0u)" for number, name in enumerate(spec.stops)) or "0u"
    yield f"    return {stops};"
    yield "}"


def _offer(spec: ModelSpec) -> Iterator[str]:
    yield "// After the edge: offers the next words; whether an input changed."
    yield "inline bool offer(Vmodel& top, State& s) {"
    yield "    bool changed = false;"
    for number, feed in enumerate(spec.feeds):
        valid, data = _c(feed.valid), _c(feed.data)
        yield f"    if (VL_UNLIKELY(!s.feeds[{number}].empty() || top.{valid})) {{"
        yield f"        top.{valid} = !s.feeds[{number}].empty();"
        yield f"        if (top.{valid}) top.{data} = s.feeds[{number}].front();"
        yield "        changed = true;"
        yield "    }"
    yield "    return changed;"
    yield "}"


def _transactor(spec: ModelSpec) -> Iterator[str]:
    t = spec.transactor
    if t is None:
        return
    yield f"constexpr std::size_t REQUEST_FIELDS = {len(t.fields)};"
    yield "inline void put_request(Vmodel& top, const uint32_t* fields, bool valid) {"
    yield f"    top.{_c(t.valid)} = valid;"
    yield from (f"    if (valid) top.{_c(name)} = fields[{number}];" for number, name in enumerate(t.fields))
    yield "}"
    yield f"inline bool request_taken(Vmodel& top) {{ return top.{_c(t.ready)}; }}"
    yield "inline bool take_answer(Vmodel& top, std::vector<uint32_t>& answers) {"
    yield f"    if (!top.{_c(t.response_valid)}) return false;"
    yield from (f"    answers.push_back(top.{_c(name)});" for name in t.response_fields)
    yield "    return true;"
    yield "}"


def ports_inc(spec: ModelSpec, interface: Interface, folder: Path, sources: Iterable[Path]) -> str:
    """The text of ``ports.inc`` for a model verilated in ``folder``."""
    ram = find_ram(sorted(folder.glob("Vmodel*.h")))
    previous_clock = _find_previous_clock(folder, sources)
    lines = [
        f"#define MODEL_RAM_WORDS {ram[1] if ram else 0}u",
        f"#define MODEL_RAM(top) {f'(&(top).rootp->{ram[0]}[0])' if ram else 'nullptr'}",
        f"#define MODEL_SKIPS_LOW_PHASE {int(previous_clock is not None)}",
        f"#define MODEL_FORGET_CLOCK(top) {f'((top).rootp->{previous_clock} = 0)' if previous_clock else '((void)0)'}",
        f"#define MODEL_TRANSACTS {int(spec.transactor is not None)}",
        "namespace ports {",
        f"constexpr unsigned STREAMS = {len(spec.streams)}, FEEDS = {len(spec.feeds)}, RECORDINGS = {len(spec.recorders)};",
        *_switch(
            "inline void get(Vmodel& top, unsigned number, uint32_t* words)",
            (f"case {n}: read_port(top.{_c(p.name)}, words);" for n, p in enumerate(interface.ports)),
        ),
        *_switch(
            "inline void set(Vmodel& top, unsigned number, const uint32_t* words)",
            (f"case {n}: write_port(top.{_c(p.name)}, words);" for n, p in enumerate(interface.ports) if p.is_input and p.name != CLOCK),
        ),
        *_look(spec, interface),
        *_offer(spec),
        *_transactor(spec),
        "}  // namespace ports",
    ]
    return "\n".join(lines) + "\n"
