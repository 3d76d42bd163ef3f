"""The machine as the simulator sees it: flat ports, nothing else."""

from collections.abc import Iterator

from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from chipset.boards.straps import STRAP_WIDTH
from chipset.devices.display.simulation_port import DisplayPort
from chipset.devices.ps2.port import KeyEvent, MouseEvent
from chipset.devices.tpm.simulation_port import SimulationPort
from chipset.memory_controller.ram import WORD_BYTES, BlockRam, SimulationRam
from chipset.soc import Soc, SocParams
from chipset.view import view_layout
from contracts.clocks import CYCLES_PER_PIT_TICK
from contracts.requesters import REQUESTER_WIDTH

__all__ = ["SimulationTop", "view_ports"]

_HANDS = {"keys": KeyEvent, "moves": MouseEvent}


def _pins_of(hand: str, event: type[data.Struct]) -> dict[str, Member]:
    return {f"{hand}_valid": In(1), f"{hand}_data": In(event.as_shape().size), f"{hand}_ready": Out(1)}


def view_ports(view: data.View | Value, name: str = "view") -> Iterator[tuple[str, Value]]:
    """The leaves of a view with their names as ports: ``view_bus_request_address``, ``view_dma_0_write``."""
    if isinstance(view, data.View):
        for key, _ in data.Layout.cast(view.shape()):
            yield from view_ports(view[key], f"{name}_{key}")
    else:
        yield name, Value.cast(view)


class SimulationTop(wiring.Component):
    """The machine.

    Parameters
    ----------
    processor : as of ``Soc``; its member ``retire``, if it has one, is shown, flat, at ``retire``
    rom : image of the reset ROM
    memory_bytes, host_link, latency, cached_map_words, timer_divider : as of ``SocParams``
    disk : Component with ``port`` In(StorageSignature), as ``SimulationDisk`` and ``MemoryDisk``; without it no IDE controller is built
    tpm : the pins of ``SimulationPort`` are there, each named ``tpm_…``, and the TPM's registers
    keyboard, display : as of ``SocParams``, with their pins
    block_ram : RAM made of an Amaranth memory instead of the module ``sim_ram``
    view_shape : how the processor's ``view`` is to be read, if not as it says itself
    named_view : each part of ``view`` is a port of its own too, ``view_…``: for waves

    Members
    -------
    com1_tx_*, debug_*, post_*, exit_* : a byte each cycle with ``valid``
    com1_rx_* : bytes typed at the console
    link_* : ``LinkOp`` commands and their answers; stub_waiting : the ring −1 stub waits at the mailbox
    denied_* : a DMA access is being refused
    tpm_* : as of ``SimulationPort``
    keys_*, moves_* : words of KeyEvent and of MouseEvent; leds : as of ``Keyboard``
    display_* : as of ``DisplayPort``
    platform_reset : the machine is in reset
    straps : ``chipset.boards.straps.Strap``
    retire : RetirePort as bits; view : as ``chipset.view.view_layout`` has it
    """

    def __init__(self, processor: wiring.Component, rom: bytes, memory_bytes: int = 32 << 20, host_link: bool = True, *, latency: int = 6,
                 cached_map_words: int = 4, timer_divider: int = CYCLES_PER_PIT_TICK, block_ram: bool = False,
                 disk: wiring.Component | None = None, tpm: bool = False, keyboard: bool = False,
                 display: bool = False, view_shape: data.Layout | None = None, named_view: bool = False) -> None:  # fmt: skip
        words = memory_bytes // WORD_BYTES
        ram = BlockRam(words) if block_ram else SimulationRam(words)
        params = SocParams(
            memory_bytes=memory_bytes, latency=latency, host_link=host_link, cached_map_words=cached_map_words, timer_divider=timer_divider,
            storage=disk is not None, tpm=tpm, keyboard=keyboard, display=display,
        )  # fmt: skip
        self._disk = disk
        self._tpm = SimulationPort() if tpm else None
        self._display = DisplayPort() if display else None
        self._far_sides = [part for part in (self._tpm, self._display) if part is not None]
        self.soc = Soc(processor, params, rom=rom, ram=ram)
        self._retire = getattr(processor, "retire", None)
        core = getattr(processor, "view", None)
        self._core = core
        self._layout = view_layout(0 if core is None else view_shape or core.shape(), params.dma_masters)
        self._named = dict(view_ports(Signal(self._layout))) if named_view else {}
        super().__init__({
            "com1_tx_valid": Out(1), "com1_tx_data": Out(8),
            "com1_rx_valid": In(1), "com1_rx_data": In(8), "com1_rx_ready": Out(1),
            "debug_valid": Out(1), "debug_data": Out(8),
            "post_valid": Out(1), "post_data": Out(8),
            "exit_valid": Out(1), "exit_data": Out(8),
            "link_valid": In(1), "link_ready": Out(1), "link_op": In(4), "link_address": In(32), "link_data": In(32),
            "link_rsp_valid": Out(1), "link_rsp_data": Out(32), "link_rsp_error": Out(1), "stub_waiting": Out(1),
            "denied_valid": Out(1), "denied_address": Out(32), "denied_write": Out(1), "denied_requester": Out(REQUESTER_WIDTH),
            "platform_reset": Out(1), "straps": In(STRAP_WIDTH),
            "retire": Out(1 if self._retire is None else Shape.cast(self._retire.shape()).width),
            **{name: member for part in self._far_sides for name, member in part.pins().items()},
            **({"leds": Out(3)} if keyboard else {}),
            **{name: member for hand, event in _HANDS.items() if keyboard for name, member in _pins_of(hand, event).items()},
            "view": Out(self._layout.size), **{name: Out(len(value)) for name, value in self._named.items()},
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.soc = soc = self.soc
        if self._disk is not None:
            m.submodules.disk = self._disk
            wiring.connect(m, soc.storage, self._disk.port)
        if self._tpm is not None:
            m.submodules.tpm = self._tpm
            wiring.connect(m, soc.tpm, self._tpm.port)
        if self._display is not None:
            m.submodules.display = self._display
            m.d.comb += self._display.video.eq(soc.video)
        for part in self._far_sides:
            part.join(m, self)
        if soc.params.keyboard:
            m.d.comb += self.leds.eq(soc.leds)
            for hand in _HANDS:
                events = getattr(soc, hand)
                m.d.comb += [
                    events.valid.eq(getattr(self, f"{hand}_valid")), events.payload.eq(getattr(self, f"{hand}_data")),
                    getattr(self, f"{hand}_ready").eq(events.ready),
                ]  # fmt: skip
        link = soc.link_commands
        m.d.comb += [
            self.com1_tx_valid.eq(soc.com1_tx.valid), self.com1_tx_data.eq(soc.com1_tx.payload), soc.com1_tx.ready.eq(1),
            soc.com1_rx.valid.eq(self.com1_rx_valid), soc.com1_rx.payload.eq(self.com1_rx_data), self.com1_rx_ready.eq(soc.com1_rx.ready),
            self.debug_valid.eq(soc.debug_valid), self.debug_data.eq(soc.debug_data),
            self.post_valid.eq(soc.post_valid), self.post_data.eq(soc.post_data),
            self.exit_valid.eq(soc.exit_valid), self.exit_data.eq(soc.exit_data),
            link.valid.eq(self.link_valid), self.link_ready.eq(link.ready), link.payload.op.eq(self.link_op),
            link.payload.address.eq(self.link_address), link.payload.data.eq(self.link_data),
            self.link_rsp_valid.eq(soc.link_answer_valid), self.link_rsp_data.eq(soc.link_answer.data),
            self.link_rsp_error.eq(soc.link_answer.error), self.stub_waiting.eq(soc.stub_waiting),
            self.denied_valid.eq(soc.denial.valid), self.denied_address.eq(soc.denial.address),
            self.denied_write.eq(soc.denial.write), self.denied_requester.eq(soc.denial.requester),
            self.platform_reset.eq(soc.platform_reset),
        ]  # fmt: skip
        # In a register: a simulator then need not look at all that hangs on an input each time that it is called.
        m.d.sync += soc.straps.eq(self.straps)
        if self._retire is not None:
            m.d.comb += self.retire.eq(self._retire)
        self._look(m)
        return m

    def _look(self, m: Module) -> None:
        soc, bus = self.soc, self.soc.processor.bus
        view = Signal(self._layout)
        m.d.comb += [
            view.valid.eq(1), view.bus.valid.eq(bus.req_valid), view.bus.ready.eq(bus.req_ready), view.bus.request.eq(bus.req),
            view.bus.answer.eq(bus.rsp_valid), view.bus.response.eq(bus.rsp), view.dma.eq(soc.dma),
            view.guarded.eq(soc.guarded), view.denial.eq(soc.denial), view.stub_waiting.eq(soc.stub_waiting),
            view.reset.eq(soc.platform_reset), self.view.eq(view),
        ]  # fmt: skip
        if self._core is not None:
            m.d.comb += view.core.eq(self._core)
        m.d.comb += [getattr(self, name).eq(value) for name, value in view_ports(view) if name in self._named]
