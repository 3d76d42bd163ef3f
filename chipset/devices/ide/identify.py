"""What IDENTIFY DEVICE tells (ATA/ATAPI-6, 8.15): constants, and the few words that depend on the drive."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.storage.port import SECTOR_WIDTH
from contracts.ide import BLOCK_SECTORS, IDENTIFY_MODEL, SECTOR_SIZE, IdentifyWord

__all__ = ["HEADS", "SECTORS_PER_TRACK", "Identify"]

HEADS, SECTORS_PER_TRACK = 16, 63  # of the default translation
_MAX_CYLINDERS = 16383
_WIDTH = 16
_WORDS = SECTOR_SIZE // 2
_SERIAL, _SERIAL_WORDS = "RF0000", 10
_FIRMWARE, _FIRMWARE_WORDS = "1", 4
_MODEL_WORDS = 20
_CYCLE_NS = 120  # of PIO mode 4 and multiword DMA mode 2

# Words that are the same for every drive.
_CONSTANT = {
    IdentifyWord.GENERAL: 0x0040,  # fixed drive
    IdentifyWord.HEADS: HEADS,
    IdentifyWord.SECTORS_PER_TRACK: SECTORS_PER_TRACK,
    IdentifyWord.MULTIPLE_MAXIMUM: 0x8000 | BLOCK_SECTORS,
    IdentifyWord.CAPABILITIES: 0x0B00,  # IORDY, LBA, DMA
    IdentifyWord.CAPABILITIES2: 0x4000,
    IdentifyWord.VALID_WORDS: 0x0002,  # words 64 to 70
    IdentifyWord.PIO_MODES: 0x0003,  # 3 and 4
    IdentifyWord.DMA_CYCLE_MINIMUM: _CYCLE_NS,
    IdentifyWord.DMA_CYCLE_RECOMMENDED: _CYCLE_NS,
    IdentifyWord.PIO_CYCLE_NO_FLOW_CONTROL: _CYCLE_NS,
    IdentifyWord.PIO_CYCLE_FLOW_CONTROL: _CYCLE_NS,
    IdentifyWord.MAJOR_VERSION: 0x0070,  # ATA/ATAPI-4 to -6
    IdentifyWord.COMMAND_SETS_SUPPORTED + 1: 0x5000,  # FLUSH CACHE
    IdentifyWord.COMMAND_SETS_SUPPORTED + 2: 0x4000,
    IdentifyWord.COMMAND_SETS_ENABLED + 1: 0x1000,
    IdentifyWord.COMMAND_SETS_ENABLED + 2: 0x4000,
}


def _text(at: int, words: int, text: str) -> dict[int, int]:
    """ASCII, padded with blanks, the first character in a word's high byte."""
    padded = text.ljust(2 * words).encode("ascii")
    return {at + n: padded[2 * n] << 8 | padded[2 * n + 1] for n in range(words)}


_CONSTANT |= _text(IdentifyWord.SERIAL, _SERIAL_WORDS, _SERIAL)
_CONSTANT |= _text(IdentifyWord.FIRMWARE, _FIRMWARE_WORDS, _FIRMWARE)
_CONSTANT |= _text(IdentifyWord.MODEL, _MODEL_WORDS, IDENTIFY_MODEL)


class Identify(wiring.Component):
    """One word at a time.

    Members
    -------
    index : In(8), which; word : Out(16), a cycle later
    sectors : In(28), capacity; dma_mode : In(2), the multiword DMA mode that is set, and dma_set : In(1), whether one is
    multiple : In(5), sectors in a block of READ and WRITE MULTIPLE; 0 if these are disabled
    """

    index: In(8)
    word: Out(_WIDTH)
    sectors: In(SECTOR_WIDTH)
    dma_mode: In(2)
    dma_set: In(1)
    multiple: In(range(BLOCK_SECTORS + 1))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        modes = Cat(Const(0b111, 8), (self.dma_set << self.dma_mode)[:3])
        variable = {
            IdentifyWord.CYLINDERS: self._cylinders(m),
            IdentifyWord.CAPACITY: self.sectors[:_WIDTH],
            IdentifyWord.CAPACITY + 1: self.sectors[_WIDTH:],
            IdentifyWord.MULTIWORD_DMA: modes,
            IdentifyWord.MULTIPLE_SETTING: Cat(Const(0, 8) | self.multiple, self.multiple.any()),
        }
        m.submodules.constants = rom = memory.Memory(shape=_WIDTH, depth=_WORDS, init=[_CONSTANT.get(n, 0) for n in range(_WORDS)])
        constant = rom.read_port(domain="sync")
        asked = Signal.like(self.index)
        m.d.sync += asked.eq(self.index)
        m.d.comb += [constant.addr.eq(self.index), self.word.eq(constant.data)]
        with m.Switch(asked):
            for index, word in variable.items():
                with m.Case(index):
                    m.d.comb += self.word.eq(word)
        return m

    def _cylinders(self, m: Module) -> Signal:
        """The capacity divided by a cylinder's 1,008 sectors, at most 16,383 (6.2 of the standard)."""
        # 1008 is 16 times 63, and floor(x / 63) is (x * r) >> 26 with r = ceil(2**26 / 63), exact for x below 2**20.
        shift, tracks_bits = 26, 20
        reciprocal = -(-(1 << shift) // SECTORS_PER_TRACK)
        cylinders = Signal(_WIDTH)
        largest = self.sectors >= _MAX_CYLINDERS * HEADS * SECTORS_PER_TRACK
        quotient = (self.sectors[4 : 4 + tracks_bits] * reciprocal) >> shift
        m.d.comb += cylinders.eq(Mux(largest, _MAX_CYLINDERS, quotient))
        return cylinders
