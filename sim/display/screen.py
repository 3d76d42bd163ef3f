"""A picture of the screen: the display's own dots, taken out of a model, as PNG."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from contracts.display import PICTURE_HEIGHT, PICTURE_WIDTH
from sim.model.library import Model
from sim.model.spec import Stream

__all__ = ["CAPTURED", "DISPLAY_STREAM", "Colour", "NoPicture", "Screen", "take_screen"]

Colour = tuple[int, int, int]

# A model whose top has the pins of ``chipset.devices.display.simulation_port``, each named ``display_…``.
DISPLAY_STREAM = Stream("display", "display_dots_valid", "display_dots")
CAPTURED = "display_captured"  # where a run is to stop
_CAPTURE = "display_capture"
_LEVEL = 255 // 3
_COLOURS = 1 << 6  # two bits a level


class NoPicture(RuntimeError):
    """The display has not shown a whole frame within the given cycles."""


@dataclass(frozen=True)
class Screen:
    """``dots``: a byte each, line by line from the upper left; red, green, blue in bits 5:4, 3:2, 1:0."""

    dots: bytes
    width: int = PICTURE_WIDTH
    height: int = PICTURE_HEIGHT

    def levels(self, x: int, y: int) -> Colour:
        """Red, green and blue of 0 to 3 of a dot."""
        dot = self.dots[y * self.width + x]
        return dot >> 4 & 3, dot >> 2 & 3, dot & 3

    def image(self) -> Image.Image:
        """For Pillow, in the display's 64 colours."""
        image = Image.frombytes("P", (self.width, self.height), self.dots)
        image.putpalette([_LEVEL * (colour >> shift & 3) for colour in range(_COLOURS) for shift in (4, 2, 0)])
        return image

    def png(self) -> bytes:
        """As PNG, for ``sim.outputs.write_output``."""
        file = BytesIO()
        self.image().save(file, "PNG")
        return file.getvalue()


def take_screen(model: Model, max_cycles: int) -> Screen:
    """Run the model on for a whole frame, which begins at the next one's beginning. NoPicture if there is none in time."""
    end = model.cycle + max_cycles
    while model.cycle < end:
        dots = _take_frame(model, end - model.cycle)
        if len(dots) == PICTURE_WIDTH * PICTURE_HEIGHT:  # a platform reset cuts a frame short
            return Screen(dots)
    raise NoPicture(f"the display has shown no whole frame within {max_cycles:,} cycles")


def _take_frame(model: Model, max_cycles: int) -> bytes:
    model.take_words(DISPLAY_STREAM.name)
    model.set(_CAPTURE, 1)
    model.run(max_cycles, stops=(CAPTURED,))
    model.set(_CAPTURE, 0)
    dots = model.take_words(DISPLAY_STREAM.name)
    model.run(1, stops=())
    return dots
