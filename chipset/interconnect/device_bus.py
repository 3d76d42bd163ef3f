"""The way to everything that is not memory: I/O ports, one byte a cycle, and blocks of 32-bit registers."""

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.decode import is_page
from chipset.interconnect.ports import IO_ADDRESS_WIDTH, REGISTER_ADDRESS_WIDTH, IoSignature, RegisterSignature
from contracts.bus import Authority, BusSignature, Space

__all__ = ["BlockAt", "DeviceBus", "IoAt"]

_ONES = 0xFFFF_FFFF
_BYTE_ONES = 0xFF
_PORT_WIDTH = 16
_LANES = 4


@dataclass(frozen=True)
class IoAt:
    """I/O ports ``base`` to ``base + count - 1``; ``count`` is a power of two that divides ``base``."""

    base: int
    count: int = 1

    def __post_init__(self) -> None:
        if self.count & (self.count - 1) or self.base % self.count or not 1 <= self.count <= 1 << IO_ADDRESS_WIDTH:
            raise ValueError(f"{self.count} ports at {self.base:#x} cannot be decoded")


@dataclass(frozen=True)
class BlockAt:
    """A register block in the page at ``base``. ``guarded``: once protection is on it answers ring −1's authority alone."""

    base: int
    guarded: bool


class _Held(data.Struct):
    """The access that is being served."""

    address: 32
    write: 1
    mask: _LANES
    data: 32
    host: 1


class DeviceBus(wiring.Component):
    """Serves the processor and the host link in turn, one access at a time.

    I/O ports are bytes: wider accesses become one access a byte, lowest port first. Register blocks take whole words: narrower writes are
    dropped. Where nothing answers, the processor reads ones and its writes are dropped; the host link gets an error from an
    address in memory space. A block that is kept from somebody looks to him as if it were not there.

    Parameters
    ----------
    io : names and places of the I/O devices
    blocks : names and places of the register blocks

    Members
    -------
    cpu, host : In(BusSignature); no bursts
    io_NAME : Out(IoSignature) each; block_NAME : Out(RegisterSignature) each
    acknowledge : Out(1), one cycle, with ``vector`` In(8): an interrupt acknowledge of the processor
    protected : In(1)
    """

    def __init__(self, io: Mapping[str, IoAt], blocks: Mapping[str, BlockAt]) -> None:
        self._io = dict(io)
        self._blocks = dict(blocks)
        super().__init__({
            "cpu": In(BusSignature()), "host": In(BusSignature()), "acknowledge": Out(1), "vector": In(8), "protected": In(1),
            **{f"io_{name}": Out(IoSignature()) for name in io},
            **{f"block_{name}": Out(RegisterSignature()) for name in blocks},
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        held = Signal(_Held)
        space = Signal(Space)
        privileged = Signal()
        result = Signal(32)
        error = Signal()
        host_turn = Signal()
        choose_host = Signal()
        m.d.comb += choose_host.eq(self.host.req_valid & (host_turn | ~self.cpu.req_valid))
        chosen = Signal.like(self.cpu.req)
        m.d.comb += chosen.eq(Mux(choose_host, self.host.req, self.cpu.req))

        port = Signal(_PORT_WIDTH)
        lane = Signal(range(_LANES))
        m.d.comb += port.eq(Cat(lane, held.address[2:_PORT_WIDTH]))
        for n in reversed(range(_LANES)):
            with m.If(held.mask[n]):
                m.d.comb += lane.eq(n)
        in_io = Signal()
        io_data = self._wire_io(m, in_io, held, port, lane)
        in_block = Signal()
        block_hit, block_ready, block_data = self._wire_blocks(m, in_block, held, privileged)

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.cpu.req_ready.eq(~choose_host), self.host.req_ready.eq(choose_host)]
                m.d.sync += [
                    held.address.eq(chosen.address), held.write.eq(chosen.write), held.mask.eq(chosen.mask), held.data.eq(chosen.data),
                    held.host.eq(choose_host), space.eq(chosen.space), privileged.eq(chosen.authority == Authority.RING_MINUS_1),
                    result.eq(_ONES), error.eq(0),
                ]  # fmt: skip
                with m.If(self.cpu.req_valid | self.host.req_valid):
                    m.d.sync += host_turn.eq(~choose_host)
                    with m.Switch(chosen.space):
                        with m.Case(Space.MEMORY):
                            m.next = "BLOCK"
                        with m.Case(Space.IO):
                            m.next = "IO"
                        with m.Default():
                            m.next = "ACKNOWLEDGE"
            with m.State("IO"):
                with m.If(held.mask.any()):
                    m.d.comb += in_io.eq(1)
                    m.d.sync += [held.mask.eq(held.mask & (held.mask - 1)), result.word_select(lane, 8).eq(io_data)]
                with m.If((held.mask & (held.mask - 1)) == 0):
                    m.next = "ANSWER"
            with m.State("BLOCK"):
                m.d.comb += in_block.eq(~held.write | held.mask.all())
                with m.If(~in_block | ~block_hit | block_ready):
                    m.next = "ANSWER"
                with m.If(block_hit):
                    m.d.sync += result.eq(block_data)
                with m.Else():
                    m.d.sync += error.eq(held.host)
            with m.State("ACKNOWLEDGE"):
                m.d.comb += self.acknowledge.eq(1)
                m.d.sync += result.eq(self.vector)
                m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [self.cpu.rsp_valid.eq(~held.host), self.host.rsp_valid.eq(held.host)]
                m.next = "IDLE"
        for master in (self.cpu, self.host):
            m.d.comb += [master.rsp.data.eq(result), master.rsp.error.eq(error), master.rsp.last.eq(1)]
        return m

    def _wire_io(self, m: Module, active: Signal, held: Signal, port: Signal, lane: Signal) -> Signal:
        """Joins the I/O devices; the byte that is read, ones where there is no device."""
        io_data = Signal(8)
        any_hit = Signal(len(self._io))
        byte = held.data.word_select(lane, 8)
        answers = Const(0, 8)
        for n, (name, place) in enumerate(self._io.items()):
            device = getattr(self, f"io_{name}")
            bits = place.count.bit_length() - 1
            hit = any_hit[n]
            m.d.comb += [
                hit.eq(port[bits:] == place.base >> bits),
                device.address.eq(port[:bits]),
                device.write_data.eq(byte),
                device.read.eq(active & hit & ~held.write),
                device.write.eq(active & hit & held.write),
            ]
            answers = answers | Mux(hit, device.read_data, 0)
        m.d.comb += io_data.eq(Mux(any_hit.any(), answers, _BYTE_ONES))
        return io_data

    def _wire_blocks(self, m: Module, active: Signal, held: Signal, privileged: Signal) -> tuple[Signal, Signal, Signal]:
        """Joins the register blocks; whether one is addressed, whether it is ready, what it reads."""
        hits = Signal(len(self._blocks))
        ready = Signal()
        block_data = Signal(32)
        for n, (name, place) in enumerate(self._blocks.items()):
            block = getattr(self, f"block_{name}")
            allowed = privileged | ~self.protected if place.guarded else Const(1)
            m.d.comb += [
                hits[n].eq(is_page(held.address, place.base) & allowed),
                block.valid.eq(active & hits[n]),
                block.write.eq(held.write),
                block.address.eq(held.address[2 : 2 + REGISTER_ADDRESS_WIDTH]),
                block.write_data.eq(held.data),
            ]
            with m.If(hits[n]):
                m.d.comb += [ready.eq(block.ready), block_data.eq(block.read_data)]
        return hits.any(), ready, block_data
