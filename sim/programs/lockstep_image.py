"""Packs cases into one multiboot image that runs them one after the other and leaves every result in memory.

A slot: load flags, segments, registers; the instruction; a jump to ``done``; INT3 everywhere else, so that wherever the instruction
jumps, an exception records it and goes on with the next case. A plan says in which order: in protected mode loading a segment takes as
long as much else together, so cases with the same ES and DS follow each other, and only the first of them loads these (no instruction of
protected mode among the forms changes them; if one does, the selectors in the results tell).
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.memory_map import PAGE_SIZE, Port
from sim.programs.assemble import ROOT, Linked, link
from sim.programs.case import LAYOUTS, Case, Layout, Mode, Result
from sim.programs.elf import Piece, write_elf

__all__ = ["USER_EXIT", "LockstepImage", "build_image", "page_entries"]

_SOURCES = ROOT / "firmware" / "tests" / "lockstep"
_INT3 = b"\xcc"
_LOAD_ORDER = (1, 2, 3, 5, 6, 7, 4, 0)
_MOV_SREG = {"es": 0xC0, "ss": 0xD0, "ds": 0xD8, "fs": 0xE0, "gs": 0xE8}
_LOW_SOURCE = 0x20_0000  # where the image keeps what real mode has below 640 KiB
_LOW_TEXT = 0x1000  # the lowest that a loader may load
_STUB_SIZE = 12  # bytes of an exception's stub in real16_low.S
USER_EXIT = 0x80  # the INT that ends a case in ring 3


@dataclass(frozen=True)
class LockstepImage:
    """The file, and how to find the results in memory afterwards."""

    elf: bytes
    cases: tuple[Case, ...]
    memory: tuple[Piece, ...]  # as it is when the first case starts

    def result(self, case: Case, read: Callable[[int, int], bytes]) -> Result:
        """The result of a case; ``read(address, length)`` reads physical memory after the run."""
        return Result.unpack(read(LAYOUTS[case.mode].result(case.index), Layout.RESULT_SIZE), read(case.window_address, len(case.window)))


def _word(value: int) -> bytes:
    return struct.pack("<I", value)


def _data_segments(case: Case) -> tuple[int, int]:
    return case.segments["es"][0], case.segments["ds"][0]


def _load_changed(case: Case, before: Case | None) -> bytes:
    """Loads those of ES and DS that the case before has not left as this one wants them."""
    loaded = _data_segments(before) if before else (None, None)
    wanted = zip(("es", "ds"), _data_segments(case), loaded, strict=True)
    return b"".join(b"\xb8" + _word(selector) + bytes([0x8E, _MOV_SREG[name]]) for name, selector, old in wanted if selector != old)


def _slot_32(case: Case, before: Case | None, symbols: dict[str, int]) -> bytes:
    out = bytearray(b"\x68" + _word(case.eflags) + b"\x9d" + _load_changed(case, before))
    for number in _LOAD_ORDER:
        out += bytes([0xB8 + number]) + _word(case.gprs[number])
    behind = case.code_address + len(case.code) + 5
    return _assemble_slot(case, bytes(out), lambda at: b"\xe9" + _word((case.code_address - at) & 0xFFFF_FFFF),
                          b"\xe9" + _word((symbols["done"] - behind) & 0xFFFF_FFFF))  # fmt: skip


def _slot_user(case: Case, before: Case | None, symbols: dict[str, int]) -> bytes:
    del symbols
    out = bytearray(_load_changed(case, before))
    for value in (case.segments["ss"][0], case.gprs[4], case.eflags, case.segments["cs"][0], case.offset):
        out += b"\x68" + _word(value)
    for number in _LOAD_ORDER:
        if number != 4:
            out += bytes([0xB8 + number]) + _word(case.gprs[number])
    return _assemble_slot(case, bytes(out), lambda at: b"\xcf", bytes([0xCD, USER_EXIT]))


def _slot_16(case: Case, before: Case | None, symbols: dict[str, int]) -> bytes:
    del before  # every case has segments of its own
    out = bytearray(b"\x66\x68" + _word(case.eflags) + b"\x66\x9d")
    for name in ("es", "ds", "fs", "gs", "ss"):
        out += b"\xb8" + struct.pack("<H", case.segments[name][0]) + bytes([0x8E, _MOV_SREG[name]])
    for number in _LOAD_ORDER:
        out += bytes([0x66, 0xB8 + number]) + _word(case.gprs[number])

    def enter(at: int) -> bytes:
        del at
        return b"\xea" + struct.pack("<HH", case.offset, case.segments["cs"][0])

    return _assemble_slot(case, bytes(out), enter, b"\xea" + struct.pack("<HH", symbols["done"], 0))


def _assemble_slot(case: Case, setup: bytes, enter: Callable[[int], bytes], leave: bytes) -> bytes:
    slot = LAYOUTS[case.mode].slot(case.index)
    setup += enter(slot + len(setup) + 5)
    start = case.code_address - slot
    if len(setup) > Layout.INSTRUCTION - Layout.PAD or start + len(case.code) + len(leave) > Layout.AFTER[0]:
        raise ValueError(f"{case.family}/{case.name}: the slot is too small")
    return (setup.ljust(start, _INT3) + case.code + leave).ljust(Layout.SLOT_SIZE, _INT3)


def _exit_32() -> bytes:
    return bytes([0x30, 0xC0, 0xE6, Port.EXIT, 0xFA, 0xF4, 0xEB, 0xFC])  # xor al, al; out; cli; hlt; jmp


def _patched(piece: Piece, at: int, value: bytes) -> Piece:
    offset = at - piece.address
    data = bytearray(piece.data.ljust(piece.size, b"\0"))
    data[offset : offset + len(value)] = value
    return Piece(piece.address, bytes(data))


def _single(linked: Linked) -> Piece:
    low = min(p.address for p in linked.pieces)
    high = max(p.address + max(p.size, len(p.data)) for p in linked.pieces)
    data = bytearray(high - low)
    for p in linked.pieces:
        data[p.address - low : p.address - low + len(p.data)] = p.data
    return Piece(low, bytes(data))


def build_image(cases: Sequence[Case], paging: bool = False, low_loader: bool = False) -> LockstepImage:
    """The image of ``cases``, which share a mode and have distinct indices and windows; with paging if asked for.

    ``low_loader``: whoever loads it can put bytes below 640 KiB by itself (QEMU cannot): then the image need not copy them there.
    """
    mode = cases[0].mode
    layout = LAYOUTS[mode]
    last = max(c.index for c in cases) + 1  # the slot behind the last holds the exit
    linked, slot = {
        Mode.PROTECTED_32: (_link_32, _slot_32), Mode.USER_32: (_link_user, _slot_user), Mode.REAL_16: (_link_low, _slot_16),
    }[mode]  # fmt: skip
    symbols = linked().symbols
    order = list(cases) if mode is Mode.REAL_16 else sorted(cases, key=_data_segments)
    pieces = [Piece(layout.plan, _plan(layout, mode, [*(c.index for c in order), last]))]
    for case, before in zip(order, [None, *order], strict=False):
        pieces.append(Piece(layout.slot(case.index), slot(case, before, symbols)))
        pieces.append(Piece(case.window_address, case.window))
    pieces.append(Piece(layout.slot(last), _exit_32()))
    if mode is not Mode.REAL_16:
        runtime = _patched(_single(linked()), symbols["cursor"], _word(layout.plan))
        if mode is Mode.PROTECTED_32:
            runtime = _patched(runtime, symbols["paging"], _word(paging))
        else:
            entries = page_entries(cases)
            runtime = _patched(_patched(runtime, symbols["pages"], entries), symbols["page_count"], _word(len(entries)))
        memory = (runtime, *_merge(pieces))
        return LockstepImage(write_elf(linked().entry, memory), tuple(cases), memory)
    low_code = _patched(_single(_link_low()), symbols["cursor"], struct.pack("<H", layout.plan))
    low_code = _patched(low_code, symbols["top"], struct.pack("<H", Layout.RESULT_SIZE))
    vectors = b"".join(struct.pack("<HH", symbols["stubs"] + _STUB_SIZE * n, 0) for n in range(256))
    memory = (Piece(0, vectors), *_merge([low_code, *pieces]))
    copied = [p for p in memory if p.address < (PAGE_SIZE if low_loader else layout.windows)]
    low = bytearray(-(-max(p.address + len(p.data) for p in copied) // 4) * 4)
    for p in copied:
        low[p.address : p.address + len(p.data)] = p.data
    boot = _link_boot()
    start = _patched(_single(boot), boot.symbols["length"], _word(len(low)))
    loaded = [start, Piece(_LOW_SOURCE, bytes(low)), *(p for p in memory if p not in copied)]
    return LockstepImage(write_elf(boot.entry, loaded), tuple(cases), memory)


def _plan(layout: Layout, mode: Mode, order: Sequence[int]) -> bytes:
    """For each case its slot and the end of its result: addresses, or in real mode the segments of the slot and of the result."""
    if mode is Mode.REAL_16:
        return b"".join(struct.pack("<HH", layout.slot(i) >> 4, layout.result(i) >> 4) for i in order)
    return b"".join(struct.pack("<II", layout.slot(i), layout.result_end(i)) for i in order)


def page_entries(cases: Sequence[Case]) -> bytes:
    """The low bits of the page-table entries of the cases' own pages, two a case: P, W, U."""
    entries = bytearray(b"\x07" * (2 * (max(c.index for c in cases) + 1)))
    for case in cases:
        entries[2 * case.index : 2 * case.index + 2] = bytes((case.meta["page_0"], case.meta["page_1"]))
    return bytes(entries)


def _merge(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours less than three pages apart become one piece: a program header each would fill the file's start."""
    out: list[Piece] = []
    for p in sorted(pieces, key=lambda p: p.address):
        if out and p.address - (out[-1].address + len(out[-1].data)) < 0x3000:
            gap = p.address - out[-1].address
            if gap < len(out[-1].data):
                raise ValueError(f"cases overlap at {p.address:#x}")
            out[-1] = Piece(out[-1].address, out[-1].data.ljust(gap, b"\0") + p.data)
        else:
            out.append(p)
    return out


def _link_32() -> Linked:
    return link("lockstep_pm32", [_SOURCES / "pm32.S"])


def _link_user() -> Linked:
    return link("lockstep_user32", [_SOURCES / "user32.S"])


def _link_low() -> Linked:
    return link("lockstep_low", [_SOURCES / "real16_low.S"], text=_LOW_TEXT, entry=hex(_LOW_TEXT))


def _link_boot() -> Linked:
    return link("lockstep_boot", [_SOURCES / "real16.S"])
