"""Storage of the FPGA's own memory, or of the unit tests."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from chipset.devices.storage.port import SECTOR_WORDS, StorageOp, StorageSignature

__all__ = ["MemoryDisk"]


class MemoryDisk(wiring.Component):
    """``sectors`` sectors (0: there is no drive), whose words ``init`` gives, the rest of them 0.

    Members
    -------
    port : In(StorageSignature)
    words : the ``memory.MemoryData`` behind it, for a testbench
    """

    def __init__(self, sectors: int, init=()) -> None:
        self._sectors = sectors
        self.words = memory.MemoryData(shape=32, depth=max(1, sectors) * SECTOR_WORDS, init=list(init))
        super().__init__({"port": In(StorageSignature())})

    def elaborate(self, platform) -> Module:
        m = Module()
        port = self.port
        # A sector changes word by word; a real medium would hold its words back until it has them all.
        m.submodules.array = array = memory.Memory(self.words)
        read, write = array.read_port(domain="sync"), array.write_port()
        sector = Signal.like(port.request.payload.sector)
        index = Signal(range(SECTOR_WORDS))
        ahead = Signal.like(index)  # of the word that is read for the next cycle
        last = index == SECTOR_WORDS - 1
        m.d.comb += [
            port.sectors.eq(self._sectors), read.addr.eq(Cat(ahead, sector)), write.addr.eq(Cat(index, sector)),
            write.data.eq(port.write.payload), port.read.payload.eq(read.data), ahead.eq(index),
        ]  # fmt: skip
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += port.request.ready.eq(1)
                m.d.sync += [sector.eq(port.request.payload.sector), index.eq(0)]
                with m.If(port.request.valid):
                    with m.Switch(port.request.payload.op):
                        with m.Case(StorageOp.READ):
                            m.next = "LOOK"
                        with m.Case(StorageOp.WRITE):
                            m.next = "WRITE"
                        with m.Default():
                            m.next = "DONE"
            with m.State("LOOK"):
                m.next = "READ"
            with m.State("READ"):
                m.d.comb += [port.read.valid.eq(1), ahead.eq(Mux(port.read.ready, index + 1, index))]
                with m.If(port.read.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.If(last):
                        m.next = "DONE"
            with m.State("WRITE"):
                m.d.comb += [port.write.ready.eq(1), write.en.eq(port.write.valid)]
                with m.If(port.write.valid):
                    m.d.sync += index.eq(index + 1)
                    with m.If(last):
                        m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += port.done.eq(1)
                m.next = "IDLE"
        return m
