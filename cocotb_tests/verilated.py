"""A circuit on Verilator under testbenches written for Amaranth's simulator, of which it takes a hundred times the time.

They run as there: what is sampled at a clock edge are the values before it; after it the circuit has settled, and testbenches go on in
their order; what one sets the circuit has taken in when anyone looks next. A testbench sees no more of the circuit than the signals which
it was ``Wrapped`` with, and parts of these.
"""

import atexit
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Any

from amaranth.hdl import Cat, Module, Signal, UnusedElaboratable, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from cocotb_tests.quick_const import maker
from sim.model import Model, ModelSpec, build_model
from sim.model.build import Built

__all__ = ["Wrapped", "rooms", "simulate"]

# Of the circuits whose signals testbenches name nothing else is used; Amaranth would complain of them when a process ends.
atexit.register(setattr, UnusedElaboratable, "_MustUse__silence", True)

_built: dict[str, Built] = {}


def _sides(face: Any) -> tuple[list[Value], list[Value]]:
    """The input and the output signals of a component, or of a flipped one."""
    sides: dict[wiring.Flow, list[Value]] = {In: [], Out: []}
    for _, member, value in face.signature.flatten(face):
        sides[member.flow].append(Value.cast(value))
    return sides[In], sides[Out]


class Wrapped(wiring.Component):
    """A circuit with two ports: all signals that a testbench drives, and all that it sees.

    Parameters
    ----------
    circuit : the circuit
    faces : components whose ports are the testbench's; a component in the circuit that the testbench plays is ``flipped``
    driven, seen : more signals, of any part of the circuit
    """

    def __init__(self, circuit: Any, faces: Iterable[Any], driven: Iterable[Any] = (), seen: Iterable[Any] = ()) -> None:
        self._circuit = circuit
        sides = [_sides(face) for face in faces]
        self._driven = Cat(*(signal for inputs, _ in sides for signal in inputs), *(Value.cast(value) for value in driven))
        self._seen = Cat(*(signal for _, outputs in sides for signal in outputs), *(Value.cast(value) for value in seen))
        self._places: dict[int, tuple[bool, int, int]] = {}
        super().__init__({"driven": In(len(self._driven)), "seen": Out(len(self._seen))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.circuit = self._circuit
        m.d.comb += [self._driven.eq(self.driven), self.seen.eq(self._seen)]
        return m

    def place(self, signal: Any) -> tuple[bool, int, int]:
        """Whether a signal is driven or only seen, its first bit in that port, and its width; KeyError if it is neither."""
        if not self._places:
            for driven, side in ((True, self._driven), (False, self._seen)):
                at = 0
                for part in side.parts:
                    self._places[id(part)] = driven, at, len(part)
                    at += len(part)
        return self._places[id(signal)]


def _built_of(spec: ModelSpec) -> Built:
    """The model, which is looked for once a process."""
    key = f"{spec.top} {sorted(spec.arguments.items())}"
    if key not in _built:
        _built[key] = build_model(spec)
    return _built[key]


def rooms(*own: str) -> tuple[str, ...]:
    """Where the circuits of the chipset come from; ``own``: the files of the bench itself."""
    return ("contracts", "chipset", "cocotb_tests/verilated.py", "cocotb_tests/opened.py", *own)


class _Place:
    """Bits of one of the two ports, and what they mean."""

    __slots__ = ("at", "driven", "make", "mask", "shape")

    def __init__(self, wrapped: Wrapped, value: Any) -> None:
        self.shape = value.shape() if isinstance(value, data.View) else None
        self.make = None if self.shape is None else maker(self.shape)
        bits, at = Value.cast(value), 0
        width = len(bits)
        while not isinstance(bits, Signal):
            try:
                at += bits.start
                bits = bits.value
            except AttributeError:
                raise TypeError(f"{value!r} is neither a signal nor a part of one") from None
        self.driven, first, _ = wrapped.place(bits)
        self.at, self.mask = first + at, (1 << width) - 1


class _Wait:
    """A testbench's wait for clock edges: for the one before which ``until`` is 1, or for so many."""

    __slots__ = ("count", "places", "until")

    def __init__(self, places: list[_Place], count: int = 1, until: _Place | None = None) -> None:
        self.places, self.count, self.until = places, count, until

    def __await__(self) -> Generator["_Wait", tuple[Any, ...], tuple[Any, ...]]:
        return (yield self)


class _Tick:
    """As Amaranth's ``TickTrigger``."""

    def __init__(self, context: "_Context", places: list[_Place]) -> None:
        self._context, self._places = context, places

    def sample(self, *values: Any) -> "_Tick":
        return _Tick(self._context, [*self._places, *map(self._context.place, values)])

    async def until(self, condition: Any) -> tuple[Any, ...]:
        return await _Wait(self._places, until=self._context.place(condition))

    async def repeat(self, count: int) -> tuple[Any, ...]:
        return await _Wait(self._places, count)

    def __await__(self) -> Generator[_Wait, tuple[Any, ...], tuple[Any, ...]]:
        values = yield from _Wait(self._places).__await__()
        return (True, False, *values)

    async def __aiter__(self) -> AsyncIterator[tuple[Any, ...]]:
        wait = _Wait(self._places)
        while True:
            yield (True, False, *await wait)


class _Context:
    """As Amaranth's ``TestbenchContext``, as far as it goes without other clocks and delays."""

    def __init__(self, wrapped: Wrapped, model: Model) -> None:
        self._wrapped, self._model = wrapped, model
        self._known: dict[int, _Place] = {}
        self._driven = self._seen = 0
        self._settled = False

    def place(self, value: Any) -> _Place:
        """Where a value is."""
        if not isinstance(value, Signal):
            return _Place(self._wrapped, value)
        if id(value) not in self._known:
            self._known[id(value)] = _Place(self._wrapped, value)
        return self._known[id(value)]

    def look(self, place: _Place) -> Any:
        """What is there."""
        if not place.driven and not self._settled:
            self._model.set("driven", self._driven)
            self._seen = self._model.get("seen")
            self._settled = True
        bits = (self._driven if place.driven else self._seen) >> place.at & place.mask
        return bits if place.make is None else place.make(bits)

    def edge(self) -> None:
        """A rising edge of the clock."""
        if not self._settled:
            self._model.set("driven", self._driven)
        self._model.run(1)
        self._settled = False

    def get(self, value: Any) -> Any:
        return self.look(self.place(value))

    def set(self, value: Any, to: Any) -> None:
        place = self.place(value)
        assert place.driven, f"{value!r} is an output"
        if place.shape is not None:
            to = Value.cast(place.shape.const(to)).value
        driven = self._driven & ~(place.mask << place.at) | (int(getattr(to, "value", to)) & place.mask) << place.at
        if driven != self._driven:
            self._driven, self._settled = driven, False

    def tick(self) -> _Tick:
        return _Tick(self, [])


def simulate(spec: ModelSpec, wrapped: Wrapped, *testbenches: Any, ahead: Iterable[Any] = (), background: Iterable[Any] = ()) -> None:
    """Runs the testbenches to their end on a new instance of the model; ``ahead`` and ``background`` ones run beside them, before and
    after them in each cycle.

    ``wrapped`` is one more of what ``spec`` makes, of which only the signals count.
    """
    context = _Context(wrapped, Model(_built_of(spec)))
    critical = [bench(context) for bench in testbenches]
    waits: dict[Any, _Wait] = {}

    def resume(bench: Any, values: tuple[Any, ...] | None) -> None:
        waits.pop(bench, None)
        try:
            waits[bench] = bench.send(values)
        except StopIteration:
            if bench in critical:
                critical.remove(bench)

    order = [*(bench(context) for bench in ahead), *critical, *(bench(context) for bench in background)]
    for bench in order:
        resume(bench, None)
    left = {bench: wait.count for bench, wait in waits.items()}
    while critical:
        due = {}
        for bench, wait in waits.items():
            left[bench] -= 1
            if context.look(wait.until) if wait.until is not None else left[bench] <= 0:
                due[bench] = tuple(context.look(place) for place in wait.places)
        context.edge()
        for bench in order:
            if bench in due:
                resume(bench, due[bench])
                if bench in waits:
                    left[bench] = waits[bench].count
    for bench in order:
        bench.close()
