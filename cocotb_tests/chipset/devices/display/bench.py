"""Software's side of the display, and the one that looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager

from chipset.devices.display.display import DisplayStraps
from cocotb_tests.chipset.devices.display.shown_top import RASTER, SPEC, Way
from contracts.display import COLUMNS, CrtcIndex, VgaPort
from contracts.memory_map import Port
from sim.display.screen import Screen, take_screen
from sim.model import Model, build_model

__all__ = ["FRAME", "STRAPS", "Display", "displayed"]

FRAME = RASTER.dots * RASTER.lines  # cycles
STRAPS = {name: 1 << field.offset for name, field in DisplayStraps.as_shape()}
_BYTES = 0xF
_IN_TIME = 10_000  # cycles


class Display:
    """``privileged``: with ring −1's authority; a guest's accesses otherwise."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.privileged = False
        self._first = 0  # cycle of the first frame's beginning

    def access(self, way: Way, address: int, write: int | None = None, mask: int = _BYTES) -> int:
        request = (way.value, int(write is not None), address, mask, write or 0, int(self.privileged), 1)
        return int(self.model.transact([request], _IN_TIME)[0][0])

    # memory

    def poke(self, at: int, data: bytes, way: Way = Way.SCREEN) -> None:
        """Bytes, each by itself."""
        for n, byte in enumerate(data, at):
            self.access(way, n & ~3, byte << 8 * (n & 3), 1 << (n & 3))

    def peek(self, at: int, way: Way = Way.SCREEN) -> int:
        return self.access(way, at & ~3, mask=1 << (at & 3)) >> 8 * (at & 3) & 0xFF

    def put(self, row: int, column: int, text: str | bytes, attribute: int = 0x07) -> None:
        """Text in code page 437, from a cell of the screen on."""
        codes = text.encode("cp437") if isinstance(text, str) else text
        self.poke(2 * (row * COLUMNS + column), b"".join(bytes((code, attribute)) for code in codes))

    def put_line(self, column: int, text: str | bytes, attribute: int = 0x1F) -> None:
        """The same of the trusted line."""
        codes = text.encode("cp437") if isinstance(text, str) else text
        self.poke(2 * column, b"".join(bytes((code, attribute)) for code in codes), Way.LINE)

    # ports

    @staticmethod
    def _port(port: int) -> tuple[Way, int]:
        return (Way.CRTC, port - Port.VGA_CRTC) if port >= Port.VGA_CRTC else (Way.ATTRIBUTE, port - Port.VGA_ATTRIBUTE)

    def output(self, port: int, value: int) -> None:
        way, offset = self._port(port)
        self.access(way, offset, value)

    def input(self, port: int) -> int:
        way, offset = self._port(port)
        return self.access(way, offset) & 0xFF

    def set(self, index_port: int, index: int, value: int) -> None:
        """An indexed register, its data in the port after the index."""
        self.output(index_port, index)
        self.output(index_port + 1, value)

    def show(self, index_port: int, index: int) -> int:
        self.output(index_port, index)
        return self.input(index_port + 1)

    def set_attribute(self, index: int, value: int) -> None:
        self.input(VgaPort.INPUT_STATUS)
        self.output(VgaPort.ATTRIBUTE, index)
        self.output(VgaPort.ATTRIBUTE, value)

    def set_pair(self, high: CrtcIndex, low: CrtcIndex, value: int) -> None:
        self.set(VgaPort.CRTC, high, value >> 8)
        self.set(VgaPort.CRTC, low, value & 0xFF)

    # what is seen

    @property
    def frame(self) -> int:
        """The number of the next frame that begins, from power on or platform reset."""
        return -(-(self.model.cycle - self._first) // FRAME)

    def run_to_frame(self, frame: int) -> None:
        """To just before its beginning, which is still to come."""
        cycles = self._first + frame * FRAME - 1 - self.model.cycle
        assert cycles >= 0
        self.model.run(cycles, stops=())

    def screen(self) -> Screen:
        """The next whole frame."""
        return take_screen(self.model, 3 * FRAME)

    def platform_reset(self) -> None:
        self.model.set("platform_reset", 1)
        self.model.run(3, stops=())
        self.model.set("platform_reset", 0)
        self._first = self.model.cycle

    def strap(self, *names: str) -> None:
        self.model.set("straps", sum(STRAPS[name] for name in names))


@contextmanager
def displayed() -> Iterator[Display]:
    """From power on."""
    with Model(build_model(SPEC)) as model:
        yield Display(model)
