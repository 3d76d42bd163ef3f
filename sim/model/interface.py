"""What a built model offers, as kept beside it in ``interface.json``: so that a model is loaded without its circuit being elaborated."""

import importlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sim.model.layout import BitField, RecordLayout, layout_of
from sim.model.spec import ModelSpec

__all__ = ["CLOCK", "RESET", "Interface", "Port", "read_interface"]

CLOCK = "clk"
RESET = "rst"


@dataclass(frozen=True)
class Port:
    """A top-level port of the Verilog."""

    name: str
    width: int
    is_input: bool

    @property
    def words(self) -> int:
        """32-bit words that hold it."""
        return max(1, (self.width + 31) // 32)


@dataclass(frozen=True)
class Interface:
    """The ports (their index is their number in the library) and the layout of each port that has one."""

    ports: tuple[Port, ...]
    layouts: dict[str, RecordLayout]
    ram_words: int = 0

    def index(self, name: str) -> int:
        """Number of a port; KeyError names it if there is none."""
        for number, port in enumerate(self.ports):
            if port.name == name:
                return number
        raise KeyError(f"the model has no port {name}")

    def port(self, name: str) -> Port:
        """The port of that name."""
        return self.ports[self.index(name)]

    def write(self, path: Path) -> None:
        """Keep it as JSON."""
        path.write_text(json.dumps(asdict(self)))


def _read_field(raw: dict[str, Any]) -> BitField:
    names = raw["names"] and {int(value): name for value, name in raw["names"].items()}
    return BitField(raw["name"], raw["offset"], raw["width"], raw["signed"], names)


def read_interface(path: Path) -> Interface:
    """What ``write`` kept."""
    raw: dict[str, Any] = json.loads(path.read_text())
    layouts = {
        name: RecordLayout(tuple(map(_read_field, layout["fields"])), layout["width"], layout["lanes"])
        for name, layout in raw["layouts"].items()
    }
    return Interface(tuple(Port(**p) for p in raw["ports"]), layouts, raw["ram_words"])


def component_interface(component: Any, spec: ModelSpec) -> Interface:
    """The flattened ports of a component, with the clock and reset of its ``sync`` domain."""
    from amaranth.hdl import Shape
    from amaranth.lib import data
    from amaranth.lib.wiring import In

    ports = [Port(CLOCK, 1, True), Port(RESET, 1, True)]
    layouts: dict[str, RecordLayout] = {}
    for path, member, _value in component.signature.flatten(component):
        name = "__".join(str(part) for part in path)
        ports.append(Port(name, Shape.cast(member.shape).width, member.flow is In))
        shape = member.shape
        if isinstance(shape, data.Layout) or (isinstance(shape, type) and issubclass(shape, data.Struct)):
            layouts[name] = layout_of(shape)
    for recorder in spec.recorders:
        if recorder.layout:
            module, _, name = recorder.layout.partition(":")
            layouts[recorder.port] = layout_of(getattr(importlib.import_module(module), name))
    return Interface(tuple(p for p in ports if p.width), layouts)


def check_spec(spec: ModelSpec, interface: Interface) -> None:
    """Every port that the specification names must be there, in the right direction and width; ValueError otherwise."""

    def need(name: str, is_input: bool, width: int | None = None, at_most: int = 32) -> None:
        try:
            port = interface.port(name)
        except KeyError as error:
            raise ValueError(f"{spec.top}: {error.args[0]}") from None
        if port.is_input != is_input:
            raise ValueError(f"{spec.top}: port {name} is an {'input' if port.is_input else 'output'}")
        if width is not None and port.width != width:
            raise ValueError(f"{spec.top}: port {name} is {port.width} bits wide, not {width}")
        if width is None and port.width > at_most:
            raise ValueError(f"{spec.top}: port {name} is {port.width} bits wide, more than {at_most}")

    for name in spec.stops:
        need(name, False)
    for stream in spec.streams:
        need(stream.valid, False, 1)
        need(stream.data, False)
    for feed in spec.feeds:
        need(feed.valid, True, 1)
        need(feed.data, True)
        need(feed.ready, False, 1)
    for recorder in spec.recorders:
        need(recorder.port, False, at_most=1 << 16)
        layout = interface.layouts.get(recorder.port, RecordLayout((), 0))
        for condition in recorder.when:
            if (condition.removeprefix("~"), 1) not in {(f.name, f.width) for f in layout.fields}:
                raise ValueError(f"{spec.top}: port {recorder.port} has no one-bit field {condition.removeprefix('~')}")
        covered = layout.width * layout.lanes
        if covered > interface.port(recorder.port).width:
            raise ValueError(f"{spec.top}: port {recorder.port} is narrower than its layout ({covered} bits)")
    if (t := spec.transactor) is not None:
        for name in t.fields:
            need(name, True)
        for name in t.response_fields:
            need(name, False)
        need(t.valid, True, 1)
        need(t.ready, False, 1)
        need(t.response_valid, False, 1)
