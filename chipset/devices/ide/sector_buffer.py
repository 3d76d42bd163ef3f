"""A block of sectors, between storage and host: read and written from its beginning to its end, one or two 16-bit words at a time."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from contracts.ide import BLOCK_SECTORS, SECTOR_SIZE

__all__ = ["HALFWORDS", "SectorBuffer"]

HALFWORDS = SECTOR_SIZE // 2  # of a sector
_INDEX_BITS = HALFWORDS.bit_length() - 1
_WIDTH = 16


class SectorBuffer(wiring.Component):
    """Words of even number lie in one memory, words of odd number in another, so that two neighbours are reached at once.

    Members
    -------
    sectors : In(5), of the block: where its end is; not to become less than what lies before ``at``
    rewind : In(1), to the beginning, whatever ``step`` says; what was written before it can be read from the second cycle on
    step : In(1), move on by one word, or by two with ``both`` In(1); a second word beyond the end is not there
    write : In(1), with ``step``: store ``write_data`` In(32), the first word in its low half
    read_data : Out(32), the two words that come next; beyond the end 0
    at : Out(13), number of the next word; full : Out(1), the end is reached
    """

    def __init__(self) -> None:
        self.even = memory.MemoryData(shape=_WIDTH, depth=BLOCK_SECTORS * HALFWORDS // 2, init=[])
        self.odd = memory.MemoryData(shape=_WIDTH, depth=BLOCK_SECTORS * HALFWORDS // 2, init=[])
        super().__init__({
            "sectors": In(range(BLOCK_SECTORS + 1)), "rewind": In(1), "step": In(1), "both": In(1),
            "write": In(1), "write_data": In(2 * _WIDTH), "read_data": Out(2 * _WIDTH),
            "at": Out(range(BLOCK_SECTORS * HALFWORDS + 1)), "full": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        at = self.at
        at_last = (at[_INDEX_BITS:] + 1 == self.sectors) & at[:_INDEX_BITS].all()
        following = Signal.like(at)
        first, second = self.write_data[:_WIDTH], self.write_data[_WIDTH:]
        moves, two = Signal(), Signal()
        m.d.comb += [
            self.full.eq(at == self.sectors << _INDEX_BITS), moves.eq(self.step & ~self.full & ~self.rewind), two.eq(self.both & ~at_last),
            following.eq(Mux(self.rewind, 0, at + Mux(moves, 1 + two, 0))),
        ]  # fmt: skip
        m.d.sync += at.eq(following)

        # The word after an odd one is the even one of the next pair.
        words = {}
        for name, array, is_odd in (("even", self.even, 0), ("odd", self.odd, 1)):
            m.submodules[name] = bank = memory.Memory(array)
            read, write = bank.read_port(domain="sync"), bank.write_port()
            is_first = at[0] == is_odd
            m.d.comb += [
                read.addr.eq((following + (1 - is_odd)) >> 1), write.addr.eq((at + (1 - is_odd)) >> 1),
                write.data.eq(Mux(is_first, first, second)), write.en.eq(moves & self.write & (is_first | two)),
            ]  # fmt: skip
            words[name] = read.data
        ahead = Cat(Mux(at[0], words["odd"], words["even"]), Mux(at[0], words["even"], words["odd"]) & (~at_last).replicate(_WIDTH))
        m.d.comb += self.read_data.eq(Mux(self.full, 0, ahead))
        return m
