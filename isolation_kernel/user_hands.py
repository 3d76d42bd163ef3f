"""How the user speaks to the kernel: what bytes of keyboard and mouse mean, which of them a guest hears, and which are the kernel's.

One key is the kernel's: after it, and until the user has chosen a guest or has let it be, no guest hears anything.
"""

from collections.abc import Callable

from contracts.ps2 import KEY_PREFIXES, LONGEST_KEY, NO_MOVEMENT, RELEASE, PacketFlag
from contracts.user_view import ATTENTION, CHOICES, ESCAPE

__all__ = ["Hands", "Heard"]

Heard = tuple[bytes, bytes]  # all that the keyboard says of a key, and a packet of the mouse; nothing of either: empty


class Hands:
    """``attention``: the user chooses; ``choice`` is the number of the guest that he has just named, or 0.

    ``attention_key=False`` and ``held_keys=False`` (control runs only): no key is the kernel's; a release is heard by whoever listens.
    """

    def __init__(self, attention_key: bool = True, held_keys: bool = True) -> None:
        self._attention_key, self._held_keys = attention_key, held_keys
        self._codes = self._packet = b""  # what has come of the next
        self._held: set[bytes] = set()  # keys that the guest in front knows to be down
        self.attention = False
        self.choice = 0

    def take(self, byte: int, mouse: bool, living: Callable[[int], object | None]) -> list[Heard]:
        """A byte of keyboard or mouse; what the guest in front hears of it. ``living`` tells a number that can be chosen from others."""
        self.choice = 0
        if mouse:
            return self._move(byte)
        self._codes += bytes([byte])
        if byte in KEY_PREFIXES and len(self._codes) < LONGEST_KEY:
            return []
        codes, self._codes = self._codes, b""
        name = codes.replace(bytes([RELEASE]), b"")
        if self.attention and codes == name and living(CHOICES.get(name, 0)) is not None:
            self.attention, self.choice = False, CHOICES[name]
            return []
        return self._key(codes, name)

    def _move(self, byte: int) -> list[Heard]:
        if self._packet or byte & PacketFlag.ALWAYS:  # what cannot begin a packet is lost
            self._packet += bytes([byte])
        if len(self._packet) < len(NO_MOVEMENT):
            return []
        packet, self._packet = self._packet, b""
        return [] if self.attention else [(b"", packet)]

    def _key(self, codes: bytes, name: bytes) -> list[Heard]:
        released = codes != name
        if name == ATTENTION and self._attention_key:
            self.attention = self.attention or not released
            return self.let_go()
        if self.attention:
            self.attention = released or name != ESCAPE
            return []
        if released and name not in self._held and self._held_keys:
            return []
        (self._held.discard if released else self._held.add)(name)
        return [(codes, b"")]

    def let_go(self) -> list[Heard]:
        """What the guest in front hears if all is let go: what the user's hands hold now is nobody's any more."""
        heard = [(name[:-1] + bytes([RELEASE]) + name[-1:], b"") for name in sorted(self._held)]
        self._held.clear()
        return [*heard, (b"", NO_MOVEMENT)]
