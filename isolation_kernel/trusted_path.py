"""The user's view: keyboard, mouse, display and trusted line are the kernel's own. One guest is in front: what it shows is seen, and it
alone hears keys. By the attention key, which no guest ever gets, the user chooses another.

The kernel looks at the 8042 with each tick of its timer, for a bounded number of bytes, and takes no interrupt of it: so whatever comes
from there costs the same. What a guest in front shows lies in the display; what the others show, in frames of the kernel.
"""

from collections.abc import Callable

from contracts.display import SCREEN_BYTES, VgaPort
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.ps2 import KbcStatus
from contracts.user_view import CHOICES, DISPLAY_SIGN, PROGRAM
from isolation_kernel.foundation import Foundation
from isolation_kernel.guest_memory import SCREEN_PAGES
from isolation_kernel.partition import Partition
from isolation_kernel.roots import Roots
from isolation_kernel.trusted_line import trusted_line
from isolation_kernel.user_hands import Hands
from virtual_pc.vga import VGA_PORTS, VgaAccess

__all__ = ["TrustedPath"]

_BYTES, _NO_BOUND, _MOST_ACCESSES = 16, 1 << 30, 32  # with each tick: more bytes than devices send in that time
_WORDS = range(Physical.SCREEN, Physical.SCREEN + SCREEN_BYTES, 4)


class TrustedPath:
    """``front`` is the guest in front. Without a display nothing is shown, and keys go where they would."""

    def __init__(self, base: Foundation, living: Callable[[int], Partition | None], roots: Roots) -> None:
        self._base, self._machine, self._on, self._living, self._roots = base, base.machine, base.protections, living, roots
        self.front: Partition | None = None
        self.hands = Hands(self._on.attention_key, self._on.held_keys)
        self._registers: list[VgaAccess] | None = None  # what the display's have been made to show
        self._says: tuple[Partition | None, bytes, bool] | None = None  # and what the trusted line tells of
        base.access(PROGRAM)
        self._display = self._machine.io_read(VgaPort.CRTC) == DISPLAY_SIGN
        self.show(None)

    def show(self, guest: Partition | None) -> None:
        """Bring a guest to the front, what it shows to the display, and what the one before showed to its frames, if it has not ended.
        None: all is dark."""
        old, self.front = self.front, guest
        if self._display and old is not None and old.alive:
            shown = b"".join(self._machine.read32(at).to_bytes(4, "little") for at in _WORDS)
            self._machine.write_block(old.memory.screen[0] * PAGE_SIZE, shown)
        for each in filter(None, (old, guest)) if self._display else ():
            each.memory.front = each is guest
            for page in (*SCREEN_PAGES, *each.memory.screen) if self._on.screen_revoke else ():
                each.shadow.forget(page)
        shows = b"" if guest is None else self._machine.read_block(guest.memory.screen[0] * PAGE_SIZE, SCREEN_BYTES)
        for at in _WORDS if self._display else ():
            self._machine.write32(at, int.from_bytes(shows[at - Physical.SCREEN :][:4], "little"))
        self.hands.let_go()
        self.refresh()

    def _guests(self, in_front: bool) -> list[Partition]:
        """The guest in front; all guests, in control runs."""
        return list(filter(None, [self.front] if in_front else map(self._living, CHOICES.values())))

    def refresh(self) -> None:
        """The display's registers show what those of the guest in front do (its word, and so a few accesses to ports of the display), the
        trusted line whose they are."""
        for guest in self._guests(self._on.vga_in_front) if self._display else ():
            before, self._registers = self._registers, guest.pc.ask(guest.pc.pc.shows)
            if self._registers is not None and self._registers != before:
                self._base.access([access for access in self._registers[:_MOST_ACCESSES] if access[0] in VGA_PORTS])
        said, self._says = self._says, (self.front, self._roots.phrase, self.hands.attention)
        if self._display and self._says != said:
            front, labels = self.front, self._base.config.policy.labels or {}
            about = None if front is None else (str(front.number), front.config.name, front.identity, labels.get(front.identity, ()))
            for n, word in enumerate(trusted_line(about, *self._says[1:], self._on.line_columns)):
                self._machine.write32(Physical.TRUSTED_LINE + 4 * n, word)

    def tick(self) -> None:
        """The timer has ticked: what keyboard and mouse have said since is heard."""
        for _ in range(_BYTES if self._on.input_bounds else _NO_BOUND):
            if not (status := self._machine.io_read(Port.KBC_STATUS)) & KbcStatus.OUTPUT_FULL:
                break
            for heard in self.hands.take(self._machine.io_read(Port.KBC_DATA), bool(status & KbcStatus.MOUSE), self._living):
                for guest in self._guests(self._on.keys_in_front):
                    guest.pc.ask(guest.pc.pc.hear, *heard)
            if (chosen := self._living(self.hands.choice)) is not None:
                self.show(chosen)
        self.refresh()
