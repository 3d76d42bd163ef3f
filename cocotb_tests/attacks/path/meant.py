"""Who is meant by what is typed: a reference that knows keys going down and up, and nothing of bytes, ticks and the kernel."""

from dataclasses import dataclass, field

__all__ = ["ATTENTION", "ESCAPE", "Key", "Meant", "told"]

Key = bytes  # its code in scan code set 2, with a prefix if it has one
ATTENTION, ESCAPE = b"\x07", b"\x76"
_DIGITS = {b"\x16": 1, b"\x1e": 2, b"\x26": 3}
_NO_BUTTONS = bytes((0x08, 0, 0))


def told(key: Key, down: bool) -> bytes:
    """What a keyboard says of a key."""
    return key if down else key[:-1] + b"\xf0" + key[-1:]


@dataclass
class Meant:
    """``keyboards`` and ``mice`` are the bytes that each guest, from 1 on, is to hear of."""

    guests: int
    front: int = 1
    choosing: bool = False
    down: dict[Key, int] = field(default_factory=dict)  # by key: who heard it go down; 0: nobody who is still to hear of it
    keyboards: dict[int, bytes] = field(default_factory=dict)
    mice: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for guest in range(1, self.guests + 1):
            self.keyboards[guest] = self.mice[guest] = b""

    def key(self, key: Key, down: bool) -> None:
        """It goes down, or down again as keys do that are held, or up."""
        if key == ATTENTION:
            if down:
                self._ask()
        elif not down:
            if self.down.pop(key, 0):
                self.keyboards[self.front] += told(key, False)
        elif key in self.down:
            if self.down[key]:
                self.keyboards[self.front] += key
        elif self.choosing:
            self.down[key] = 0
            chosen = _DIGITS.get(key, 0)
            self.choosing = key != ESCAPE and not 1 <= chosen <= self.guests
            self.front = chosen if 1 <= chosen <= self.guests else self.front
        else:
            self.down[key] = self.front
            self.keyboards[self.front] += key

    def _ask(self) -> None:
        """The guest in front is told that all has been let go."""
        for key in sorted(key for key, guest in self.down.items() if guest):
            self.keyboards[self.front] += told(key, False)
        self.down = dict.fromkeys(self.down, 0)
        self.mice[self.front] += _NO_BUTTONS
        self.choosing = True

    def move(self, packet: bytes) -> None:
        """The mouse has told all of a movement."""
        if not self.choosing:
            self.mice[self.front] += packet
