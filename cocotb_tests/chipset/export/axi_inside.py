"""The parts of ``AxiGuard``, opened for its proof; and of its ports one, arbitrary but fixed, as if it were the only one."""

from collections.abc import Mapping, Sequence

from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import data, stream

from chipset.export.axi_bus import BurstRequest, WriteBeat, address_layout
from chipset.export.axi_guard import AxiGuard
from cocotb_tests.opened import Opened

__all__ = ["Inside", "Line", "ReadView", "WriteView", "line_of"]


class Inside:
    """The guard's parts. Checker and registers are free: what they say is anything, in every cycle."""

    def __init__(self, guard: AxiGuard, guarded: int) -> None:
        self.guard = Opened(guard)
        self.checker = self.guard.free("checker")
        self.registers = self.guard.free("registers")
        self.reads = [self.guard.open(f"read{n}") for n in range(guarded + 1)]
        self.writes = [self.guard.open(f"write{n}") for n in range(guarded + 1)]
        self.channel, self.order, self.turns = (self.guard.open(name) for name in ("channel", "order", "turns"))
        self.answers = self.guard.open("answers")


class Line:
    """What has gone into a relay and has not come out, noted outside of it: the specification of a queue of two.

    Members
    -------
    first : what must come out next, where ``count`` is not 0
    holds : Value, what is claimed of the relay
    """

    def __init__(self, m: Module, name: str, relay: Mapping[str, Value], shape: object) -> None:
        width = len(relay["out"])
        items = [Signal(width, name=f"{name}_item{n}") for n in range(2)]
        self.count = count = Signal(2, name=f"{name}_count")
        left, rest = Signal(2, name=f"{name}_left"), Signal(width, name=f"{name}_rest")
        comes, goes = relay["in_valid"] & relay["in_ready"], relay["out_valid"] & relay["out_ready"]
        m.d.comb += [left.eq(count - goes), rest.eq(Mux(goes, items[1], items[0]))]
        m.d.sync += [count.eq(left + comes), items[0].eq(rest)]
        with m.If(comes):
            m.d.sync += Array(items)[left[0]].eq(relay["in"])
        self.first = data.View(data.Layout.cast(shape), items[0])
        self.holds = [
            count == relay["out_valid"] + relay["spare_valid"], ~relay["spare_valid"] | relay["out_valid"],
            ~relay["out_valid"] | (relay["out"] == items[0]), ~relay["spare_valid"] | (relay["spare"] == items[1]),
            relay["in_ready"] == ~relay["spare_valid"],
        ]  # fmt: skip


def line_of(relay: Opened) -> dict[str, Value]:
    """What ``Line`` looks at."""
    items: stream.Interface = relay.component.items
    out: stream.Interface = relay.component.out
    return {
        "in_valid": items.valid, "in_ready": items.ready, "in": Value.cast(items.payload),
        "out_valid": out.valid, "out_ready": out.ready, "out": Value.cast(out.payload),
        "spare_valid": relay["spare_valid"], "spare": relay["spare"],
    }  # fmt: skip


def _slots(m: Module, queue: Opened, depth: int, field: str) -> list[Value]:
    """That field in each place of the queue, in use or not."""
    slots: list[Value] = []
    for n in range(depth):
        port = queue.module.submodules.items.read_port(domain="comb")
        m.d.comb += port.addr.eq(n)
        slots.append(Value.cast(port.data[field]))
    return slots


class _View:
    """One of several ports, the one of number ``n``: its signals by name, of which ``relay_…`` are for ``Line``."""

    def __init__(self, m: Module, name: str, ports: Sequence[Mapping[str, Value]], n: Value) -> None:
        self._values: dict[str, Value] = {}
        for key, value in ports[0].items():
            signal = Signal(len(value), name=f"{name}_{key}")
            m.d.comb += signal.eq(Array([port[key] for port in ports])[n] if len(ports) > 1 else value)
            self._values[key] = signal

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def relay(self, name: str) -> dict[str, Value]:
        """Of the relay of that name, what ``Line`` looks at."""
        return {key.removeprefix(f"{name}_"): value for key, value in self._values.items() if key.startswith(f"{name}_")}

    def in_order(self, name: str, first: str, depth: int) -> list[Value]:
        """The places of a queue, the oldest first."""
        slots = Array([self[f"{name}{n}"] for n in range(depth)])
        return [slots[(self[first] + n)[: depth.bit_length() - 1]] for n in range(depth)]


def _prefixed(name: str, values: Mapping[str, Value]) -> dict[str, Value]:
    return {f"{name}_{key}": value for key, value in values.items()}


class ReadView(_View):
    """A ``ReadPort``."""

    def __init__(self, m: Module, name: str, ports: Sequence[Opened], n: Value, depth: int, id_width: int) -> None:
        super().__init__(m, name, [self._of(m, port, depth) for port in ports], n)
        self.request = data.View(BurstRequest, self["request"])
        self.line = Line(m, f"{name}_requests", self.relay("requests"), address_layout(id_width))

    @staticmethod
    def _of(m: Module, port: Opened, depth: int) -> dict[str, Value]:
        part, passed = port.component, port.open("passed")
        values = {
            "wants": part.wants, "goes": part.goes, "refused": part.refused, "cut": part.cut, "request": Value.cast(part.request),
            "beat_taken": part.beat_taken, "r_valid": part.r.valid, "r_ready": part.r.ready, "r_data": part.r.payload.beat.data,
            "r_resp": part.r.payload.beat.resp.as_value(), "r_last": part.r.payload.beat.last, "r_id": part.r.payload.id,
            "at_memory": port["at_memory"], "last_refused": port["last_refused"], "number": port["number"], "gives": port["gives"],
            "ends": port["ends"], "level": passed.component.level, "first": passed["first"], "last": passed["last"],
            "hold": part.hold,
        }  # fmt: skip
        values |= _prefixed("requests", line_of(port.open("requests")))
        for field in ("id", "len"):
            values |= {f"{field}{n}": slot for n, slot in enumerate(_slots(m, passed, depth, field))}
        return values


class WriteView(_View):
    """A ``WritePort``."""

    def __init__(self, m: Module, name: str, ports: Sequence[Opened], n: Value, depth: int, id_width: int) -> None:
        super().__init__(m, name, [self._of(m, port, depth) for port in ports], n)
        self.request = data.View(BurstRequest, self["request"])
        self.line = Line(m, f"{name}_requests", self.relay("requests"), address_layout(id_width))
        self.beats = Line(m, f"{name}_beats", self.relay("beats"), WriteBeat)

    @staticmethod
    def _of(m: Module, port: Opened, depth: int) -> dict[str, Value]:
        part, through, answers = port.component, port.open("through"), port.open("answers")
        values = {
            "wants": part.wants, "goes": part.goes, "refused": part.refused, "request": Value.cast(part.request), "owns": part.owns,
            "done": part.done, "cut": part.cut, "left": part.left, "in_memory": part.in_memory, "answer_valid": part.answer_valid,
            "swallows": port["swallows"], "was_cut": port["was_cut"], "remain": port["remain"], "at_memory": port["at_memory"],
            "level": through.component.level, "first": through["first"], "last": through["last"],
            "answers_level": answers.component.level, "answers_first": answers["first"], "answers_last": answers["last"],
            "gives": port["gives"], "number": port["number"], "swallowed": port["swallowed"], "b_valid": part.b.valid,
            "b_ready": part.b.ready, "b_id": part.b.payload.id, "b_resp": part.b.payload.resp.as_value(),
        }  # fmt: skip
        values |= _prefixed("requests", line_of(port.open("requests"))) | _prefixed("beats", line_of(port.open("beats")))
        for field in ("id", "waits", "cut"):
            values |= {f"{field}{n}": slot for n, slot in enumerate(_slots(m, through, depth, field))}
        return values | {f"resp{n}": slot for n, slot in enumerate(_slots(m, answers, depth, "resp"))}
