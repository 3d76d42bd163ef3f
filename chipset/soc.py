"""The machine: processor, memory, devices. The one file of the chipset that may know the processor's rooms."""

from dataclasses import dataclass

from amaranth.hdl import Const, Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.display.display import Display
from chipset.devices.display.port import Video
from chipset.devices.dma_engine import DmaEngine
from chipset.devices.ide.controller import IdeController
from chipset.devices.ide.drive import DATA_MASKS
from chipset.devices.pci.config_space import ConfigSpace
from chipset.devices.pic_8259 import PicPair
from chipset.devices.pit_8254 import Pit8254
from chipset.devices.ps2.controller import Ps2Controller
from chipset.devices.ps2.port import KeyEvent, MouseEvent
from chipset.devices.ps2.ps2 import Ps2
from chipset.devices.report_ports import DEBUG_CONSOLE_ID, OutPort
from chipset.devices.storage.port import StorageSignature
from chipset.devices.system_control import ResetControl, SystemControlA
from chipset.devices.tpm.port import TpmPortSignature
from chipset.devices.tpm.tpm import Tpm
from chipset.devices.uart_16550 import Uart16550
from chipset.dma_policy.policy import Denial
from chipset.host_link.link import HostLink, LinkAnswer, LinkCommand
from chipset.host_link.mailbox import Mailbox
from chipset.interconnect.cpu_port import CpuPort
from chipset.interconnect.device_bus import BlockAt, DeviceBus, IoAt, PagesAt, WideIoAt
from chipset.late_launch.sequence import LaunchSequence
from chipset.memory_controller.ram import WORD_BYTES
from chipset.memory_controller.rom import Rom
from chipset.memory_controller.scrubber import Scrubber
from chipset.memory_fabric import MemoryFabric
from chipset.reset import ResetController
from chipset.view import DmaView
from contracts.clocks import CYCLES_PER_PIT_TICK
from contracts.display import SCREEN_WINDOW
from contracts.ide import BUS_MASTER_PORTS, CHANNEL_PORTS, IDE_REQUESTER
from contracts.memory_map import DMA_ENGINE_STRIDE, PAGE_SIZE, Irq, Physical, Port
from contracts.tpm import LOCALITIES

__all__ = ["DMA_ENGINES", "DMA_MASTERS", "Soc", "SocParams", "StrapBits"]

DMA_ENGINES = 2
DMA_MASTERS = DMA_ENGINES + 1  # and the IDE controller, where there is storage for it
assert IDE_REQUESTER == DMA_ENGINES

_IO = {
    "pic_master": IoAt(Port.PIC_MASTER, 2),
    "pic_slave": IoAt(Port.PIC_SLAVE, 2),
    "pit": IoAt(Port.PIT, 4),
    "port_b": IoAt(Port.SYSTEM_CONTROL_B),
    "kbc_data": IoAt(Port.KBC_DATA),
    "kbc_status": IoAt(Port.KBC_STATUS),
    "post": IoAt(Port.POST),
    "system_control_a": IoAt(Port.SYSTEM_CONTROL_A),
    "debug_console": IoAt(Port.DEBUG_CONSOLE),
    "exit": IoAt(Port.EXIT),
    "com1": IoAt(Port.COM1, 8),
    "reset_control": IoAt(Port.RESET_CONTROL),
    "pci_data": IoAt(Port.PCI_DATA, 4),
}
_WIDE_IO = {"pci_address": WideIoAt(Port.PCI_ADDRESS, (0b1111,))}
_IDE_IO = {"ide_task_file": IoAt(Port.IDE_PRIMARY, CHANNEL_PORTS), "ide_control": IoAt(Port.IDE_PRIMARY_CONTROL)}
_IDE_WIDE_IO = {"ide_data": WideIoAt(Port.IDE_PRIMARY, DATA_MASKS)}
_IDE_MOVABLE_IO = {"ide_registers": BUS_MASTER_PORTS}
_TPM_PAGES = {"tpm": PagesAt(Physical.TPM, LOCALITIES)}
_VGA_PORTS = 16  # in each of the two ranges
_DISPLAY_IO = {"vga_attribute": IoAt(Port.VGA_ATTRIBUTE, _VGA_PORTS), "vga_crtc": IoAt(Port.VGA_CRTC, _VGA_PORTS)}
_DISPLAY_PAGES = {"screen": PagesAt(Physical.SCREEN, SCREEN_WINDOW // PAGE_SIZE), "line": PagesAt(Physical.TRUSTED_LINE, 1)}


class StrapBits(data.Struct):
    """``chipset.boards.straps.Strap`` as wires."""

    no_scrub: 1
    guard_off: 1
    a20_obeyed: 1
    registers_open: 1
    tpm_localities_open: 1
    tpm_hash_open: 1
    line_open: 1
    screen_kept: 1


@dataclass(frozen=True)
class SocParams:
    """Parameters of the machine.

    Attributes
    ----------
    memory_bytes : size of RAM, a power of two
    latency : cycles to the first word of memory
    host_link : whether the host link and its mailbox are built
    storage : whether there is storage, and so the IDE controller (with a drive, if the storage has any sectors)
    cached_map_words : words of its map that the DMA guard keeps for each DMA master; 0 leaves the guard out, for measurements
    timer_divider : cycles of the system clock in one of the 8254's
    tpm : whether there is a way to a TPM, and so its registers; a late launch without measures nothing
    keyboard : whether there are keyboard and mouse; without, nothing answers the keyboard controller
    display : whether there is a display
    """

    memory_bytes: int = 32 << 20
    latency: int = 6
    host_link: bool = True
    cached_map_words: int = 2
    timer_divider: int = CYCLES_PER_PIT_TICK
    storage: bool = False
    tpm: bool = False
    keyboard: bool = False
    display: bool = False

    @property
    def dma_masters(self) -> int:
        """DMA masters, each with a requester's number of its own."""
        return DMA_MASTERS if self.storage else DMA_ENGINES


class Soc(wiring.Component):
    """Everything but the pads.

    Parameters
    ----------
    processor : Component with ``bus`` Out(BusSignature), ``snoop`` In(SnoopSignature), ``intr``, ``nmi``, ``init`` In(1), and
        perhaps ``shutdown`` Out(1) (a triple fault: platform reset) and ``a20m`` In(1) (mask address bit 20: the processor does it, before
        its caches)
    rom : image of the reset ROM
    ram : Component with ``port`` In(RamSignature) and ``clear_words``, as ``BlockRam`` and ``SimulationRam``

    Members
    -------
    com1_tx, com1_rx : streams of bytes
    debug_*, post_*, exit_* : what the report ports were told
    link_commands, link_answer_* : the host link; ``stub_waiting`` Out(1)
    denial : Out(Denial), for observation; dma : Out, a DmaView a DMA master; guarded : Out(1), the guard is on
    storage : Out(StorageSignature), if ``params`` says that there is storage
    tpm : Out(TpmPortSignature), if it says that there is a TPM
    keys : stream of KeyEvent, In; moves : stream of MouseEvent, In; leds : Out(3), as of ``Ps2``, if it says that there is a keyboard
    video : Out(Video), if it says that there is a display
    external_reset : In(1), a button; platform_reset : Out(1)
    straps : In(StrapBits); constant zero on every board
    """

    def __init__(self, processor: wiring.Component, params: SocParams, *, rom: bytes, ram: wiring.Component) -> None:
        self.processor = processor
        self.params = params
        self._rom = Rom(rom)
        self._ram = ram
        self._reset = Signal()
        super().__init__({
            "com1_tx": Out(stream.Signature(8)), "com1_rx": In(stream.Signature(8)),
            "debug_valid": Out(1), "debug_data": Out(8), "post_valid": Out(1), "post_data": Out(8),
            "exit_valid": Out(1), "exit_data": Out(8),
            "link_commands": In(stream.Signature(LinkCommand)), "link_answer_valid": Out(1), "link_answer": Out(LinkAnswer),
            "stub_waiting": Out(1), "denial": Out(Denial), "dma": Out(data.ArrayLayout(DmaView, params.dma_masters)),
            "guarded": Out(1), "external_reset": In(1), "platform_reset": Out(1), "straps": In(StrapBits),
            **({"storage": Out(StorageSignature())} if params.storage else {}),
            **({"tpm": Out(TpmPortSignature())} if params.tpm else {}),
            **(
                {"keys": In(stream.Signature(KeyEvent)), "moves": In(stream.Signature(MouseEvent)), "leds": Out(3)}
                if params.keyboard
                else {}
            ),
            **({"video": Out(Video)} if params.display else {}),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        params = self.params
        blocks = {"guard": BlockAt(Physical.GUARD, guarded=True)}
        blocks |= {f"dma{n}": BlockAt(Physical.DMA_ENGINES + n * DMA_ENGINE_STRIDE, guarded=False) for n in range(DMA_ENGINES)}
        if params.host_link:
            blocks["host_link"] = BlockAt(Physical.HOST_LINK, guarded=True)

        processor = self._add(m, "processor", self.processor)
        cpu_port = self._add(m, "cpu_port", CpuPort(dma_engines=DMA_ENGINES, mailbox=params.host_link))
        ide = (_IDE_IO, _IDE_WIDE_IO, _IDE_MOVABLE_IO) if params.storage else ({}, {}, {})
        bus = self._add(m, "device_bus", DeviceBus(
            _IO | ide[0] | (_DISPLAY_IO if params.display else {}), blocks, _WIDE_IO | ide[1], ide[2],
            (_TPM_PAGES if params.tpm else {}) | (_DISPLAY_PAGES if params.display else {}),
        ))  # fmt: skip
        fabric = self._add(m, "fabric", MemoryFabric(
            memory_bytes=params.memory_bytes, latency=params.latency, dma_masters=params.dma_masters,
            cached_map_words=params.cached_map_words,
        ))  # fmt: skip
        wiring.connect(m, processor.bus, cpu_port.cpu)
        wiring.connect(m, processor.snoop, fabric.snoop)
        wiring.connect(m, cpu_port.memory, fabric.cpu)
        wiring.connect(m, cpu_port.device, bus.cpu)
        wiring.connect(m, bus.block_guard, fabric.guard)
        self._late_launch(m, cpu_port, bus, fabric)
        protected = fabric.guarded & ~self.straps.registers_open
        m.d.comb += [
            fabric.unlock.eq(cpu_port.unlock),
            fabric.guard_off.eq(self.straps.guard_off),
            self.denial.eq(fabric.denial),
            self.guarded.eq(fabric.guarded),
            cpu_port.protected.eq(protected),
            bus.protected.eq(protected),
        ]

        interrupts = self._interrupts(m, bus, processor)
        self._report_ports(m, bus)
        self._display(m, bus)
        keyboard = self._keyboard(m, bus, interrupts)
        lines = {Irq.GUARD: fabric.guard_irq, **self._devices(m, bus, fabric), **self._pci(m, bus, fabric)}
        self._host_link(m, cpu_port, bus, fabric, interrupts)
        for irq, line in lines.items():
            m.d.comb += interrupts.lines[irq].eq(line)
        scrubber = self._memories(m, fabric)
        self._resets(m, bus, fabric, processor, scrubber, keyboard)
        return m

    def _add(self, m: Module, name: str, component: wiring.Component) -> wiring.Component:
        """A part that platform reset resets."""
        m.submodules[name] = ResetInserter(self._reset)(component)
        return component

    def _late_launch(self, m: Module, cpu_port: CpuPort, bus: DeviceBus, fabric: MemoryFabric) -> None:
        """What SKINIT reaches beyond memory: the guard, and the TPM."""
        launch = self._add(m, "late_launch", LaunchSequence())
        wiring.connect(m, cpu_port.launch, launch.cpu)
        wiring.connect(m, launch.protect, fabric.launch)
        if not self.params.tpm:
            m.d.comb += launch.hash.ready.eq(1)
            return
        tpm = self._add(m, "tpm", Tpm())
        wiring.connect(m, bus.pages_tpm, tpm.block)
        wiring.connect(m, launch.hash, tpm.hash)
        wiring.connect(m, tpm.port, wiring.flipped(self.tpm))
        m.d.comb += [
            tpm.launched.eq(launch.launched), tpm.straps.open_localities.eq(self.straps.tpm_localities_open),
            tpm.straps.open_hash.eq(self.straps.tpm_hash_open),
        ]  # fmt: skip

    def _interrupts(self, m: Module, bus: DeviceBus, processor: wiring.Component) -> PicPair:
        pics = self._add(m, "pics", PicPair())
        wiring.connect(m, bus.io_pic_master, pics.master)
        wiring.connect(m, bus.io_pic_slave, pics.slave)
        m.d.comb += [
            pics.acknowledge.eq(bus.acknowledge),
            bus.vector.eq(pics.vector),
            processor.intr.eq(pics.interrupt),
            processor.nmi.eq(0),
        ]
        return pics

    def _report_ports(self, m: Module, bus: DeviceBus) -> None:
        for name, constant in (("debug_console", DEBUG_CONSOLE_ID), ("post", None), ("exit", 0)):
            port = self._add(m, name, OutPort(constant))
            wiring.connect(m, getattr(bus, f"io_{name}"), port.io)
            short = name.partition("_")[0]
            m.d.comb += [getattr(self, f"{short}_valid").eq(port.valid), getattr(self, f"{short}_data").eq(port.data)]

    def _devices(self, m: Module, bus: DeviceBus, fabric: MemoryFabric) -> dict[Irq, Signal]:
        """Timer, console and DMA engines; their interrupt lines."""
        pit = self._add(m, "pit", Pit8254(self.params.timer_divider))
        wiring.connect(m, bus.io_pit, pit.io)
        wiring.connect(m, bus.io_port_b, pit.port_b)
        com1 = self._add(m, "com1", Uart16550())
        wiring.connect(m, bus.io_com1, com1.io)
        wiring.connect(m, com1.tx, wiring.flipped(self.com1_tx))
        wiring.connect(m, com1.rx, wiring.flipped(self.com1_rx))
        lines = {Irq.TIMER: pit.irq, Irq.COM1: com1.irq}
        for n, irq in enumerate((Irq.DMA0, Irq.DMA1)):
            engine = self._add(m, f"dma{n}", DmaEngine())
            wiring.connect(m, getattr(bus, f"block_dma{n}"), engine.block)
            lines[irq] = engine.irq
            self._dma_master(m, fabric, n, engine)
        return lines

    def _dma_master(self, m: Module, fabric: MemoryFabric, number: int, device: wiring.Component) -> None:
        """Joins a device that masters the bus: ``bus`` to the memory, as DMA requester ``number``; ``hold`` and ``idle`` to the guard."""
        line = device.bus
        wiring.connect(m, line, fabric.dma[number])
        seen = self.dma[number]
        m.d.comb += [
            device.hold.eq(fabric.device_reset[number]), fabric.device_idle[number].eq(device.idle),
            seen.request.eq(line.req_valid & line.req_ready), seen.address.eq(line.req.address), seen.write.eq(line.req.write),
            seen.answer.eq(line.rsp_valid), seen.error.eq(line.rsp.error), seen.data.eq(line.rsp.data),
        ]  # fmt: skip

    def _pci(self, m: Module, bus: DeviceBus, fabric: MemoryFabric) -> dict[Irq, Signal]:
        """Configuration space, and the IDE controller behind its function; their interrupt lines."""
        config = self._add(m, "pci", ConfigSpace(ide=self.params.storage))
        wiring.connect(m, bus.wide_pci_address, config.address)
        wiring.connect(m, bus.io_pci_data, config.data)
        if not self.params.storage:
            return {}
        ide = self._add(m, "ide", IdeController())
        wiring.connect(m, bus.io_ide_task_file, ide.task_file)
        wiring.connect(m, bus.io_ide_control, ide.control)
        wiring.connect(m, bus.wide_ide_data, ide.data)
        wiring.connect(m, bus.io_ide_registers, ide.registers)
        wiring.connect(m, ide.storage, wiring.flipped(self.storage))
        self._dma_master(m, fabric, IDE_REQUESTER, ide)
        m.d.comb += [
            ide.settings.eq(config.ide), bus.place_ide_registers.eq(config.ide.registers),
            config.clear_ide.eq(fabric.device_reset[IDE_REQUESTER]),
        ]  # fmt: skip
        return {Irq.IDE_PRIMARY: ide.irq}

    def _display(self, m: Module, bus: DeviceBus) -> None:
        if not self.params.display:
            return
        display = self._add(m, "display", Display())
        wiring.connect(m, bus.pages_screen, display.screen)
        wiring.connect(m, bus.pages_line, display.line)
        wiring.connect(m, bus.io_vga_attribute, display.attribute)
        wiring.connect(m, bus.io_vga_crtc, display.crtc)
        m.d.comb += [
            self.video.eq(display.video), display.straps.open_line.eq(self.straps.line_open),
            display.straps.keep_memory.eq(self.straps.screen_kept),
        ]  # fmt: skip

    def _keyboard(self, m: Module, bus: DeviceBus, interrupts: PicPair) -> wiring.Component:
        """The keyboard controller, and keyboard and mouse if there are any."""
        controller = self._add(m, "keyboard_controller", Ps2() if self.params.keyboard else Ps2Controller())
        wiring.connect(m, bus.io_kbc_data, controller.data)
        wiring.connect(m, bus.io_kbc_status, controller.control)
        m.d.comb += [interrupts.lines[Irq.KEYBOARD].eq(controller.irq), interrupts.lines[Irq.MOUSE].eq(controller.mouse_irq)]
        if self.params.keyboard:
            wiring.connect(m, wiring.flipped(self.keys), controller.keys)
            wiring.connect(m, wiring.flipped(self.moves), controller.moves)
            m.d.comb += self.leds.eq(controller.leds)
        return controller

    def _host_link(self, m: Module, cpu_port: CpuPort, bus: DeviceBus, fabric: MemoryFabric, interrupts: PicPair) -> None:
        """The host link; the link itself is not reset by platform reset, the mailbox is."""
        if not self.params.host_link:
            return
        mailbox = self._add(m, "mailbox", Mailbox())
        m.submodules.host_link = link = HostLink(dma_engines=DMA_ENGINES)
        wiring.connect(m, cpu_port.mailbox, mailbox.cpu)
        wiring.connect(m, bus.block_host_link, mailbox.block)
        wiring.connect(m, link.memory, fabric.host)
        wiring.connect(m, link.device, bus.host)
        wiring.connect(m, wiring.flipped(self.link_commands), link.commands)
        m.d.comb += [
            self.link_answer_valid.eq(link.answer_valid), self.link_answer.eq(link.answer), self.stub_waiting.eq(mailbox.waiting),
            link.stub_waiting.eq(mailbox.waiting), link.guard_interrupt.eq(fabric.guard_irq), link.interrupt.eq(interrupts.interrupt),
            mailbox.answer_valid.eq(link.mailbox_valid), mailbox.answer.eq(link.mailbox_data), link.platform_reset.eq(self._reset),
        ]  # fmt: skip

    def _memories(self, m: Module, fabric: MemoryFabric) -> Scrubber:
        """RAM and ROM; the scrubber takes RAM over while everything else is in reset."""
        m.submodules.ram = ram = self._ram
        m.submodules.rom = rom = self._rom
        m.submodules.scrubber = scrubber = Scrubber(words=self.params.memory_bytes // WORD_BYTES, step=ram.clear_words)
        m.d.comb += [
            rom.enable.eq(fabric.rom_enable), rom.address.eq(fabric.rom_address), fabric.rom_data.eq(rom.data),
            fabric.ram.read_data.eq(ram.port.read_data),
        ]  # fmt: skip
        outputs = ("enable", "write_mask", "address", "write_data", "clear")
        with m.If(self._reset):
            m.d.comb += [getattr(ram.port, name).eq(getattr(scrubber.ram, name)) for name in outputs]
        with m.Else():
            m.d.comb += [getattr(ram.port, name).eq(getattr(fabric.ram, name)) for name in outputs]
        return scrubber

    def _resets(self, m: Module, bus: DeviceBus, fabric: MemoryFabric, processor: wiring.Component, scrubber: Scrubber,
                keyboard: wiring.Component) -> None:  # fmt: skip
        """Who asks for a reset, and A20, which lives in the same old places."""
        port92 = self._add(m, "system_control_a", SystemControlA())
        cf9 = self._add(m, "port_cf9", ResetControl())
        wiring.connect(m, bus.io_system_control_a, port92.io)
        wiring.connect(m, bus.io_reset_control, cf9.io)
        m.submodules.reset_controller = resets = ResetController()
        forced_on = fabric.guarded & ~self.straps.a20_obeyed
        shutdown = processor.shutdown if "shutdown" in processor.signature.members else Const(0)
        if "a20m" in processor.signature.members:
            m.d.comb += processor.a20m.eq(~(keyboard.a20 | port92.a20 | forced_on))
        m.d.comb += [
            processor.init.eq(cf9.init),
            resets.request.eq(keyboard.reset | port92.reset | cf9.reset | shutdown | self.external_reset),
            resets.protected.eq(fabric.guarded), resets.memory_clean.eq(fabric.memory_clean), resets.no_scrub.eq(self.straps.no_scrub),
            scrubber.start.eq(resets.scrub_start), resets.scrub_done.eq(scrubber.done),
            self._reset.eq(resets.reset), self.platform_reset.eq(resets.reset),
        ]  # fmt: skip
