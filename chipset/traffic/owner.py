"""The owner of a policy, as a circuit: writes a map to memory, then puts it in force."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import RegisterSignature
from chipset.memory_controller.ram import WORD_BYTES
from contracts.bus import Authority, BusSignature
from contracts.policy_map import GUARD

__all__ = ["PolicyOwner"]

_DUE_BITS = 6  # more words than any path to memory keeps under way
_WORD_LSB = WORD_BYTES.bit_length() - 1


class PolicyOwner(wiring.Component):
    """From reset on, without being asked.

    Parameters
    ----------
    map_base : byte address of the first map
    map_words : 32-bit words of each map
    maps : how many, one after another: 1, or a map for each requester

    Members
    -------
    index : Out, number of a word in its map; word : In(32), what is to be written there, the same in every map
    map_format : In(2)
    bus : Out(BusSignature), of a master that the guard believes; block : Out(RegisterSignature), the guard's registers
    ready : Out(1), the policy is in force
    """

    def __init__(self, *, map_base: int, map_words: int, maps: int = 1) -> None:
        if map_base % (map_words * WORD_BYTES):
            raise ValueError(f"a map at {map_base:#x}: it must lie at a multiple of its {map_words * WORD_BYTES} bytes")
        self._base, self._words, self._maps = map_base, map_words, maps
        super().__init__({
            "index": Out(range(max(map_words, 2))), "word": In(32), "map_format": In(2),
            "bus": Out(BusSignature()), "block": Out(RegisterSignature()), "ready": Out(1),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        request, block = self.bus.req, self.block
        number = Signal(range(max(self._maps, 2)))  # of the map
        due = Signal(_DUE_BITS)  # answers
        m.d.sync += due.eq(due + (self.bus.req_valid & self.bus.req_ready) - self.bus.rsp_valid)
        last_map = number == self._maps - 1
        map_bytes = self._words * WORD_BYTES
        map_lsb = map_bytes.bit_length() - 1
        base = Signal(32)
        m.d.comb += [
            base.eq(self._base + (number << map_lsb)),
            request.address.eq(base + (self.index << _WORD_LSB)), request.data.eq(self.word), request.write.eq(1), request.mask.eq(-1),
            request.last.eq(1), request.authority.eq(Authority.RING_MINUS_1),
            block.write.eq(1),
        ]  # fmt: skip
        with m.FSM():
            with m.State("WRITE"):
                m.d.comb += self.bus.req_valid.eq(1)
                with m.If(self.bus.req_ready):
                    m.d.sync += self.index.eq(self.index + 1)
                    with m.If(self.index == self._words - 1):
                        m.d.sync += [self.index.eq(0), number.eq(Mux(last_map, 0, number + 1))]
                        with m.If(last_map):
                            m.next = "ANSWERS"
            with m.State("ANSWERS"):
                with m.If(due == 0):
                    m.next = "BASE"
            with m.State("BASE"):
                m.d.comb += [block.valid.eq(1), block.address.eq(_register("MAP_BASE", number)), block.write_data.eq(base)]
                with m.If(block.ready):
                    m.next = "LENGTH"
            with m.State("LENGTH"):
                m.d.comb += [block.valid.eq(1), block.address.eq(_register("MAP_LENGTH", number)), block.write_data.eq(map_bytes)]
                with m.If(block.ready):
                    m.d.sync += number.eq(number + 1)
                    m.next = "BASE"
                    with m.If(last_map):
                        m.next = "ENABLE"
            with m.State("ENABLE"):
                control = GUARD["CONTROL"]
                m.d.comb += [
                    block.valid.eq(1), block.address.eq(_register("CONTROL")),
                    block.write_data.eq(control.field("ENABLE").put(1) | (self.map_format << control.field("FORMAT").lsb)),
                ]  # fmt: skip
                with m.If(block.ready):
                    m.next = "READY"
            with m.State("READY"):
                m.d.comb += self.ready.eq(1)
        return m


def _register(name: str, number=0):
    """Word address of a register."""
    register = GUARD[name]
    return (register.offset + number * register.stride) >> _WORD_LSB
