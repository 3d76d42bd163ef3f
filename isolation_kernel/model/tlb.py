"""A TLB of unlimited size that forgets only what it is told to: the one on which a missing flush always shows."""

from dataclasses import dataclass

__all__ = ["Tlb", "TlbEntry"]


@dataclass
class TlbEntry:
    """A cached translation."""

    frame: int
    writable: bool
    user: bool
    dirty: bool
    global_: bool


class Tlb:
    """Entries by ASID and linear page."""

    def __init__(self) -> None:
        self.entries: dict[tuple[int, int], TlbEntry] = {}

    def flush_all(self) -> None:
        self.entries.clear()

    def flush_asid(self, asid: int, globals_too: bool = True) -> None:
        self.entries = {k: e for k, e in self.entries.items() if k[0] != asid or e.global_ and not globals_too}

    def flush_page(self, asid: int, page: int) -> None:
        self.entries.pop((asid, page), None)
