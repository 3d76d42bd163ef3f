"""How DR7 names breakpoints (Intel SDM vol. 3, 17.2.4)."""

from amaranth.lib import data, enum

__all__ = ["BREAKPOINTS", "BreakpointLength", "BreakpointType", "DebugControl"]

BREAKPOINTS = 4


class BreakpointType(enum.Enum, shape=2):
    """R/W0 to R/W3."""

    EXECUTE = 0
    WRITE = 1
    IO = 2  # with CR4.DE, else undefined: never met here
    ACCESS = 3  # data reads and writes


class BreakpointLength(enum.Enum, shape=2):
    """LEN0 to LEN3. The low bits of an address below its length are ignored; 2 is undefined, four bytes here."""

    BYTE = 0
    WORD = 1
    UNDEFINED = 2
    DOUBLE_WORD = 3


class Breakpoint(data.Struct):
    """What one of the four is of."""

    type: BreakpointType
    length: BreakpointLength


class DebugControl(data.Struct):
    """DR7. LE and GE have no effect: every data breakpoint is exact."""

    enables: data.ArrayLayout(2, BREAKPOINTS)  # L, G
    exact: 2
    one: 1
    _11: 2
    detect: 1  # GD
    _14: 2
    breakpoints: data.ArrayLayout(Breakpoint, BREAKPOINTS)
