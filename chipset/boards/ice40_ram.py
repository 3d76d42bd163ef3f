"""The single-port RAMs of a Lattice iCE40 UltraPlus, as RAM for the memory controller."""

from amaranth.hdl import Array, Cat, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from chipset.memory_controller.ram import WORD_BYTES, RamSignature

__all__ = ["SpRam"]

_DEPTH = 1 << 14  # of a block (Lattice FPGA-TN-02022)
_BLOCK_BYTES = 2  # of a block's word; its write mask counts half bytes
_MASK_BITS = 2  # for a byte


class SpRam(wiring.Component):
    """``words`` 32-bit words, a multiple of 16,384, of two SB_SPRAM256KA for each 64 KiB. What they hold at power-on is anything.

    What is read in the cycle of a write is undefined here: the memory controller gives it to nobody. Clears one word at a time.
    """

    clear_words = 1

    def __init__(self, words: int) -> None:
        if words < _DEPTH or words % _DEPTH:
            raise ValueError(f"{words} words of single-port RAM: a multiple of {_DEPTH} is needed")
        self._words = words
        super().__init__({"port": In(RamSignature(words))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port = self.port
        banks = self._words // _DEPTH
        bank = port.address[_DEPTH.bit_length() - 1 :]
        read_bank = Signal.like(bank)
        data, mask = Signal(32), Signal(WORD_BYTES)
        m.d.comb += [data.eq(port.write_data), mask.eq(port.write_mask)]
        with m.If(port.clear):
            m.d.comb += [data.eq(0), mask.eq(-1)]
        with m.If(port.enable):
            m.d.sync += read_bank.eq(bank)
        on, off = Const(1), Const(0)
        found = []
        for n in range(banks):
            halves = []
            for half in range(WORD_BYTES // _BLOCK_BYTES):
                out = Signal(8 * _BLOCK_BYTES, name=f"out{n}_{half}")
                mine = mask.word_select(half, _BLOCK_BYTES)
                m.submodules[f"block{n}_{half}"] = Instance(
                    "SB_SPRAM256KA", i_CLOCK=ClockSignal(), i_CHIPSELECT=port.enable & (bank == n), i_WREN=mask.any(),
                    i_ADDRESS=port.address[: _DEPTH.bit_length() - 1], i_DATAIN=data.word_select(half, 8 * _BLOCK_BYTES),
                    i_MASKWREN=Cat(bit.replicate(_MASK_BITS) for bit in mine), o_DATAOUT=out,
                    i_STANDBY=off, i_SLEEP=off, i_POWEROFF=on,
                )  # fmt: skip
                halves.append(out)
            found.append(Cat(halves))
        m.d.comb += port.read_data.eq(Array(found)[read_bank] if banks > 1 else found[0])
        return m
