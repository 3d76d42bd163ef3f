"""The guard between a master and a memory that takes everything, with flat ports: for tests under cocotb on any simulator."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.guard import Guard
from contracts.requesters import DMA_FIRST

__all__ = ["MAP_BASE", "MAP_WORDS", "GuardTop"]

MAP_BASE = 0x8000  # of requester 0's map; requester 1's follows
MAP_WORDS = 4  # of each of the two maps
_REQUESTERS = 2


class GuardTop(wiring.Component):
    """A guard that keeps two map words for each of two requesters. The policy is forgotten while ``enable`` is 0.

    Members
    -------
    enable, map_format : In, the policy; both maps have ``MAP_WORDS`` words from ``MAP_BASE`` on
    valid, address, write, requester : In, a request of DMA requester ``requester``; ``ready`` Out
    out_valid, out_address, admitted : Out, what leaves, with its verdict
    denied : Out(1)
    store, store_word, store_data : In, write a word (number in both maps) of map memory
    """

    def __init__(self) -> None:
        super().__init__({
            "enable": In(1), "map_format": In(2), "valid": In(1), "address": In(32), "write": In(1), "requester": In(1), "ready": Out(1),
            "out_valid": Out(1), "out_address": Out(32), "admitted": Out(1), "denied": Out(1),
            "store": In(1), "store_word": In(range(2 * MAP_WORDS)), "store_data": In(32),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.guard = guard = Guard(requesters=_REQUESTERS, cached_words=2)
        words = Array(Signal(32, name=f"word{n}") for n in range(2 * MAP_WORDS))
        request, policy, leaving = guard.requests.payload, guard.policy, guard.out.payload
        m.d.comb += [
            guard.requests.valid.eq(self.valid), self.ready.eq(guard.requests.ready),
            request.address.eq(self.address), request.write.eq(self.write), request.mask.eq(-1), request.last.eq(1),
            request.requester.eq(DMA_FIRST + self.requester),
            policy.enable.eq(self.enable), policy.map_format.eq(self.map_format),
            guard.flush.eq(~self.enable),
            guard.out.ready.eq(1), self.out_valid.eq(guard.out.valid), self.out_address.eq(leaving.request.address),
            self.admitted.eq(leaving.admitted), self.denied.eq(guard.denial.valid),
            guard.walk.ready.eq(1),
            guard.written.valid.eq(self.store), guard.written.word.eq(MAP_BASE // 4 + self.store_word),
            guard.written.data.eq(self.store_data), guard.written.mask.eq(-1),
        ]  # fmt: skip
        for n in range(_REQUESTERS):
            m.d.comb += [policy.maps[n].base.eq(MAP_BASE // 4 + n * MAP_WORDS), policy.maps[n].length.eq(MAP_WORDS)]
        m.d.sync += [
            guard.answered.eq(guard.out.valid),
            guard.walk_answer_valid.eq(guard.walk.valid & ~guard.walk_answer_valid),
            guard.walk_answer.data.eq(words[guard.walk.payload.request.address[2:5]]),
            guard.walk_answer.last.eq(1),
        ]
        with m.If(self.store):
            m.d.sync += words[self.store_word].eq(self.store_data)
        return m
