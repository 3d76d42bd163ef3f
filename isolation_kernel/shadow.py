"""Shadow page tables: what the processor really walks while a guest runs.

Each entry is computed from one reading of the guest's entries and checked against ownership, so a guest that edits its tables by any
way (a second mapping, DMA, while they are read) gets at most a stale entry, never a foreign frame. Stale entries stay as legal as in a
real TLB, until the guest flushes: CR3 load, INVLPG, or a change of paging mode.

Roots are kept over CR3 changes. A frame that serves as a guest page table is write-protected in every shadow; the first write to it
makes it *loose* for each root that uses it: writable, and its entries compared with the guest's again when that root is next loaded.
Tables that DMA can reach are compared at every load.
"""

from dataclasses import dataclass, field
from functools import cache

from contracts.architecture import PageFault, Pte
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.fence import Fence
from isolation_kernel.foundation import Foundation
from isolation_kernel.guest_memory import NOWHERE, GuestMemory, Kind
from virtual_pc.paging import Leaf, PagingMode

__all__ = ["Entry", "Root", "Shadow"]

_ENTRIES = 1024
_LINE = 16  # bytes of a guest's table that are read at once
_WRITABLE = int(Pte.RW | Pte.D)  # a plain number: ~ of a flag has the named bits alone


@dataclass
class Entry:
    """A present shadow entry, and what it came from."""

    word: int
    kind: Kind
    leaf: Leaf
    tables: tuple[int, ...]  # frames that held the guest's entries

    @property
    def frame(self) -> int:
        """The page number it reaches."""
        return self.word // PAGE_SIZE


@dataclass(eq=False)
class Root:
    """A shadow page directory with its tables. ``entries`` and ``tables`` go by linear page number and directory index."""

    cr3: int
    mode: PagingMode
    asid: int
    directory: int
    tables: dict[int, int] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    uses: dict[int, set[int]] = field(default_factory=dict)  # frame of a guest table: linear pages derived from it
    loose: set[int] = field(default_factory=set)  # frames of guest tables that may differ from what was read


class Shadow:
    """All shadow roots of one guest."""

    def __init__(self, base: Foundation, memory: GuestMemory, pc: Fence) -> None:
        self._base = base
        self._memory = memory
        self._pc = pc
        self._reached: dict[int, set[tuple[Root, int]]] = {}  # frame: entries that map it
        self.roots: list[Root] = []  # least recently used first
        self.dma = False  # a DMA device of this guest may write its tables unseen (``set_dma``)
        memory.before_write = self.loosen

    @property
    def current(self) -> Root:
        """The root that the guest runs on."""
        return self.roots[-1]

    # roots

    def load(self, cr3: int, mode: PagingMode, globals_too: bool) -> Root:
        """Make a root current as MOV to CR3 does: what differs from the guest's tables is dropped (global entries if asked)."""
        cr3 = cr3 & ~0xFFF if mode.paging else 0
        root = next((r for r in self.roots if (r.cr3, r.mode) == (cr3, mode)), None)
        if root is None:
            if len(self.roots) >= self._base.config.roots_per_guest:
                self._discard(self.roots[0])
            root = Root(cr3, mode, self._base.asids.allocate(), self._new_table())
            self.roots.append(root)
        else:
            reloaded = root is self.current
            self.roots.remove(root)
            self.roots.append(root)
            self._compare(root, globals_too or not reloaded)  # a global entry outlives the reload of its own root only
        return root

    def _new_table(self) -> int:
        if sum(1 + len(r.tables) for r in self.roots) >= self._base.config.tables_per_guest:
            for root in self.roots:
                self._empty(root)
        frame = self._base.frames.allocate()
        self._base.machine.clear(frame * PAGE_SIZE, PAGE_SIZE)
        return frame

    def _empty(self, root: Root) -> None:
        for page in list(root.entries):
            self._drop(root, page, flush=False)
        for index, table in root.tables.items():
            self._base.machine.write32(root.directory * PAGE_SIZE + 4 * index, 0)
            self._base.frames.release(table)
        root.tables.clear()
        self._base.asids.flush(root.asid)

    def _discard(self, root: Root) -> None:
        self._empty(root)
        self._base.frames.release(root.directory)
        self._base.asids.release(root.asid)
        self.roots.remove(root)

    def discard_all(self) -> None:
        """Give everything back: the guest ends."""
        while self.roots:
            self._discard(self.roots[0])

    def _compare(self, root: Root, globals_too: bool) -> None:
        """Drop the entries whose sources have changed, and protect their tables again. Those of an entry that stays although they have
        changed, as a global one may, stay loose: the next flush of global entries is to find it."""
        suspects = set(root.uses) if self.dma else root.loose & root.uses.keys()
        kept: set[int] = set()
        line = cache(lambda at: self._memory.read(at, _LINE, self._base.protections.table_owner_check))  # each is read once

        def changed(where: int, value: int) -> bool:
            words = line(where - where % _LINE)
            return words is None or int.from_bytes(words[where % _LINE :][:4], "little") != value

        for table in sorted(suspects):
            for page in sorted(root.uses.get(table, ())):
                entry = root.entries[page]
                if not any(changed(where, value) for where, value in entry.leaf.sources):
                    continue
                if globals_too or not entry.leaf.global_:
                    self._drop(root, page)
                else:
                    kept.update(entry.tables)
        for table in sorted(root.loose & root.uses.keys() - kept):
            self._protect(table)
        root.loose = kept

    # guest page tables are watched

    def _protect(self, table: int) -> None:
        """No shadow of this guest maps a table's frame writable from now on."""
        for root, page in sorted(self._reached.get(table, ()), key=lambda where: (where[0].asid, where[1])):
            entry = root.entries[page]
            if entry.word & Pte.RW:
                self._store(root, page, entry.word & ~_WRITABLE)
                self._base.asids.flush_page(root.asid, page * PAGE_SIZE)

    def loosen(self, frame: int) -> None:
        """A frame is written: each root that has read a page table there no longer trusts what it read."""
        for root in self.roots:
            if frame in root.uses:
                root.loose.add(frame)

    def set_dma(self, on: bool) -> None:
        """Whether a DMA device may write this guest's tables unseen. One that has left may have done so since they were last read."""
        for root in self.roots:
            root.loose.update(root.uses if self.dma else ())
        self.dma = on

    # entries

    def _store(self, root: Root, page: int, word: int) -> None:
        root.entries[page].word = word
        self._base.machine.write32(root.tables[page // _ENTRIES] * PAGE_SIZE + 4 * (page % _ENTRIES), word)

    def _drop(self, root: Root, page: int, flush: bool = True) -> None:
        entry = root.entries[page]
        self._reached[entry.frame].discard((root, page))
        self._store(root, page, 0)
        del root.entries[page]
        for table in entry.tables:
            root.uses[table].discard(page)
            if not root.uses[table]:
                del root.uses[table]
                root.loose.discard(table)
        if flush:
            self._base.asids.flush_page(root.asid, page * PAGE_SIZE)

    def _insert(self, root: Root, page: int, entry: Entry) -> None:
        if page in root.entries:
            self._drop(root, page)
        index = page // _ENTRIES
        if index not in root.tables:
            root.tables[index] = table = self._new_table()
            self._base.machine.write32(root.directory * PAGE_SIZE + 4 * index, table * PAGE_SIZE | Pte.P | Pte.RW | Pte.US | Pte.A)
        root.entries[page] = entry
        self._reached.setdefault(entry.frame, set()).add((root, page))
        for table in entry.tables:
            if any(r.entries[at].word & Pte.RW for r, at in self._reached.get(table, ())):  # it is writable somewhere
                root.loose.add(table)
            root.uses.setdefault(table, set()).add(page)
        if entry.kind is Kind.RAM and entry.word & Pte.RW:
            self.loosen(entry.frame)
        self._store(root, page, entry.word)

    def fault(self, linear: int, error: int) -> PageFault | None:
        """Answer a #PF exit: the error code of the guest's own fault, or None: the shadow has the translation now."""
        root, page = self.current, linear // PAGE_SIZE
        access = PageFault(error & (PageFault.WRITE | PageFault.USER))
        leaf = self._memory.translate(self._pc, root.cr3, linear, access, root.mode)
        if isinstance(leaf, PageFault):
            return leaf
        write = bool(access & PageFault.WRITE)
        kind, frame = self._memory.target(leaf.page)
        if not self._base.protections.single_fetch and leaf.sources and kind is Kind.RAM:
            again = self._memory.translate(self._pc, root.cr3, linear, access, root.mode, touch=False)
            other = self._memory.frame_of(again.page, check=False) if isinstance(again, Leaf) else None
            frame = frame if other is None else other  # a control run: what is checked is not what is used
        rights = self._rights(leaf, write)
        tables = tuple(t for where, _ in leaf.sources if (t := self._memory.table_frame(where)) is not None)
        if kind in (Kind.DEVICE, Kind.ABSENT):
            rights |= Pte.PCD
        elif not write and (frame in tables or any(frame in r.uses for r in self.roots)):
            rights &= ~_WRITABLE
        self._insert(root, page, Entry(frame * PAGE_SIZE | rights, kind, leaf, tables))
        return None

    @staticmethod
    def _rights(leaf: Leaf, write: bool) -> int:
        """Bits of a shadow entry. It is writable only once the guest's is dirty; CR0.WP is always set there, so a supervisor's write
        to a read-only page of a guest without WP makes a writable page of the supervisor's alone, until the user's next access."""
        rights = Pte.P | Pte.A | leaf.cache_bits & (Pte.PWT | Pte.PCD) | (Pte.G if leaf.global_ else 0)
        if leaf.writable:
            return rights | (Pte.US if leaf.user else 0) | (Pte.RW | Pte.D if leaf.dirty else 0)
        return rights | (Pte.RW | Pte.D if write else Pte.US if leaf.user else 0)

    def invlpg(self, linear: int) -> None:
        """The guest flushes one address: all of a 4 MiB page if it lies in one."""
        root, page = self.current, linear // PAGE_SIZE
        beside = range(page - page % _ENTRIES, page - page % _ENTRIES + _ENTRIES)
        for other in sorted(p for p, entry in root.entries.items() if p == page or entry.leaf.large and p in beside):
            self._drop(root, other)

    def forget(self, frame: int) -> None:
        """A frame or device page is taken from the guest: no entry reaches it, or comes from a table in it, any more."""
        flush = self._base.protections.flush_on_revoke
        for root in self.roots:
            reaching = [page for r, page in self._reached.get(frame, ()) if r is root] if self._base.protections.drop_on_revoke else []
            for page in sorted(root.uses.get(frame, set()).union(reaching)):
                self._drop(root, page, flush)

    def forget_absent(self) -> None:
        """Something appears where the guest had nothing."""
        self.forget(NOWHERE)
