"""A guest's virtual PC as the kernel asks it: whoever asks cuts the answer to size. A PC that fails is asked no more, and its guest ends.

An exception is such a failure. A loop without end is not found out: the kernel in Python has one thread; on a machine of its own the room
would be a process of ring 3 with a slice of its guest's time. Types are as declared: ``mypy`` holds them.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from virtual_pc.ports import VirtualPc

__all__ = ["Fence"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Fence:
    """Before one guest's PC, ``pc``, which is asked nothing but by ``ask``. ``failure`` says what was wrong with it, if anything was."""

    def __init__(self, pc: VirtualPc) -> None:
        self.pc = pc
        self.failure = ""

    def ask(self, question: Callable[_P, _T], *values: _P.args, **more: _P.kwargs) -> _T | None:
        """The answer of a function of the room; None if it fails."""
        try:
            return None if self.failure else question(*values, **more)
        except Exception as error:
            self.failure = f"its virtual PC failed: {type(error).__name__}"
            return None
