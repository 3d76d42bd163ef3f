"""The running machine's screen, keyboard and mouse for who is elsewhere: another thread, which serves a web page."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.display.screen import NoPicture, Screen
from sim.machine import Machine

__all__ = ["Ended", "Hand", "Live", "Picture"]

Hand = Callable[[Machine], None]


@dataclass(frozen=True)
class Picture:
    """A picture as PNG, its number (from 1 on), and why the run has ended if it is the last one."""

    number: int
    png: bytes
    last: str = ""


class Ended(Exception):
    """The run has ended; the message says why."""


class Live:
    """Between who runs the machine and any number of watchers. Pictures are taken while somebody waits for one, and not otherwise."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._picture = Picture(0, b"")
        self._shown: Screen | None = None
        self._asked = -1  # the number of the picture that somebody has seen and wants the next one of
        self._hands: list[Hand] = []
        self._ended = ""

    # who runs the machine

    def attend(self, machine: Machine) -> None:
        """Do what watchers have asked for; to be called now and then."""
        with self._changed:
            hands, self._hands = self._hands, []
            wanted = self._asked >= self._picture.number
        for hand in hands:
            hand(machine)
        if wanted:
            machine.camera.ask()
        if (screen := machine.camera.look()) is not None:
            self._show(screen)

    def finish(self, machine: Machine | None, why: str) -> None:
        """The run has ended: who watches gets a last picture, of the ``machine`` if it is still there, and the reason."""
        with self._changed:
            watched = self._asked >= 0
        if machine is not None and watched:
            try:
                self._show(machine.screen(), why)
            except NoPicture:
                pass
        with self._changed:
            self._ended = self._ended or why
            self._changed.notify_all()

    def _show(self, screen: Screen, last: str = "") -> None:
        png = self._picture.png if screen == self._shown else screen.png()
        with self._changed:
            self._shown = screen
            self._picture = Picture(self._picture.number + 1, png, last)
            self._changed.notify_all()

    # watchers

    def picture(self, after: int) -> Picture:
        """The next picture after number ``after``, waiting for it. Ended if there will be none."""
        with self._changed:
            seen = min(after, self._picture.number)
            self._asked = max(self._asked, seen)
            self._changed.wait_for(lambda: self._ended or self._picture.number > seen)
            if self._picture.number <= seen:
                raise Ended(self._ended)
            return self._picture

    def act(self, hands: Sequence[Hand]) -> None:
        """The user's hands, in this order, when the machine is attended next. Ended."""
        with self._changed:
            if self._ended:
                raise Ended(self._ended)
            self._hands += hands
