"""The guard by itself, to be measured: its registers beside it, perhaps the merge before it, and flip-flops around all ports.

What is measured is the part inside the frame. The frame lets a circuit of any number of ports be placed on a chip of a few pins, and makes
each path through the circuit one from flip-flop to flip-flop.
"""

from collections.abc import Collection

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS
from chipset.dma_policy.guard import Guard
from chipset.dma_policy.registers import GuardRegisters
from chipset.interconnect.dma_merge import DmaMerge
from chipset.interconnect.ports import MemoryRequest, RegisterSignature
from chipset.memory_controller.controller import WriteEvent
from contracts.bus import BusRequest, BusResponse, BusSignature
from contracts.policy_map import Format

__all__ = ["BareGuard", "BareMerge", "FlipFlopFrame"]

_FOLDED = 4  # bits that are folded into one at a step


class BareGuard(wiring.Component):
    """The guard and its registers, joined.

    Parameters
    ----------
    requesters, cached_words, formats : as of ``Guard``
    merged : with a port for each requester and the merge, instead of one stream of requests

    Members
    -------
    requests : stream of BusRequest, In, and stalled : Out(requesters); or, if ``merged``, masters : In(BusSignature) each
    out, walk, walk_answer_valid, walk_answer, written, answered : as of ``Guard``
    block, enabled, memory_clean, irq, device_reset, device_idle : as of ``GuardRegisters``
    """

    def __init__(self, *, requesters: int, cached_words: int, formats: Collection[Format] = ALL_FORMATS, merged: bool = False) -> None:
        self._requesters = requesters
        self._merged = merged
        self._guard = Guard(requesters=requesters, cached_words=cached_words, formats=formats)
        self._registers = GuardRegisters(requesters=requesters, formats=formats)
        front = {"masters": In(BusSignature()).array(requesters)} if merged else {
            "requests": In(stream.Signature(BusRequest)), "stalled": Out(requesters),
        }  # fmt: skip
        super().__init__({
            **front, "out": Out(stream.Signature(MemoryRequest)),
            "walk": Out(stream.Signature(MemoryRequest)), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "answered": In(1),
            "block": In(RegisterSignature()), "enabled": Out(1), "memory_clean": Out(1), "irq": Out(1),
            "device_reset": Out(requesters), "device_idle": In(requesters),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.guard = guard = self._guard
        m.submodules.registers = registers = self._registers
        if self._merged:
            m.submodules.merge = merge = DmaMerge(self._requesters)
            for n in range(self._requesters):
                wiring.connect(m, wiring.flipped(self.masters[n]), merge.masters[n])
            wiring.connect(m, merge.out, guard.requests)
            m.d.comb += merge.stalled.eq(guard.stalled)
        else:
            wiring.connect(m, wiring.flipped(self.requests), guard.requests)
            m.d.comb += self.stalled.eq(guard.stalled)
        wiring.connect(m, guard.out, wiring.flipped(self.out))
        wiring.connect(m, guard.walk, wiring.flipped(self.walk))
        wiring.connect(m, wiring.flipped(self.block), registers.block)
        m.d.comb += [
            guard.walk_answer_valid.eq(self.walk_answer_valid), guard.walk_answer.eq(self.walk_answer),
            guard.written.eq(self.written), guard.answered.eq(self.answered),
            guard.policy.eq(registers.policy), guard.hold.eq(registers.hold), guard.flush.eq(registers.flush),
            registers.drained.eq(guard.drained), registers.denial.eq(guard.denial), registers.map_error.eq(guard.map_error),
            self.enabled.eq(registers.enabled), self.memory_clean.eq(registers.memory_clean), self.irq.eq(registers.irq),
            self.device_reset.eq(registers.device_reset), registers.device_idle.eq(self.device_idle),
        ]  # fmt: skip
        return m


class BareMerge(wiring.Component):
    """The merge of ``masters`` DMA masters by itself: what the same design has where wires take the guard's place.

    Members: masters, out, as of ``DmaMerge``
    """

    def __init__(self, masters: int) -> None:
        self._masters = masters
        super().__init__({"masters": In(BusSignature()).array(masters), "out": Out(stream.Signature(BusRequest))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.merge = merge = DmaMerge(self._masters)
        for n in range(self._masters):
            wiring.connect(m, wiring.flipped(self.masters[n]), merge.masters[n])
        wiring.connect(m, merge.out, wiring.flipped(self.out))
        return m


class FlipFlopFrame(wiring.Component):
    """A circuit behind three pins: clock, ``shifted_in`` In(1), from which each input has a flip-flop of a shift register, and ``folded``
    Out(1), the parity of all outputs, each taken into a flip-flop first. The circuit is the submodule ``framed``.
    """

    shifted_in: In(1)
    folded: Out(1)

    def __init__(self, framed: wiring.Component) -> None:
        self._framed = framed
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.framed = framed = self._framed
        inputs: list[Value] = []
        outputs: list[Value] = []
        for _, member, value in framed.signature.flatten(framed):
            (inputs if member.flow is In else outputs).append(Value.cast(value))
        chain = Signal(sum(len(value) for value in inputs), reset_less=True)
        near = Signal(len(chain), reset_less=True)  # these can be placed where the circuit wants them
        m.d.sync += [chain.eq(Cat(self.shifted_in, chain)), near.eq(chain)]
        m.d.comb += Cat(inputs).eq(near)
        bits = Cat(outputs)
        while len(bits) > 1:
            stage = Signal(len(bits), name=f"stage{len(bits)}", reset_less=True)
            m.d.sync += stage.eq(bits)
            bits = Cat(stage[n : n + _FOLDED].xor() for n in range(0, len(stage), _FOLDED))
        m.d.sync += self.folded.eq(bits)
        return m
