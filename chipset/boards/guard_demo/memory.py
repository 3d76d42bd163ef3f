"""The demonstration's memory, and who watches it."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.boards.guard_demo.layout import MAP, MEMORY_BYTES, is_open
from chipset.memory_controller.ram import WORD_BYTES, BlockRam, RamSignature
from contracts.bus import BURST_WORDS
from contracts.memory_map import PAGE_SIZE

__all__ = ["DemoMemory"]

_MAP_RAM_WORDS = 256  # two of an iCE40's blocks: as small as 32 bits wide get
_PAGE_LSB = (PAGE_SIZE // WORD_BYTES).bit_length() - 1
_MAP_PAGE = MAP.base // PAGE_SIZE


class DemoMemory(wiring.Component):
    """Main memory below and a small one for the map above; each answers in all of its half, again and again.

    The watch sits at the memory itself and knows the open pages from ``is_open``, not from map or guard. It does not see who asks: reads
    of the map's page are the guard's own and are not counted (nobody else's plan has any).

    Parameters
    ----------
    main : Component with ``port`` In(RamSignature) of ``MAIN_BYTES``

    Members
    -------
    port : In(RamSignature)
    reached : Out(1), a line of a closed page is read or written in this cycle
    """

    def __init__(self, main: wiring.Component) -> None:
        self._main = main
        super().__init__({"port": In(RamSignature(MEMORY_BYTES // WORD_BYTES)), "reached": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port = self.port
        m.submodules.main = main = self._main
        m.submodules.map = upper = BlockRam(_MAP_RAM_WORDS)
        in_upper = port.address[(MAP.base // WORD_BYTES).bit_length() - 1]
        was_upper = Signal()
        for half, mine in ((main.port, ~in_upper), (upper.port, in_upper)):
            m.d.comb += [
                half.enable.eq(port.enable & mine), half.address.eq(port.address), half.write_mask.eq(port.write_mask),
                half.write_data.eq(port.write_data), half.clear.eq(port.clear),
            ]  # fmt: skip
        m.d.comb += port.read_data.eq(Mux(was_upper, upper.port.read_data, main.port.read_data))
        with m.If(port.enable):
            m.d.sync += was_upper.eq(in_upper)

        page, word = port.address[_PAGE_LSB:], port.address[: (BURST_WORDS - 1).bit_length()]
        walks = (page == _MAP_PAGE) & ~port.write_mask.any()
        m.d.comb += self.reached.eq(port.enable & (word == 0) & ~is_open(page) & ~walks)
        return m
