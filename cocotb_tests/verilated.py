"""A circuit on Verilator under the testbenches of Amaranth's simulator: for what would take it thousands of cycles of a large circuit.

Amaranth's simulator runs the testbenches, and no more of the circuit than the signals that they see: Verilator's model computes the
outputs when an input changes and at every clock edge, as the circuit itself would. Testbenches cannot tell the two apart, but that they
see only the signals which the circuit was ``Wrapped`` with.
"""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Cat, ClockDomain, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from sim.model import Model, ModelSpec, build_model
from sim.model.build import Built

__all__ = ["Wrapped", "rooms", "simulate"]

_PERIOD = 1e-6  # any

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
        super().__init__({"driven": In(len(self._driven)), "seen": Out(len(self._seen))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.circuit = self._circuit
        m.d.comb += [self._driven.eq(self.driven), self.seen.eq(self._seen)]
        return m

    def apart(self) -> Module:
        """What Amaranth's simulator has in the circuit's place: both ports taken apart."""
        m = Module()
        m.d.comb += [self.driven.eq(self._driven), self._seen.eq(self.seen)]
        return m


def _built_of(spec: ModelSpec) -> Built:
    """The model, which is looked for once a process."""
    key = f"{spec.top} {sorted(spec.arguments.items())}"
    if key not in _built:
        _built[key] = build_model(spec)
    return _built[key]


def rooms(*own: str) -> tuple[str, ...]:
    """Where the circuits of the chipset come from; ``own``: the files of the bench itself."""
    return ("contracts", "chipset", "cocotb_tests/verilated.py", "cocotb_tests/opened.py", *own)


def simulate(spec: ModelSpec, wrapped: Wrapped, *testbenches: Any, background: Iterable[Any] = ()) -> None:
    """Runs the testbenches to their end on a new instance of the model; ``background`` ones run beside them.

    ``wrapped`` is one more of what ``spec`` makes, of which only the signals count.
    """
    top, clock = wrapped.apart(), ClockDomain("sync", reset_less=True)
    top.domains += clock
    model = Model(_built_of(spec))
    simulator = Simulator(top)
    simulator.add_clock(_PERIOD)

    async def circuit(ctx: Any) -> None:
        async for driven, edge in ctx.changed(wrapped.driven).posedge(clock.clk):
            model.set("driven", driven)
            if edge:
                model.run(1)
            ctx.set(wrapped.seen, model.get("seen"))

    simulator.add_process(circuit)
    for bench in testbenches:
        simulator.add_testbench(bench)
    for bench in background:
        simulator.add_testbench(bench, background=True)
    simulator.run()
