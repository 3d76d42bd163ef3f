"""Builds one case: chooses state and operands so that every memory access of the instruction falls into the case's window."""

import random
from dataclasses import dataclass

from sim.programs.case import LAYOUTS, WINDOW_SIZE, Case, Flag, Layout, Mode

__all__ = ["FLAT_SELECTORS", "GS_BASE_32", "USER_SELECTORS", "Builder", "Operand", "Retry"]

EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)

# Selectors of the GDT in firmware/tests/lockstep/pm32.S.
FLAT_SELECTORS = {"cs": 0x08, "flat": 0x10, "pool": 0x18, "high": 0x20}
USER_SELECTORS = {"cs": 0x2B, "flat": 0x33, "pool": 0x3B, "high": 0x43}  # of user32.S
GS_BASE_32 = 0x0008_0000

_PREFIX = {"es": 0x26, "cs": 0x2E, "ss": 0x36, "ds": 0x3E, "fs": 0x64, "gs": 0x65}
_OPERAND_SIZE, _ADDRESS_SIZE, _LOCK = 0x66, 0x67, 0xF0
_INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FF80)
_EDGES = bytes((0, 0, 0xFF, 0x80, 0x7F, 1)[n % 6] for n in range(256))  # makes of any byte one at an edge
_FLAGS_AT_RANDOM = Flag.STATUS | Flag.DF | Flag.AC | Flag.ID
_BASES_16 = ((EBX, ESI), (EBX, EDI), (EBP, ESI), (EBP, EDI), (ESI,), (EDI,), (EBP,), (EBX,))

DATA_FIRST, DATA_LAST = 48, 112  # operands lie here in the window
STACK_FIRST, STACK_LAST = 176, 224  # ESP points here


class Retry(Exception):
    """This choice of operands cannot be satisfied: draw again."""


@dataclass
class Operand:
    """The ModRM byte with what follows, and what it names."""

    encoding: bytes
    register: int | None  # None: memory
    address: int = 0  # physical


class Builder:
    """State and operands of one case while it is being made. ``pin`` fixes a register; address registers are then chosen around it."""

    def __init__(self, rng: random.Random, mode: Mode, index: int, pool_index: int | None) -> None:
        self.rng = rng
        self.mode = mode
        self.layout: Layout = LAYOUTS[mode]
        self.index = index
        self.native = 2 if mode is Mode.REAL_16 else 4
        self.pool = pool_index is not None
        self.meta: dict[str, int] = {} if pool_index is None else {"pool_index": pool_index}
        self.window_address = self.layout.window(index if pool_index is None else pool_index, self.pool)
        self.window = bytearray(rng.randbytes(WINDOW_SIZE))
        if rng.random() < 0.5:
            self.window = self.window.translate(_EDGES)
        self.gprs = [self.value() for _ in range(8)]
        self.pinned: set[int] = set()
        self.eflags = (rng.getrandbits(32) & _FLAGS_AT_RANDOM) | 2
        self.overrides = True  # segment overrides may be drawn
        self.segments: dict[str, tuple[int, int]] = {}
        self._choose_segments()
        self.offset = self._code_offset()
        self.address_size = self.native
        if self.pool:
            self.address_size = 2
        elif mode is Mode.REAL_16 and rng.random() < 0.2:
            self.address_size = 4
        self.operand_size = self.native
        high = rng.getrandbits(16) << 16 if mode is Mode.REAL_16 and rng.random() < 0.5 else 0
        stack = self.window_address + rng.randint(STACK_FIRST, STACK_LAST) - self.base("ss")
        self.pin(ESP, stack | high)

    def value(self) -> int:
        """A 32-bit value, often one at an edge."""
        kind = self.rng.random()
        if kind < 0.3:
            return self.rng.choice(_INTERESTING)
        if kind < 0.45:
            return self.rng.getrandbits(self.rng.randint(1, 32))
        return self.rng.getrandbits(32)

    def _choose_segments(self) -> None:
        rng = self.rng
        if self.mode is not Mode.REAL_16:
            selectors = USER_SELECTORS if self.mode is Mode.USER_32 else FLAT_SELECTORS
            flat, pool = (selectors["flat"], 0), (selectors["pool"], self.layout.pool16)
            data = (pool, pool) if self.pool else (rng.choice((flat, flat, pool)), rng.choice((flat, flat, pool)))
            self.segments = {"es": data[0], "cs": (selectors["cs"], 0), "ss": flat, "ds": data[1]}
            self.segments |= {"fs": pool, "gs": (selectors["high"], GS_BASE_32)}
            return
        for name, address in (("cs", self.layout.slot(self.index)), *((s, self.window_address) for s in ("es", "ss", "ds", "fs", "gs"))):
            paragraphs = rng.randint(0, min(0xFE0, address >> 4))
            self.segments[name] = ((address >> 4) - paragraphs, address - (paragraphs << 4))

    def _code_offset(self) -> int:
        linear = self.layout.slot(self.index) + Layout.INSTRUCTION + self.rng.randint(0, 15)
        return linear - self.segments["cs"][1]

    def base(self, segment: str) -> int:
        """Linear base of a segment."""
        return self.segments[segment][1]

    def pin(self, register: int, value: int) -> None:
        """Give a register its value for good."""
        self.gprs[register] = value & 0xFFFF_FFFF
        self.pinned.add(register)

    def pin_low(self, register: int, value: int, size: int) -> None:
        """Give the low ``size`` bytes of a register their value for good."""
        mask = (1 << 8 * size) - 1
        self.pin(register, (self.gprs[register] & ~mask) | (value & mask))

    def set_operand_size(self, size: int) -> None:
        """Choose 2 or 4 bytes; the prefix is added if it is not the mode's own."""
        self.operand_size = size

    def target(self, size: int, low: int = DATA_FIRST, high: int = DATA_LAST) -> int:
        """A physical address in the window for an operand of ``size`` bytes, often unaligned; in ring 3 often across the pages."""
        if self.mode is Mode.USER_32 and self.rng.random() < 0.6:
            low, high = WINDOW_SIZE // 2 - 8, WINDOW_SIZE // 2 + 8
        offset = self.rng.randint(low, high - size)
        if self.rng.random() < 0.4:
            offset &= -size & -1 if size in (1, 2, 4, 8) else -1
        return self.window_address + max(offset, low)

    def poke(self, address: int, data: bytes) -> None:
        """Put bytes into the window."""
        at = address - self.window_address
        if not 0 <= at <= WINDOW_SIZE - len(data):
            raise Retry("outside the window")
        self.window[at : at + len(data)] = data

    # ModRM and SIB

    def register_operand(self, field_value: int, register: int | None = None) -> Operand:
        """Mod 3."""
        number = self.rng.randrange(8) if register is None else register
        return Operand(bytes([0xC0 | field_value << 3 | number]), number)

    def memory_operand(self, field_value: int, size: int, address: int | None = None, writes: bool = True) -> Operand:
        """Mod 0 to 2, all forms, with a segment override now and then; Retry if this draw cannot reach the address."""
        target = self.target(size) if address is None else address
        form = self._form_16 if self.address_size == 2 else self._form_32
        saved = list(self.gprs)
        for _ in range(24):
            self.gprs = list(saved)
            pins = set(self.pinned)
            try:
                encoding, default = form(field_value, target, writes)
            except Retry:
                self.pinned = pins
                continue
            del default
            return Operand(encoding, None, target)
        self.gprs = saved
        raise Retry("no addressing form fits")

    def _segment_for(self, default: str, writes: bool) -> str:
        if not self.overrides:
            return default
        choices = [default] * 4 + ["es", "ss", "ds", "fs", "gs"]
        if self.mode is Mode.REAL_16 or not writes:
            choices.append("cs")
        return self.rng.choice(choices)

    def _override(self, segment: str, default: str) -> None:
        if segment != default or self.rng.random() < 0.05:
            self._segment_prefix = _PREFIX[segment]
        else:
            self._segment_prefix = 0

    _segment_prefix = 0

    def _offset_in(self, segment: str, target: int, bits: int) -> int:
        offset = target - self.base(segment)
        if bits == 16 and not 0 <= offset <= 0xFFF0:
            raise Retry("not within 64 KiB")
        if self.mode is Mode.REAL_16 and not 0 <= offset <= 0xFFF0:
            raise Retry("beyond the limit")
        return offset & 0xFFFF_FFFF

    def _adjust(self, register: int, value: int, mask: int) -> None:
        if register in self.pinned:
            raise Retry("pinned")
        self.pin(register, (self.gprs[register] & ~mask & 0xFFFF_FFFF) | (value & mask))

    def _form_32(self, field_value: int, target: int, writes: bool) -> tuple[bytes, str]:
        rng = self.rng
        mod, rm = rng.randrange(3), rng.randrange(8)
        base: int | None = rm
        index: int | None = None
        scale, sib = 0, b""
        if rm == 4:
            scale, index_bits, base_bits = rng.randrange(4), rng.randrange(8), rng.randrange(8)
            sib = bytes([scale << 6 | index_bits << 3 | base_bits])
            index = None if index_bits == 4 else index_bits
            base = None if base_bits == 5 and mod == 0 else base_bits
        elif rm == 5 and mod == 0:
            base = None
        default = "ss" if base in (ESP, EBP) else "ds"
        segment = self._segment_for(default, writes)
        offset = self._offset_in(segment, target, 32)
        scaled = 0 if index is None else self.gprs[index] << scale
        if mod == 2 or base is None:
            displacement = (offset - scaled - (0 if base is None else self.gprs[base])) & 0xFFFF_FFFF
            tail = displacement.to_bytes(4, "little")
        else:
            if base == index:
                raise Retry("base is index")
            displacement = rng.randint(-128, 127) if mod == 1 else 0
            self._adjust(base, offset - scaled - displacement, 0xFFFF_FFFF)
            tail = (displacement & 0xFF).to_bytes(1, "little") if mod == 1 else b""
        self.pinned |= {r for r in (base, index) if r is not None}
        self._override(segment, default)
        return bytes([mod << 6 | field_value << 3 | rm]) + sib + tail, segment

    def _form_16(self, field_value: int, target: int, writes: bool) -> tuple[bytes, str]:
        rng = self.rng
        mod, rm = rng.randrange(3), rng.randrange(8)
        registers = () if mod == 0 and rm == 6 else _BASES_16[rm]
        default = "ss" if EBP in registers else "ds"
        segment = self._segment_for(default, writes)
        offset = self._offset_in(segment, target, 16)
        if mod == 2 or not registers:
            displacement = (offset - sum(self.gprs[r] for r in registers)) & 0xFFFF
            tail = displacement.to_bytes(2, "little")
        else:
            displacement = rng.randint(-128, 127) if mod == 1 else 0
            adjusted = rng.choice(registers)
            rest = sum(self.gprs[r] for r in registers if r != adjusted)
            self._adjust(adjusted, offset - displacement - rest, 0xFFFF)
            tail = (displacement & 0xFF).to_bytes(1, "little") if mod == 1 else b""
        self.pinned |= set(registers)
        self._override(segment, default)
        return bytes([mod << 6 | field_value << 3 | rm]) + tail, segment

    def absolute_operand(self, size: int, writes: bool) -> bytes:
        """The moffs of A0 to A3."""
        segment = self._segment_for("ds", writes)
        offset = self._offset_in(segment, self.target(size), 16 if self.address_size == 2 else 32)
        self._override(segment, "ds")
        return offset.to_bytes(self.address_size, "little")

    def pin_pointer(self, register: int, segment: str, target: int) -> None:
        """Let a register, as wide as addresses are, point at a physical address through a segment."""
        offset = self._offset_in(segment, target, 16 if self.address_size == 2 else 32)
        if self.address_size == 2:
            self.pin_low(register, offset, 2)
        else:
            self.pin(register, offset)

    def choose_segment(self, default: str) -> str:
        """A segment for an implicit memory operand; its prefix is added."""
        segment = self._segment_for(default, writes=False)
        self._override(segment, default)
        return segment

    def finish(self, family: str, name: str, body: bytes, *, lock: bool = False, extra: tuple[int, ...] = ()) -> Case:
        """The case. Prefixes come in random order before the opcode."""
        prefixes = list(extra)
        if self.operand_size != self.native:
            prefixes.append(_OPERAND_SIZE)
        if self.address_size != self.native:
            prefixes.append(_ADDRESS_SIZE)
        if self._segment_prefix:
            prefixes.append(self._segment_prefix)
        if lock:
            prefixes.append(_LOCK)
        self.rng.shuffle(prefixes)
        return Case(
            self.mode, self.index, family, name, bytes(prefixes) + body, self.offset, tuple(self.gprs), self.eflags,
            dict(self.segments), self.pool, bytes(self.window), dict(self.meta),
        )  # fmt: skip
