"""Storage of the FPGA's own memory, or of the unit tests."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Signal, ValueLike
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from chipset.devices.storage.port import SECTOR_WORDS, StorageOp, StorageSignature

__all__ = ["MemoryDisk"]


class MemoryDisk(wiring.Component):
    """``sectors`` sectors (0: there is no drive), whose words ``init`` gives, the rest of them 0.

    The words of a sector are held back until they are complete.

    Members
    -------
    port : In(StorageSignature)
    words : the ``memory.MemoryData`` behind it, for a testbench
    """

    def __init__(self, sectors: int, init: Iterable[int] = ()) -> None:
        self._sectors = sectors
        self.words = memory.MemoryData(shape=32, depth=max(1, sectors) * SECTOR_WORDS, init=list(init))
        super().__init__({"port": In(StorageSignature())})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port = self.port
        m.submodules.array = array = memory.Memory(self.words)
        m.submodules.staging = staging = memory.Memory(shape=32, depth=SECTOR_WORDS, init=[])
        read, write = array.read_port(domain="sync"), array.write_port()
        staged, stage = staging.read_port(domain="sync"), staging.write_port()
        sector = Signal.like(port.request.payload.sector)
        index = Signal(range(SECTOR_WORDS))
        following = Signal.like(index)
        last = index == SECTOR_WORDS - 1
        m.d.comb += [
            port.sectors.eq(self._sectors), following.eq(index),
            read.addr.eq(Cat(following, sector)), port.read.payload.eq(read.data),
            stage.addr.eq(index), stage.data.eq(port.write.payload), staged.addr.eq(following),
            write.addr.eq(Cat(index, sector)), write.data.eq(staged.data),
        ]  # fmt: skip
        m.d.sync += index.eq(following)

        def move(when: ValueLike, following_state: str) -> None:
            """One word further ``when`` this one is done with."""
            with m.If(when):
                m.d.comb += following.eq(index + 1)
                with m.If(last):
                    m.next = following_state

        def forgotten() -> None:
            """A reset ends the request, as long as nothing of a sector has changed."""
            with m.If(port.reset):
                m.next = "IDLE"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [port.request.ready.eq(1), following.eq(0)]
                m.d.sync += sector.eq(port.request.payload.sector)
                with m.If(port.request.valid):
                    with m.Switch(port.request.payload.op):
                        with m.Case(StorageOp.READ):
                            m.next = "LOOK"
                        with m.Case(StorageOp.WRITE):
                            m.next = "TAKE"
                        with m.Default():
                            m.next = "DONE"
            with m.State("LOOK"):
                m.next = "GIVE"
                forgotten()
            with m.State("GIVE"):
                m.d.comb += port.read.valid.eq(1)
                move(port.read.ready, "DONE")
                forgotten()
            with m.State("TAKE"):
                m.d.comb += [port.write.ready.eq(1), stage.en.eq(port.write.valid)]
                move(port.write.valid, "STAGED")
                forgotten()
            with m.State("STAGED"):
                m.next = "STORE"
                forgotten()
            with m.State("STORE"):
                m.d.comb += write.en.eq(1)
                move(1, "DONE")
            with m.State("DONE"):
                m.d.comb += port.done.eq(1)
                m.next = "IDLE"
        return m
