"""Several requesters that make traffic, their way to memory, and the owner of their policy: a machine without a processor."""

from collections.abc import Collection, Sequence

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS
from chipset.memory_controller.ram import WORD_BYTES, RamSignature
from chipset.memory_fabric import MemoryFabric
from chipset.traffic.generator import COUNT_WIDTH, Plan, TrafficGenerator
from chipset.traffic.owner import Extent, PolicyMaps, PolicyOwner
from contracts.policy_map import Format

__all__ = ["TrafficLane"]


class TrafficLane(wiring.Component):
    """The way is ``MemoryFabric``, this machine's own; without the guard it is the same but for wires in the guard's place.

    Parameters
    ----------
    requesters : how many
    memory_bytes, latency, cached_map_words, formats : as of ``MemoryFabric``
    fill, maps : as of ``PolicyOwner``
    random_width : as of ``TrafficGenerator``
    timed : the numbers of the requesters whose time counts; all, if not given
    count_width : bits of what is counted

    Members
    -------
    address : Out(32), word : In(32), map_format : In(2), ready : Out(1): as of ``PolicyOwner``
    plans : In(Plan) each; start : In(1), accesses : In(24): as of ``TrafficGenerator``
    done : Out(1), all accesses of all have been answered
    cycles : Out, from ``start`` until those that are timed have been answered
    answered : Out, lines (bursts) from ``start`` to ``done``; refused : Out, those of them with an error
    read_valid : Out(1), with read_data : Out(32): a requester gets a word that it asked for, or what it gets instead
    ram : Out(RamSignature)
    """

    def __init__(self, *, requesters: int, memory_bytes: int, latency: int, cached_map_words: int, fill: Sequence[Extent],
                 maps: PolicyMaps, formats: Collection[Format] = ALL_FORMATS, random_width: int = 32,
                 timed: Collection[int] | None = None, count_width: int = 32) -> None:  # fmt: skip
        self._fabric = MemoryFabric(
            memory_bytes=memory_bytes, latency=latency, dma_masters=requesters, cached_map_words=cached_map_words, formats=formats
        )
        self._owner = PolicyOwner(fill=fill, maps=maps)
        self._generators = [TrafficGenerator(n, random_width=random_width) for n in range(requesters)]
        self._timed = range(requesters) if timed is None else timed
        super().__init__({
            "address": Out(32), "word": In(32), "map_format": In(2), "ready": Out(1),
            "plans": In(Plan).array(requesters), "start": In(1), "accesses": In(COUNT_WIDTH), "done": Out(1),
            "cycles": Out(count_width), "answered": Out(count_width), "refused": Out(count_width),
            "read_valid": Out(1), "read_data": Out(32), "ram": Out(RamSignature(memory_bytes // WORD_BYTES)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.fabric = fabric = self._fabric
        m.submodules.owner = owner = self._owner
        wiring.connect(m, owner.bus, fabric.host)
        wiring.connect(m, owner.block, fabric.guard)
        wiring.connect(m, fabric.ram, wiring.flipped(self.ram))
        m.d.comb += [
            self.address.eq(owner.address), owner.word.eq(self.word), owner.map_format.eq(self.map_format), self.ready.eq(owner.ready),
        ]  # fmt: skip
        valid, last, errors = [], [], []
        for n, generator in enumerate(self._generators):
            m.submodules[f"generator{n}"] = generator
            wiring.connect(m, generator.bus, fabric.dma[n])
            m.d.comb += [generator.plan.eq(self.plans[n]), generator.start.eq(self.start), generator.accesses.eq(self.accesses)]
            valid.append(generator.bus.rsp_valid)
            last.append(generator.bus.rsp_valid & generator.bus.rsp.last)
            errors.append(last[-1] & generator.bus.rsp.error)
        # Memory gives one answer in a cycle, and those of a burst read one after another: an answer that stands alone is a write's.
        inside = Signal()
        m.d.sync += inside.eq(Cat(valid).any() & ~Cat(last).any())
        m.d.comb += [
            self.read_valid.eq(Cat(valid).any() & (inside | ~Cat(last).any())), self.read_data.eq(self._generators[0].bus.rsp.data),
        ]  # fmt: skip
        m.d.comb += self.done.eq(Cat(generator.done for generator in self._generators).all())
        with m.If(self.start):
            m.d.sync += [self.cycles.eq(0), self.answered.eq(0), self.refused.eq(0)]
        with m.Elif(~self.done):
            m.d.sync += [
                self.cycles.eq(self.cycles + ~Cat(self._generators[n].done for n in self._timed).all()),
                self.answered.eq(self.answered + Cat(last).any()), self.refused.eq(self.refused + Cat(errors).any()),
            ]  # fmt: skip
        return m
