"""What comes out of the display, cycle by cycle."""

from amaranth.lib import data

__all__ = ["LEVEL_WIDTH", "Levels", "Video"]

LEVEL_WIDTH = 2


class Levels(data.Struct):
    """A colour, as a digital-to-analogue converter takes it."""

    blue: LEVEL_WIDTH
    green: LEVEL_WIDTH
    red: LEVEL_WIDTH


class Video(data.Struct):
    """A dot a cycle. ``levels`` are 0 where none is ``visible``; the two syncs are active at 1; ``frame`` is 1 in a frame's first cycle."""

    levels: Levels
    visible: 1
    horizontal_sync: 1
    vertical_sync: 1
    frame: 1
