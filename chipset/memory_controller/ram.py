"""RAM as the memory controller sees it, and its two kinds: block RAM, and the simulator's array."""

from collections.abc import Iterable

from amaranth.hdl import ClockSignal, Instance, Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["WORD_BYTES", "BlockRam", "RamSignature", "SimulationRam"]

WORD_BYTES = 4


class RamSignature(wiring.Signature):
    """A port of ``words`` 32-bit words, as its user sees it.

    With ``enable`` Out(1): ``read_data`` In(32) is the old word at ``address`` Out from the next cycle on, and byte i of
    ``write_data`` Out(32) is stored where ``write_mask`` Out(4) has bit i set. With ``clear`` Out(1) as well, the aligned block of
    ``clear_words`` words (an attribute of the component) around ``address`` becomes zero instead.
    """

    def __init__(self, words: int) -> None:
        self.words = words
        super().__init__({
            "enable": Out(1), "write_mask": Out(WORD_BYTES), "address": Out(range(words)), "write_data": Out(32),
            "clear": Out(1), "read_data": In(32),
        })  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RamSignature) and self.words == other.words


class BlockRam(wiring.Component):
    """RAM of the FPGA's own blocks, or of the unit tests. Clears one word at a time."""

    clear_words = 1

    def __init__(self, words: int, init: Iterable[int] = ()) -> None:
        self._words = words
        self._init = list(init)
        super().__init__({"port": In(RamSignature(words))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.array = array = memory.Memory(shape=32, depth=self._words, init=self._init)
        read = array.read_port(domain="sync")
        write = array.write_port(granularity=8)
        port = self.port
        m.d.comb += [
            read.en.eq(port.enable), read.addr.eq(port.address), port.read_data.eq(read.data),
            write.addr.eq(port.address), write.data.eq(port.write_data),
        ]  # fmt: skip
        with m.If(port.enable):
            m.d.comb += write.en.eq(port.write_mask)
            with m.If(port.clear):
                m.d.comb += [write.en.eq(-1), write.data.eq(0)]
        return m


class SimulationRam(wiring.Component):
    """The simulator's array, ``sim_ram`` in ``sim/ram``. It clears a page of 4 KiB in a cycle, which no real RAM does: the scrub at
    platform reset is shortened by that, and nothing else uses it."""

    clear_words = 1024

    def __init__(self, words: int) -> None:
        self._words = words
        super().__init__({"port": In(RamSignature(words))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port = self.port
        m.submodules.array = Instance(
            "sim_ram", p_WORDS=self._words, i_clk=ClockSignal(), i_en=port.enable, i_we=port.write_mask, i_addr=port.address,
            i_wdata=port.write_data, i_clear=port.clear, o_rdata=port.read_data,
        )  # fmt: skip
        return m
