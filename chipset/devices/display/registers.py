"""The VGA's registers, as far as text needs them: cursor, start address, blinking. The others show mode 3 and cannot be changed."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import IoSignature
from contracts.display import (
    ATTRIBUTE_CONTROLLER,
    CRTC,
    GRAPHICS_CONTROLLER,
    MISCELLANEOUS,
    SEQUENCER,
    AttributeIndex,
    AttributeMode,
    CrtcIndex,
    VgaPort,
)
from contracts.memory_map import Port

__all__ = ["ADDRESS_WIDTH", "CursorShape", "DisplayRegisters"]

ADDRESS_WIDTH = 16  # of a cell, as software counts them
_ONES = 0xFF


class CursorShape(data.Struct):
    """CURSOR_START and CURSOR_END."""

    first: 5
    off: 1
    last: 5
    skew: 2  # kept for software


class _InputStatus(data.Struct):
    """``contracts.display.InputStatus``."""

    no_display: 1
    unused: 2
    vertical_retrace: 1


class DisplayRegisters(wiring.Component):
    """Each access takes its one cycle; nothing of what it does is seen on the trusted line.

    Members
    -------
    attribute, crtc : In(IoSignature), sixteen ports each, from ``Port.VGA_ATTRIBUTE`` and ``Port.VGA_CRTC`` on
    start, cursor : Out(16), cells; shape : Out(CursorShape); blink : Out(1), attribute bit 7 is blinking
    no_display, vertical_retrace : In(1), for the status
    """

    attribute: In(IoSignature())
    crtc: In(IoSignature())
    start: Out(ADDRESS_WIDTH)
    cursor: Out(ADDRESS_WIDTH)
    shape: Out(CursorShape, init={"first": CRTC[CrtcIndex.CURSOR_START], "last": CRTC[CrtcIndex.CURSOR_END]})
    blink: Out(1, init=1)
    no_display: In(1)
    vertical_retrace: In(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.attribute.read_data.eq(_ONES), self.crtc.read_data.eq(_ONES)]
        self._crtc(m)
        self._attribute_controller(m)
        for index_port, data_port, values in (
            (VgaPort.SEQUENCER, VgaPort.SEQUENCER_DATA, SEQUENCER), (VgaPort.GRAPHICS, VgaPort.GRAPHICS_DATA, GRAPHICS_CONTROLLER),
        ):  # fmt: skip
            index = Signal(range(len(values)), name=f"index_{index_port:x}")
            self._index(m, self.attribute, index_port - Port.VGA_ATTRIBUTE, index)
            self._constants(m, self.attribute, data_port - Port.VGA_ATTRIBUTE, index, values)
        with m.If(self.attribute.address == VgaPort.MISCELLANEOUS - Port.VGA_ATTRIBUTE):
            m.d.comb += self.attribute.read_data.eq(MISCELLANEOUS)
        return m

    @staticmethod
    def _index(m: Module, io: IoSignature, port: int, index: Signal) -> None:
        """A register that says which of others the next port means; it reads back."""
        with m.If(io.address == port):
            m.d.comb += io.read_data.eq(index)
            with m.If(io.write):
                m.d.sync += index.eq(io.write_data)

    @staticmethod
    def _constants(m: Module, io: IoSignature, port: int, index: Value, values: Sequence[int]) -> None:
        with m.If(io.address == port):
            with m.Switch(index):
                for n, value in enumerate(values):
                    with m.Case(n):
                        m.d.comb += io.read_data.eq(value)

    def _crtc(self, m: Module) -> None:
        io, shape = self.crtc, self.shape
        index = Signal(range(len(CRTC)))
        port = VgaPort.CRTC_DATA - Port.VGA_CRTC
        registers = {
            CrtcIndex.CURSOR_START: Cat(shape.first, shape.off), CrtcIndex.CURSOR_END: Cat(shape.last, shape.skew),
            CrtcIndex.START_HIGH: self.start[8:], CrtcIndex.START_LOW: self.start[:8],
            CrtcIndex.CURSOR_HIGH: self.cursor[8:], CrtcIndex.CURSOR_LOW: self.cursor[:8],
        }  # fmt: skip
        self._index(m, io, VgaPort.CRTC - Port.VGA_CRTC, index)
        self._constants(m, io, port, index, CRTC)
        with m.If(io.address == port):
            with m.Switch(index):
                for number, register in registers.items():
                    with m.Case(int(number)):
                        m.d.comb += io.read_data.eq(register)
                        with m.If(io.write):
                            m.d.sync += register.eq(io.write_data)
        status = Signal(_InputStatus)
        m.d.comb += [status.no_display.eq(self.no_display), status.vertical_retrace.eq(self.vertical_retrace)]
        with m.If(io.address == VgaPort.INPUT_STATUS - Port.VGA_CRTC):
            m.d.comb += io.read_data.eq(status)

    def _attribute_controller(self, m: Module) -> None:
        """One port takes index and data in turn; which comes next only a read of INPUT_STATUS can tell."""
        io = self.attribute
        index = Signal(6)  # bit 5 keeps the screen on in a VGA; here it is kept for software
        data_next = Signal()
        number = index[:5]
        with m.If(io.address == VgaPort.ATTRIBUTE - Port.VGA_ATTRIBUTE):
            m.d.comb += io.read_data.eq(index)
            with m.If(io.write):
                m.d.sync += data_next.eq(~data_next)
                with m.If(~data_next):
                    m.d.sync += index.eq(io.write_data)
                with m.Elif(number == AttributeIndex.MODE):
                    m.d.sync += self.blink.eq((io.write_data & AttributeMode.BLINK) != 0)
        with m.If(self.crtc.read & (self.crtc.address == VgaPort.INPUT_STATUS - Port.VGA_CRTC)):
            m.d.sync += data_next.eq(0)
        port = VgaPort.ATTRIBUTE_DATA - Port.VGA_ATTRIBUTE
        self._constants(m, io, port, number, ATTRIBUTE_CONTROLLER)
        with m.If((io.address == port) & (number == AttributeIndex.MODE)):
            mode = ATTRIBUTE_CONTROLLER[AttributeIndex.MODE]
            m.d.comb += io.read_data.eq(mode & ~AttributeMode.BLINK | self.blink << AttributeMode.BLINK.bit_length() - 1)
