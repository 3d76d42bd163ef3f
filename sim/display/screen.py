"""Pictures of the screen: the display's own dots, taken out of a model, as PNG."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from contracts.display import PICTURE_HEIGHT, PICTURE_WIDTH
from sim.model.library import Model, RunResult
from sim.model.spec import Stream

__all__ = ["CAPTURED", "DISPLAY_STREAM", "Camera", "Colour", "NoPicture", "Screen", "take_screen"]

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


class Camera:
    """Takes pictures of a model while others run it. A frame is asked for, and is there at least one frame later, a frame's time more if
    it is asked for when one has just begun; a run need not be stopped for it, though it may be, at ``CAPTURED``."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._wanted = False
        self._asking = False
        self._released = -1  # the cycle

    @property
    def asking(self) -> bool:
        """The display passes a frame, or will: a run can be stopped at ``CAPTURED``."""
        return self._asking

    def ask(self) -> None:
        """For a picture, if none is asked for yet."""
        self._wanted = True
        self._begin()

    def _begin(self) -> None:
        if self._wanted and not self._asking and self._model.cycle != self._released:  # the display must see that it is let go
            self._model.take_words(DISPLAY_STREAM.name)
            self._model.set(_CAPTURE, 1)
            self._asking = True

    def look(self) -> Screen | None:
        """The picture that was asked for, once it is there. A frame that a platform reset has cut short is none: the next one is taken."""
        screen = None
        if self._asking and self._model.get(CAPTURED):
            dots = self._let_go()
            if len(dots) == PICTURE_WIDTH * PICTURE_HEIGHT:
                self._wanted = False
                screen = Screen(dots)
        self._begin()
        return screen

    def give_up(self) -> None:
        """Nothing is asked for any more."""
        self._wanted = False
        if self._asking:
            self._let_go()

    def _let_go(self) -> bytes:
        self._model.set(_CAPTURE, 0)
        self._asking, self._released = False, self._model.cycle
        return self._model.take_words(DISPLAY_STREAM.name)


def take_screen(model: Model, max_cycles: int, run: Callable[[int, tuple[str, ...]], RunResult] | None = None) -> Screen:
    """Run the model on (by ``run``, if given in place of its own) for a whole frame, which begins at the next one's beginning. NoPicture if
    there is none in time."""
    advance = run or model.run
    camera, end = Camera(model), model.cycle + max_cycles
    camera.ask()
    while model.cycle < end:
        advance(end - model.cycle if camera.asking else 1, (CAPTURED,) if camera.asking else ())
        if (screen := camera.look()) is not None:
            advance(1, ())
            return screen
    camera.give_up()
    raise NoPicture(f"the display has shown no whole frame within {max_cycles:,} cycles")
