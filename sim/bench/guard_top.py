"""The circuit in which the guard's cost in throughput is measured: the same traffic through guards of several sizes and through none."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.memory_controller.ram import WORD_BYTES, RamSignature, SimulationRam
from chipset.traffic.generator import COUNT_WIDTH, Plan
from chipset.traffic.lane import TrafficLane
from chipset.traffic.owner import PolicyMaps
from contracts.memory_map import PAGE_SIZE
from contracts.policy_map import Format, map_bytes

__all__ = ["AREA", "LANE_COUNTS", "LATENCY", "REQUESTERS", "GuardBench", "MapRam"]

REQUESTERS = 4
LATENCY = 6  # cycles to the first word of memory, as in the whole machine
AREA = 1 << 30  # where accesses go: the upper half of memory, far from the maps
_MEMORY_BYTES = 2 << 30
# Of each requester, with room for two bits for each page.
_MAPS = PolicyMaps(base=1 << 20, size=map_bytes(Format.PER_REQUESTER_AND_ACCESS, _MEMORY_BYTES // PAGE_SIZE), count=REQUESTERS)


# What is counted in a lane: see ``TrafficLane``; ``map_reads``: reads of map words by the guard, in the same time.
LANE_COUNTS = data.StructLayout(dict.fromkeys(("cycles", "answered", "refused", "map_reads"), 32))


class MapRam(wiring.Component):
    """A RAM of which a window alone, for maps, is there. What is written elsewhere is lost; a word read there is its own number.

    Members
    -------
    port : In(RamSignature); in_window : Out(1), combinational: the access is one of the window
    """

    def __init__(self, words: int, *, window: int, window_words: int) -> None:
        self._words, self._window, self._window_words = words, window, window_words
        super().__init__({"port": In(RamSignature(words)), "in_window": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.window = window = SimulationRam(self._window_words)
        port, inner = self.port, window.port
        bits = (self._window_words - 1).bit_length()
        elsewhere = Signal()
        number = Signal(32)
        m.d.comb += [
            self.in_window.eq(port.enable & (port.address[bits:] == self._window // self._window_words)),
            inner.enable.eq(self.in_window), inner.address.eq(port.address), inner.write_mask.eq(port.write_mask),
            inner.write_data.eq(port.write_data), port.read_data.eq(Mux(elsewhere, number, inner.read_data)),
        ]  # fmt: skip
        with m.If(port.enable):
            m.d.sync += [elsewhere.eq(~self.in_window), number.eq(port.address)]
        return m


class GuardBench(wiring.Component):
    """Lanes side by side with the same traffic; they have nothing else in common.

    Parameters
    ----------
    cached_words : of each lane's guard, for each requester; 0: wires in the guard's place

    Members
    -------
    map_format : In(2), constant from reset on; word : In(32), what fills the maps
    plans : In(Plan) each; start : In(1), accesses : In(24), of each requester
    ready : Out(1), every lane's policy is in force; done : Out(1), in every lane all accesses have been answered
    counts : Out(LANE_COUNTS) each
    """

    def __init__(self, cached_words: Sequence[int]) -> None:
        self._lanes = [
            TrafficLane(
                requesters=REQUESTERS, memory_bytes=_MEMORY_BYTES, latency=LATENCY, cached_map_words=words,
                fill=[_MAPS.extent], maps=_MAPS,
            )
            for words in cached_words
        ]  # fmt: skip
        super().__init__({
            "map_format": In(2), "word": In(32), "plans": In(Plan).array(REQUESTERS), "start": In(1), "accesses": In(COUNT_WIDTH),
            "ready": Out(1), "done": Out(1), "counts": Out(LANE_COUNTS).array(len(self._lanes)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for n, (lane, counts) in enumerate(zip(self._lanes, self.counts, strict=True)):
            m.submodules[f"lane{n}"] = lane
            m.submodules[f"ram{n}"] = ram = MapRam(
                _MEMORY_BYTES // WORD_BYTES, window=_MAPS.base // WORD_BYTES, window_words=_MAPS.extent.size // WORD_BYTES
            )
            wiring.connect(m, lane.ram, ram.port)
            m.d.comb += [
                lane.map_format.eq(self.map_format), lane.word.eq(self.word), lane.start.eq(self.start), lane.accesses.eq(self.accesses),
                counts.cycles.eq(lane.cycles), counts.answered.eq(lane.answered), counts.refused.eq(lane.refused),
            ]  # fmt: skip
            for mine, plan in zip(lane.plans, self.plans, strict=True):
                m.d.comb += mine.eq(plan)
            with m.If(self.start):
                m.d.sync += counts.map_reads.eq(0)
            with m.Elif(ram.in_window & ~ram.port.write_mask.any()):
                m.d.sync += counts.map_reads.eq(counts.map_reads + 1)
        m.d.comb += [
            self.ready.eq(Cat(lane.ready for lane in self._lanes).all()),
            self.done.eq(Cat(lane.done for lane in self._lanes).all()),
        ]
        return m
