"""The VGA's registers that each guest sees: ``chipset/devices/display/registers.py`` in values.

What shows is told to the kernel as accesses to the real ports.
"""

from contracts.display import (
    ATTRIBUTE_CONTROLLER,
    CRTC,
    GRAPHICS_CONTROLLER,
    MISCELLANEOUS,
    PICTURE_HEIGHT,
    PICTURE_WIDTH,
    SEQUENCER,
    AttributeIndex,
    AttributeMode,
    CrtcIndex,
    InputStatus,
    VgaPort,
)

__all__ = ["VGA_PORTS", "VgaAccess", "VirtualVga"]

VgaAccess = tuple[int, int | None]  # a port, and the byte written there; None: it is read
VGA_PORTS = range(VgaPort.ATTRIBUTE, 0x3E0)
_ONES = 0xFF
_LINE_CYCLES, _FRAME_LINES = 800, 525  # of 640 and 480 that show something
_PALETTE_ON = 1 << 5  # of the attribute controller's index
_INDEX_WIDTHS: dict[int, int] = {VgaPort.CRTC: 5, VgaPort.SEQUENCER: 3, VgaPort.GRAPHICS: 4}
_KEPT: dict[int, int] = {  # bits of the CRTC registers that do something
    **dict.fromkeys(CrtcIndex, 0xFF), CrtcIndex.CURSOR_START: 0x3F, CrtcIndex.CURSOR_END: 0x7F,
}  # fmt: skip


class VirtualVga:
    """Cursor, start address and blinking can be set; the other registers show mode 3."""

    def __init__(self) -> None:
        self._indexes: dict[int, int] = dict.fromkeys(_INDEX_WIDTHS, 0)
        self._crtc = bytearray(CRTC)
        self._blink = int(AttributeMode.BLINK)
        self._attribute = 0
        self._data_next = False  # of the attribute controller's port

    def read(self, port: int, now: int) -> int:
        """A byte."""
        if port == VgaPort.INPUT_STATUS:
            self._data_next = False
            line, dot = divmod(now % (_LINE_CYCLES * _FRAME_LINES), _LINE_CYCLES)
            between_frames = line >= PICTURE_HEIGHT
            hidden = InputStatus.NO_DISPLAY if between_frames or dot >= PICTURE_WIDTH else 0
            return hidden | (InputStatus.VERTICAL_RETRACE if between_frames else 0)
        if port in self._indexes:
            return self._indexes[port]
        if port == VgaPort.ATTRIBUTE:
            return self._attribute
        if port == VgaPort.ATTRIBUTE_DATA and self._attribute & ~_PALETTE_ON == AttributeIndex.MODE:
            return self._mode()
        if port == VgaPort.MISCELLANEOUS:
            return MISCELLANEOUS
        tables: dict[int, tuple[bytes, int]] = {
            VgaPort.CRTC_DATA: (bytes(self._crtc), self._indexes[VgaPort.CRTC]),
            VgaPort.SEQUENCER_DATA: (SEQUENCER, self._indexes[VgaPort.SEQUENCER]),
            VgaPort.GRAPHICS_DATA: (GRAPHICS_CONTROLLER, self._indexes[VgaPort.GRAPHICS]),
            VgaPort.ATTRIBUTE_DATA: (ATTRIBUTE_CONTROLLER, self._attribute & ~_PALETTE_ON),
        }
        values, number = tables.get(port, (b"", 0))
        return values[number] if number < len(values) else _ONES

    def write(self, port: int, value: int) -> None:
        """A byte."""
        if port in _INDEX_WIDTHS:
            self._indexes[port] = value & (1 << _INDEX_WIDTHS[port]) - 1
        elif port == VgaPort.CRTC_DATA:
            number = self._indexes[VgaPort.CRTC]
            if number in _KEPT:
                self._crtc[number] = value & _KEPT[number]
        elif port == VgaPort.ATTRIBUTE:
            if not self._data_next:
                self._attribute = value & 0x3F
            elif self._attribute & ~_PALETTE_ON == AttributeIndex.MODE:
                self._blink = value & AttributeMode.BLINK
            self._data_next = not self._data_next

    def state(self) -> list[VgaAccess]:
        """What makes real registers show all that this one shows."""
        accesses: list[VgaAccess] = []
        for number in CrtcIndex:
            accesses += [(VgaPort.CRTC, number), (VgaPort.CRTC_DATA, self._crtc[number])]
        attribute = (AttributeIndex.MODE | _PALETTE_ON, self._mode())
        return [*accesses, (VgaPort.INPUT_STATUS, None), *((VgaPort.ATTRIBUTE, byte) for byte in attribute)]

    def _mode(self) -> int:
        return ATTRIBUTE_CONTROLLER[AttributeIndex.MODE] & ~int(AttributeMode.BLINK) | self._blink
