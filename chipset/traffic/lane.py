"""Several requesters that make traffic, their way to memory, and the owner of their policy: a machine without a processor."""

from collections.abc import Collection

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS, needs_own_maps
from chipset.memory_controller.ram import WORD_BYTES, RamSignature
from chipset.memory_fabric import MemoryFabric
from chipset.traffic.generator import COUNT_WIDTH, Plan, TrafficGenerator
from chipset.traffic.owner import PolicyOwner
from contracts.policy_map import Format

__all__ = ["TrafficLane"]


class TrafficLane(wiring.Component):
    """The way is ``MemoryFabric``, this machine's own; without the guard it is the same but for wires in the guard's place.

    Parameters
    ----------
    requesters : how many
    memory_bytes, latency, cached_map_words, formats : as of ``MemoryFabric``
    map_base, map_words : as of ``PolicyOwner``
    random_width : as of ``TrafficGenerator``
    count_width : bits of what is counted

    Members
    -------
    index : Out, word : In(32), map_format : In(2), ready : Out(1): as of ``PolicyOwner``
    plans : In(Plan) each; start : In(1), accesses : In(24): as of ``TrafficGenerator``
    done : Out(1), all accesses of all have been answered
    cycles : Out, from ``start`` to ``done``; answered : Out, lines (bursts) in that time; refused : Out, those of them with an error
    ram : Out(RamSignature)
    """

    def __init__(self, *, requesters: int, memory_bytes: int, latency: int, cached_map_words: int, map_base: int, map_words: int,
                 formats: Collection[Format] = ALL_FORMATS, random_width: int = 32, count_width: int = 32) -> None:  # fmt: skip
        self._fabric = MemoryFabric(
            memory_bytes=memory_bytes, latency=latency, dma_masters=requesters, cached_map_words=cached_map_words, formats=formats
        )
        self._owner = PolicyOwner(map_base=map_base, map_words=map_words, maps=requesters if needs_own_maps(formats) else 1)
        self._generators = [TrafficGenerator(n, random_width=random_width) for n in range(requesters)]
        super().__init__({
            "index": Out(range(max(map_words, 2))), "word": In(32), "map_format": In(2), "ready": Out(1),
            "plans": In(Plan).array(requesters), "start": In(1), "accesses": In(COUNT_WIDTH), "done": Out(1),
            "cycles": Out(count_width), "answered": Out(count_width), "refused": Out(count_width),
            "ram": Out(RamSignature(memory_bytes // WORD_BYTES)),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.fabric = fabric = self._fabric
        m.submodules.owner = owner = self._owner
        wiring.connect(m, owner.bus, fabric.host)
        wiring.connect(m, owner.block, fabric.guard)
        wiring.connect(m, fabric.ram, wiring.flipped(self.ram))
        m.d.comb += [
            self.index.eq(owner.index), owner.word.eq(self.word), owner.map_format.eq(self.map_format), self.ready.eq(owner.ready),
        ]  # fmt: skip
        last, errors = [], []
        for n, generator in enumerate(self._generators):
            m.submodules[f"generator{n}"] = generator
            wiring.connect(m, generator.bus, fabric.dma[n])
            m.d.comb += [generator.plan.eq(self.plans[n]), generator.start.eq(self.start), generator.accesses.eq(self.accesses)]
            last.append(generator.bus.rsp_valid & generator.bus.rsp.last)
            errors.append(last[-1] & generator.bus.rsp.error)
        m.d.comb += self.done.eq(Cat(generator.done for generator in self._generators).all())
        # Memory gives one answer in a cycle.
        with m.If(self.start):
            m.d.sync += [self.cycles.eq(0), self.answered.eq(0), self.refused.eq(0)]
        with m.Elif(~self.done):
            m.d.sync += [
                self.cycles.eq(self.cycles + 1), self.answered.eq(self.answered + Cat(last).any()),
                self.refused.eq(self.refused + Cat(errors).any()),
            ]  # fmt: skip
        return m
