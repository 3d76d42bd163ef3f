"""The judge of stale translations: every translation used, for code and data, was valid at some time since the last flush that covers it.

No oracle shows a missing TLB flush or an ASID mixed up (design, section 4), so this reads the retire port: physical addresses of code and
data, the stores that may be to page tables, and the instructions that flush. It knows the manual's rules (AMD64 APM vol. 2, 5.5 and
15.16), not the processor's TLB: MOV to CR3 covers non-global entries, INVLPG a page, changes of CR0.PG, CR4.PSE and CR4.PGE all of the
address space, VMRUN what TLB_CONTROL says, INVLPGA a page of an address space.

Memory written by others than the processor is told with :meth:`TranslationChecker.external_write`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from contracts import vmcb
from rtl.arch.control import PageError
from sim.model.layout import RecordView

__all__ = ["StaleTranslation", "TranslationChecker"]

_PRESENT, _WRITABLE, _USER = int(PageError.PRESENT), int(PageError.WRITE), int(PageError.USER)  # the same bits in an entry
_LARGE, _GLOBAL = 1 << 7, 1 << 8
_PAGE, _LARGE_PAGE = 0xFFF, 0x3F_FFFF
_MASK = 0xFFFF_FFFF
_GUEST = 1  # bit of ring −1's context word
_PREFIXES = frozenset({0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3})
_EAX, _ECX = 0, 1
_USER_RING = 3
_GROUP7, _INVLPG_REG = 0x01, 7
_VMRUN, _INVLPGA = 0xD8, 0xDF
_MOV_TO_CR = 0x22


@dataclass(frozen=True)
class StaleTranslation:
    """A use of a translation that no table held since the last flush that covers it."""

    cycle: int
    asid: int
    linear: int
    physical: int
    kind: str  # "code", "read" or "write"

    def __str__(self) -> str:
        return f"cycle {self.cycle}: {self.kind} of {self.linear:#010x} in ASID {self.asid} went to {self.physical:#010x}"


@dataclass
class _AddressSpace:
    """What an ASID's translations depend on, and when its flushes were."""

    cr3: list[tuple[int, int]] = field(default_factory=list)  # (when, value)
    all: int = 0
    non_global: int = 0
    page: dict[int, int] = field(default_factory=dict)
    proven: set[tuple[int, int, bool, bool]] = field(default_factory=set)

    def flush(self, now: int, *, keep_global: bool = False) -> None:
        self.non_global = now
        if not keep_global:
            self.all = now
        self.proven.clear()

    def flush_page(self, now: int, linear: int) -> None:
        self.page[linear & ~_PAGE] = now
        self.proven.clear()


class _History:
    """Words of memory with all the values that they have had."""

    def __init__(self, image: bytes) -> None:
        self._image = image
        self._words: dict[int, list[tuple[int, int]]] = {}

    def write(self, now: int, address: int, data: bytes) -> None:
        """Bytes at any alignment."""
        if address % 4 == 0 and len(data) % 4 == 0:  # nearly all
            for word, new in zip(range(address, address + len(data), 4), memoryview(data).cast("I"), strict=True):
                self._put(now, word, new)
            return
        for i, byte in enumerate(data):
            word, shift = (address + i) & ~3, 8 * ((address + i) & 3)
            self._put(now, word, self.value(word) & ~(0xFF << shift) | byte << shift)

    def _put(self, now: int, word: int, new: int) -> None:
        if new != self.value(word):
            self._words.setdefault(word, [(0, self._initial(word))]).append((now, new))

    def _initial(self, word: int) -> int:
        return int.from_bytes(self._image[word : word + 4], "little")

    def value(self, word: int) -> int:
        """What is there now."""
        return self._words[word][-1][1] if word in self._words else self._initial(word)

    def since(self, word: int, start: int) -> Iterator[int]:
        """Every value that the word has had since ``start``, the one at ``start`` included."""
        yield from _since(self._words.get(word) or [(0, self._initial(word))], start)


def _since(history: list[tuple[int, int]], start: int) -> Iterator[int]:
    first = max(bisect_right(history, start, key=lambda entry: entry[0]) - 1, 0)
    for _, value in history[first:]:
        yield value


class TranslationChecker:
    """Feed it every retire record from power-on, or from a moment at which paging is off; ``image`` is memory at that moment.

    ``stale`` lists what was wrong, ``checked`` counts the translations looked at.
    """

    def __init__(self, image: bytes) -> None:
        self._memory = _History(image)
        self._spaces: dict[int, _AddressSpace] = {0: _AddressSpace(cr3=[(0, 0)])}
        self._now = 0
        self._context: tuple[int, int] = (0, 0)
        self._switched = False  # a world switch was seen, the new world's mode not yet
        self._gpr = 0
        self._paging = self._write_protect = self._large_pages = self._global_pages = self._user = False
        self.stale: list[StaleTranslation] = []
        self.checked = 0

    def external_write(self, address: int, data: bytes) -> None:
        """Memory written by a DMA engine or the host link, after all records fed so far."""
        self._now += 1
        self._memory.write(self._now, address, data)

    def external_flush(self, asid: int, linear: int) -> None:
        """One page of an address space is flushed, after all records fed so far, by an order that no record shows."""
        self._now += 1
        self._space(asid).flush_page(self._now, linear)

    def feed(self, records: Iterable[RecordView]) -> None:
        """Look at records in their order."""
        for record in records:
            self._now += 1
            context = (record.asid, record.context & _GUEST)
            if context != self._context:  # a world switch: the mode that counts is the one after it, which the next instruction tells
                self._context = context
                self._switched = True
            if self._switched and record.instruction_valid:
                self._switched = False
                self._take_mode(record, switched=True)
            if record.access_valid:
                self._access(record)
            if record.instruction_valid:
                if not record.instruction_event:
                    self._code(record)
                    self._control(record)
                self._take_mode(record, switched=False)
                self._gpr = record.instruction_gpr

    # state

    def _space(self, asid: int) -> _AddressSpace:
        return self._spaces.setdefault(asid, _AddressSpace())

    def _take_mode(self, record: RecordView, *, switched: bool) -> None:
        """The mode after the record. A change is a flush, unless another world has another mode."""
        mode = (bool(record.instruction_mode_pg), bool(record.instruction_mode_pse), bool(record.instruction_mode_pge))
        if mode != (self._paging, self._large_pages, self._global_pages) and not switched:
            self._space(record.asid).flush(self._now)
        self._paging, self._large_pages, self._global_pages = mode
        self._write_protect = bool(record.instruction_mode_wp)
        self._user = record.instruction_mode_cpl == _USER_RING

    # uses

    def _access(self, record: RecordView) -> None:
        memory = not record.access_io
        if memory and record.access_translated and self._paging and not self._switched:
            user = self._user and not record.access_supervisor
            last = record.access_linear + record.access_size - 1
            for linear, physical in ((record.access_linear, record.access_physical), (last & _MASK, record.access_physical_last)):
                self._check(record, linear, physical, "write" if record.access_write else "read", user)
        if memory and record.access_write:
            size = record.access_size
            data = record.access_write_data.to_bytes(4, "little")[:size]
            first = min(size, 0x1000 - (record.access_physical & _PAGE))
            self._memory.write(self._now, record.access_physical, data[:first])
            if first < size:
                self._memory.write(self._now, record.access_physical_last & ~_PAGE, data[first:])

    def _code(self, record: RecordView) -> None:
        if not self._paging or self._enters(record):
            return
        linear = (record.instruction_cs_base + record.instruction_eip) & _MASK
        last = (linear + record.instruction_length - 1) & _MASK
        for at, physical in ((linear, record.instruction_physical), (last, record.instruction_physical_last)):
            self._check(record, at, physical, "code", self._user)

    def _check(self, record: RecordView, linear: int, physical: int, kind: str, user: bool) -> None:
        self.checked += 1
        space = self._space(record.asid)
        key = (linear & ~_PAGE, physical & ~_PAGE, kind == "write", user)
        if key in space.proven:
            return
        if any(found == physical for found in self._translations(space, linear, kind == "write", user)):
            space.proven.add(key)
        else:
            self.stale.append(StaleTranslation(record.cycle, record.asid, linear, physical, kind))

    def _translations(self, space: _AddressSpace, linear: int, write: bool, user: bool) -> Iterator[int]:
        """Every physical address that ``linear`` may stand for. Global entries live on through flushes of the others."""
        by_page = space.page.get(linear & ~_PAGE, 0)
        for only_global, start in ((False, max(space.non_global, by_page)), (True, max(space.all, by_page))):
            if only_global and not self._global_pages:
                continue
            for cr3 in set(_since(space.cr3, start)):
                for directory in set(self._memory.since((cr3 & ~_PAGE) + (linear >> 22 << 2), start)):
                    if not directory & _PRESENT:
                        continue
                    if directory & _LARGE and self._large_pages:
                        if self._allowed(directory, write, user) and (directory & _GLOBAL or not only_global):
                            yield directory & ~_LARGE_PAGE & _MASK | linear & _LARGE_PAGE
                        continue
                    for table in set(self._memory.since((directory & ~_PAGE) + (linear >> 12 & 0x3FF) * 4, start)):
                        rights = directory & table & (_WRITABLE | _USER) | _PRESENT
                        if table & _PRESENT and self._allowed(rights, write, user) and (table & _GLOBAL or not only_global):
                            yield table & ~_PAGE & _MASK | linear & _PAGE

    def _allowed(self, rights: int, write: bool, user: bool) -> bool:
        if user and not rights & _USER:
            return False
        return not write or bool(rights & _WRITABLE) or (not user and not self._write_protect)

    # flushes

    @staticmethod
    def _opcode(record: RecordView) -> bytes:
        """The instruction without its prefixes."""
        code = record.instruction_bytes.to_bytes(15, "little")[: record.instruction_length]
        start = next((i for i, byte in enumerate(code) if byte not in _PREFIXES), len(code))
        return code[start:]

    def _enters(self, record: RecordView) -> bool:
        """VMRUN: its record shows the guest's mode already."""
        return self._opcode(record)[:3] == bytes((0x0F, _GROUP7, _VMRUN))

    def _control(self, record: RecordView) -> None:
        code = self._opcode(record)
        if len(code) < 3 or code[0] != 0x0F:
            return
        modrm = code[2]
        if code[1] == _MOV_TO_CR and modrm >> 3 & 7 == 3:
            space = self._space(record.asid)
            space.cr3.append((self._now, record.instruction_gpr >> 32 * (modrm & 7) & _MASK))
            space.flush(self._now, keep_global=True)
        elif code[1] == _GROUP7 and modrm == _VMRUN:
            self._enter(self._gpr >> 32 * _EAX & _MASK)
        elif code[1] == _GROUP7 and modrm == _INVLPGA:
            self._space(self._gpr >> 32 * _ECX & _MASK).flush_page(self._now, self._gpr >> 32 * _EAX & _MASK)
        elif code[1] == _GROUP7 and modrm >> 6 != 3 and modrm >> 3 & 7 == _INVLPG_REG:
            # The operand's address is not on the port; forgetting one page too many would hide nothing but that page's flush.
            linear = self._plain_address(modrm, code, record)
            if linear is not None:
                self._space(record.asid).flush_page(self._now, linear)

    @staticmethod
    def _plain_address(modrm: int, code: bytes, record: RecordView) -> int | None:
        """Address of ``[register]`` with or without displacement, in a flat segment; None for other forms (their flush is not judged)."""
        mode, rm = modrm >> 6, modrm & 7
        if rm == 4 or not record.instruction_mode_code32:
            return None
        if mode == 0 and rm == 5:
            return int.from_bytes(code[3:7], "little")
        size = (0, 1, 4)[mode]
        displacement = int.from_bytes(code[3 : 3 + size], "little", signed=True)
        return ((record.instruction_gpr >> 32 * rm) + displacement) & _MASK

    def _enter(self, block: int) -> None:
        """VMRUN: CR3 comes from the VMCB, and TLB_CONTROL says what is flushed."""

        def word(name: str) -> int:
            return self._memory.value(block + vmcb.field(name).offset)

        control = word("TLB_CONTROL") & 0xFF
        if control == vmcb.TlbControl.ALL:
            for space in self._spaces.values():
                space.flush(self._now)
        space = self._space(word("ASID") & 0xFF)
        space.cr3.append((self._now, word("CR3")))
        if control in (vmcb.TlbControl.ASID, vmcb.TlbControl.ASID_NON_GLOBAL):
            space.flush(self._now, keep_global=control == vmcb.TlbControl.ASID_NON_GLOBAL)
