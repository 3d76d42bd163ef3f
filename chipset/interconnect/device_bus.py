"""The way to everything that is not memory: I/O ports, most of them one byte a cycle, and pages of registers."""

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.decode import is_in_pages, is_page
from chipset.interconnect.ports import (
    IO_ADDRESS_WIDTH,
    PORT_WIDTH,
    REGISTER_ADDRESS_WIDTH,
    IoPlace,
    IoSignature,
    PagesSignature,
    RegisterSignature,
    WideIoSignature,
)  # fmt: skip
from contracts.bus import Authority, BusSignature, Space
from contracts.memory_map import PAGE_SIZE

__all__ = ["BlockAt", "DeviceBus", "IoAt", "PagesAt", "WideIoAt"]

_ONES = 0xFFFF_FFFF
_BYTE_ONES = 0xFF
_LANES = 4
_PAGE_BITS = PAGE_SIZE.bit_length() - 1


@dataclass(frozen=True)
class IoAt:
    """I/O ports ``base`` to ``base + count - 1``; ``count`` is a power of two that divides ``base``."""

    base: int
    count: int = 1

    def __post_init__(self) -> None:
        if self.count & (self.count - 1) or self.base % self.count or not 1 <= self.count <= 1 << IO_ADDRESS_WIDTH:
            raise ValueError(f"{self.count} ports at {self.base:#x} cannot be decoded")


@dataclass(frozen=True)
class WideIoAt:
    """A register of several bytes at the four ports from ``base`` on (a multiple of 4).

    An access whose bytes are one of ``masks`` reaches it, whole; any other access to these ports is one of bytes, for the byte-wide
    devices there.
    """

    base: int
    masks: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.base % _LANES or not self.masks:
            raise ValueError(f"a wide register at {self.base:#x} cannot be decoded")


@dataclass(frozen=True)
class BlockAt:
    """A register block in the page at ``base``. ``guarded``: once protection is on it answers ring −1's authority alone."""

    base: int
    guarded: bool


@dataclass(frozen=True)
class PagesAt:
    """Registers in the ``pages`` pages from ``base`` on, which are told who asks and look to it themselves."""

    base: int
    pages: int


class _Held(data.Struct):
    """The access that is being served."""

    address: 32
    write: 1
    mask: _LANES
    data: 32
    host: 1


class DeviceBus(wiring.Component):
    """Serves the processor and the host link in turn, one access at a time.

    I/O ports are bytes: wider accesses become one access a byte, lowest port first, unless a wide register takes the access. Ports
    that can be moved answer only where no other device has its place. Register blocks take whole words: narrower writes are
    dropped; pages of registers take any bytes of a word. Where nothing answers, the processor reads ones and its writes are
    dropped; the host link gets an error from an address in memory space. A block that is kept from somebody looks to him as if
    it were not there.

    Parameters
    ----------
    io : names and places of the I/O devices
    blocks : names and places of the register blocks
    wide : names and places of the wide I/O registers
    movable : names of I/O devices whose ports can be moved, and how many ports (a power of two) each has
    paged : names and places of the pages of registers

    Members
    -------
    cpu, host : In(BusSignature); no bursts
    io_NAME : Out(IoSignature) each; wide_NAME : Out(WideIoSignature) each; block_NAME : Out(RegisterSignature) each
    pages_NAME : Out(PagesSignature) each
    place_NAME : In(IoPlace), for each that can be moved
    acknowledge : Out(1), one cycle, with ``vector`` In(8): an interrupt acknowledge of the processor
    protected : In(1)
    """

    def __init__(self, io: Mapping[str, IoAt], blocks: Mapping[str, BlockAt], wide: Mapping[str, WideIoAt] | None = None,
                 movable: Mapping[str, int] | None = None, paged: Mapping[str, PagesAt] | None = None) -> None:  # fmt: skip
        self._io = dict(io)
        self._blocks = dict(blocks)
        self._wide = dict(wide or {})
        self._movable = dict(movable or {})
        self._paged = dict(paged or {})
        super().__init__({
            "cpu": In(BusSignature()), "host": In(BusSignature()), "acknowledge": Out(1), "vector": In(8), "protected": In(1),
            **{f"io_{name}": Out(IoSignature()) for name in (*self._io, *self._movable)},
            **{f"wide_{name}": Out(WideIoSignature()) for name in self._wide},
            **{f"place_{name}": In(IoPlace) for name in self._movable},
            **{f"block_{name}": Out(RegisterSignature()) for name in blocks},
            **{f"pages_{name}": Out(PagesSignature(place.pages)) for name, place in self._paged.items()},
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
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

        port = Signal(PORT_WIDTH)
        lane = Signal(range(_LANES))
        m.d.comb += port.eq(Cat(lane, held.address[2:PORT_WIDTH]))
        for n in reversed(range(_LANES)):
            with m.If(held.mask[n]):
                m.d.comb += lane.eq(n)
        in_io = Signal()
        whole = Signal()  # no byte of the access has been served yet
        wide_taken, wide_data = self._wire_wide(m, in_io & whole, held)
        io_data = self._wire_io(m, in_io & ~wide_taken, held, port, lane)
        in_block = Signal()
        block_hit, block_ready, block_data = self._wire_blocks(m, in_block, held, privileged)

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.cpu.req_ready.eq(~choose_host), self.host.req_ready.eq(choose_host)]
                m.d.sync += [
                    held.address.eq(chosen.address), held.write.eq(chosen.write), held.mask.eq(chosen.mask), held.data.eq(chosen.data),
                    held.host.eq(choose_host), space.eq(chosen.space), privileged.eq(chosen.authority == Authority.RING_MINUS_1),
                    whole.eq(1), result.eq(_ONES), error.eq(0),
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
                    m.d.sync += [whole.eq(0), held.mask.eq(held.mask & (held.mask - 1)), result.word_select(lane, 8).eq(io_data)]
                with m.If(wide_taken):
                    m.d.sync += [
                        result.word_select(n, 8).eq(Mux(held.mask[n], wide_data.word_select(n, 8), _BYTE_ONES)) for n in range(_LANES)
                    ]
                with m.If(wide_taken | ((held.mask & (held.mask - 1)) == 0)):
                    m.next = "ANSWER"
            with m.State("BLOCK"):
                m.d.comb += in_block.eq(1)
                with m.If(~block_hit | block_ready):
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

    def _wire_wide(self, m: Module, active: Value, held: Signal) -> tuple[Signal, Signal]:
        """Joins the wide I/O registers; whether one of them takes the access, what it reads."""
        taken = Signal(len(self._wide))
        wide_data = Signal(32)
        for n, (name, place) in enumerate(self._wide.items()):
            device = getattr(self, f"wide_{name}")
            fits = Cat(held.mask == mask for mask in place.masks).any()
            m.d.comb += [
                taken[n].eq(active & (held.address[2:PORT_WIDTH] == place.base >> 2) & fits),
                device.read.eq(taken[n] & ~held.write),
                device.write.eq(taken[n] & held.write),
                device.mask.eq(held.mask),
                device.write_data.eq(held.data),
            ]
            with m.If(taken[n]):
                m.d.comb += wide_data.eq(device.read_data)
        return taken.any(), wide_data

    def _wire_io(self, m: Module, active: Value, held: Signal, port: Signal, lane: Signal) -> Signal:
        """Joins the byte-wide I/O devices; the byte that is read, ones where there is no device."""
        io_data = Signal(8)
        byte = held.data.word_select(lane, 8)
        fixed = Signal(len(self._io) + len(self._wide))
        hits = Signal(len(self._io) + len(self._movable))
        for n, place in enumerate(self._io.values()):
            m.d.comb += fixed[n].eq(port[place.count.bit_length() - 1 :] == place.base >> place.count.bit_length() - 1)
        for n, wide in enumerate(self._wide.values(), len(self._io)):
            m.d.comb += fixed[n].eq(port[2:] == wide.base >> 2)
        m.d.comb += hits.eq(fixed[: len(self._io)])
        sizes = {name: place.count for name, place in self._io.items()} | self._movable
        for n, (name, count) in enumerate(self._movable.items(), len(self._io)):
            where = getattr(self, f"place_{name}")
            bits = count.bit_length() - 1
            m.d.comb += hits[n].eq(where.enable & (port[bits:] == where.base[bits:]) & ~fixed.any() & ~hits[len(self._io) : n].any())
        answers = Const(0, 8)
        for n, (name, count) in enumerate(sizes.items()):
            device = getattr(self, f"io_{name}")
            m.d.comb += [
                device.address.eq(port[: count.bit_length() - 1]),
                device.write_data.eq(byte),
                device.read.eq(active & hits[n] & ~held.write),
                device.write.eq(active & hits[n] & held.write),
            ]
            answers = answers | Mux(hits[n], device.read_data, 0)
        m.d.comb += io_data.eq(Mux(hits.any(), answers, _BYTE_ONES))
        return io_data

    def _wire_blocks(self, m: Module, active: Signal, held: Signal, privileged: Signal) -> tuple[Signal, Signal, Signal]:
        """Joins the register blocks and pages; whether one is addressed that takes the access, whether it is ready, what it reads."""
        hits = Signal(len(self._blocks) + len(self._paged))
        fits = ~held.write | held.mask.all()
        ready = Signal()
        block_data = Signal(32)
        for n, (name, place) in enumerate(self._blocks.items()):
            block = getattr(self, f"block_{name}")
            allowed = privileged | ~self.protected if place.guarded else Const(1)
            m.d.comb += [
                hits[n].eq(is_page(held.address, place.base) & allowed & fits),
                block.valid.eq(active & hits[n]),
                block.write.eq(held.write),
                block.address.eq(held.address[2 : 2 + REGISTER_ADDRESS_WIDTH]),
                block.write_data.eq(held.data),
            ]
            with m.If(hits[n]):
                m.d.comb += [ready.eq(block.ready), block_data.eq(block.read_data)]
        for n, (name, where) in enumerate(self._paged.items(), len(self._blocks)):
            pages = getattr(self, f"pages_{name}")
            m.d.comb += [
                hits[n].eq(is_in_pages(held.address, where.base, where.pages)),
                pages.valid.eq(active & hits[n]),
                pages.write.eq(held.write),
                pages.page.eq(held.address[_PAGE_BITS:]),
                pages.address.eq(held.address[2 : 2 + REGISTER_ADDRESS_WIDTH]),
                pages.mask.eq(held.mask),
                pages.write_data.eq(held.data),
                pages.privileged.eq(privileged),
            ]
            with m.If(hits[n]):
                m.d.comb += [ready.eq(pages.ready), block_data.eq(pages.read_data)]
        return hits.any(), ready, block_data
