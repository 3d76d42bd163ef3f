"""One random instruction with the state it starts from, the places where an image puts it, and what is left when it is done."""

import struct
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

__all__ = [
    "GPR_NAMES", "LAYOUTS", "NO_VECTOR", "SEGMENT_NAMES", "USER_PAGES", "WINDOW_SIZE", "Case", "Flag", "Layout", "Mode", "Result",
]  # fmt: skip

GPR_NAMES = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
SEGMENT_NAMES = ("es", "cs", "ss", "ds", "fs", "gs")
WINDOW_SIZE = 256
USER_PAGES = 0x70_0000  # where the pages of ring 3's cases start
NO_VECTOR = 0xFFFF_FFFF


class Flag:
    """Bits of EFLAGS."""

    CF, PF, AF, ZF, SF, TF, IF, DF, OF = (1 << n for n in (0, 2, 4, 6, 7, 8, 9, 10, 11))
    IOPL = 3 << 12
    NT, RF, VM, AC, ID = (1 << n for n in (14, 16, 17, 18, 21))
    STATUS = CF | PF | AF | ZF | SF | OF


class Mode(Enum):
    """What the instruction runs in."""

    PROTECTED_32 = "pm32"  # flat code and stack, CPL 0, no paging
    REAL_16 = "real16"
    USER_32 = "user32"  # flat, ring 3, two pages of its own for each case


@dataclass(frozen=True)
class Layout:
    """Where the things of case number i lie in physical memory."""

    slots: int  # code: 256 bytes a case
    windows: int  # data and stack: WINDOW_SIZE bytes a case
    results: int  # RESULT_SIZE bytes a case
    pool16: int  # windows below offset 64 KiB of a segment, for 16-bit addresses
    cases: int  # at most
    pool_cases: int
    plan: int  # in which order the runtime takes the cases
    stride: int = WINDOW_SIZE  # from window to window

    SLOT_SIZE = 256
    RESULT_SIZE = 96  # the record ends it; below, in real mode, the next case's slot has a few bytes of stack
    INSTRUCTION = 144  # the instruction starts up to 15 bytes behind this byte of its slot; INT3 bytes lie around it
    PAD = 24  # INT3 bytes before it, at least
    AFTER = (188, 248)  # bytes of the slot behind it that hold INT3, where it may jump

    def slot(self, index: int) -> int:
        """First byte of the code of a case."""
        return self.slots + index * self.SLOT_SIZE

    def window(self, index: int, pool: bool) -> int:
        """First byte of the data window of a case."""
        return (self.pool16 if pool else self.windows) + index * (WINDOW_SIZE if pool else self.stride)

    def result(self, index: int) -> int:
        """First byte of the result of a case."""
        return self.results + index * self.RESULT_SIZE

    def result_end(self, index: int) -> int:
        """The first byte behind it."""
        return self.result(index + 1)


LAYOUTS = {
    Mode.PROTECTED_32: Layout(
        slots=0x12_0000, windows=0x30_0000, results=0x50_0000, pool16=0x11_0000, cases=4096, pool_cases=256, plan=0x23_0000
    ),
    Mode.USER_32: Layout(  # each window lies across the middle of its two pages
        slots=0x12_0000,
        windows=USER_PAGES + 0x1000 - WINDOW_SIZE // 2,
        results=0x50_0000,
        pool16=0x11_0000,
        cases=500,
        pool_cases=0,
        plan=0x23_0000,
        stride=0x2000,
    ),
    Mode.REAL_16: Layout(slots=0x3000, windows=0x3_C000, results=0x7_8000, pool16=0x3_C000, cases=880, pool_cases=0, plan=0x2000),
}


@dataclass(frozen=True)
class Case:
    """A single instruction and the state before it. ``segments`` maps a name to (selector, base)."""

    mode: Mode
    index: int
    family: str
    name: str
    code: bytes
    offset: int  # of the instruction in its code segment
    gprs: tuple[int, ...]
    eflags: int
    segments: dict[str, tuple[int, int]]
    pool: bool
    window: bytes
    meta: dict[str, int] = field(default_factory=dict)  # size, count, …: what the table of undefined flags asks for

    @property
    def code_address(self) -> int:
        """Linear address of the instruction."""
        return self.segments["cs"][1] + self.offset

    @property
    def window_address(self) -> int:
        """Physical address of the window."""
        return LAYOUTS[self.mode].window(self.meta["pool_index"] if self.pool else self.index, self.pool)

    def to_json(self) -> dict[str, Any]:
        """As plain values, for the file of regressions."""
        out = asdict(self)
        return out | {"mode": self.mode.value, "code": self.code.hex(), "window": self.window.hex()}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Case":
        """The reverse of ``to_json``."""
        return cls(
            **raw
            | {
                "mode": Mode(raw["mode"]),
                "code": bytes.fromhex(raw["code"]),
                "window": bytes.fromhex(raw["window"]),
                "gprs": tuple(raw["gprs"]),
                "segments": {k: (v[0], v[1]) for k, v in raw["segments"].items()},
            }
        )

    def describe(self) -> str:
        """The case as a minimal reproduction: bytes and state."""
        regs = " ".join(f"{n}={v:08x}" for n, v in zip(GPR_NAMES, self.gprs, strict=True))
        segs = " ".join(f"{n}={s:04x}" for n, (s, _) in self.segments.items())
        return (
            f"{self.mode.value} {self.family}/{self.name} bytes {self.code.hex(' ')} at {self.code_address:#x} (offset {self.offset:#x})\n"
            f"  {regs} eflags={self.eflags:08x}\n  {segs}\n  window {self.window_address:#x}: {self.window.hex()}"
        )


@dataclass(frozen=True)
class Result:
    """State after the instruction: of the exception's frame if there was one (vector 3: it jumped to an INT3)."""

    gprs: tuple[int, ...]
    eflags: int
    vector: int
    eip: int  # pushed by the exception; 0 without one
    selectors: tuple[int, ...]  # in the order of SEGMENT_NAMES; cs is 0 without an exception
    window: bytes
    error: int = 0  # ring 3 only: the error code, and CR2 of a page fault
    cr2: int = 0

    # As the runtime pushes it: from the end of the record down PUSHA's registers, vector, EFLAGS, ESP, ES, SS, DS, FS, GS; EIP and CS
    # only of an exception, error code and CR2 only in ring 3.
    STRUCT = struct.Struct("<2I H2x I" + 5 * "H2x" + "3I 8I")

    @classmethod
    def unpack(cls, raw: bytes, window: bytes) -> "Result":
        """From the record that the image leaves in memory, the last bytes of ``raw``."""
        error, cr2, cs, eip, gs, fs, ds, ss, es, esp, eflags, vector, edi, esi, ebp, _, ebx, edx, ecx, eax = cls.STRUCT.unpack_from(
            raw, len(raw) - cls.STRUCT.size
        )
        if vector == NO_VECTOR:
            cs = eip = 0
        selectors = (es, cs, ss, ds, fs, gs)
        return cls((eax, ecx, edx, ebx, esp, ebp, esi, edi), eflags, vector, eip, selectors, window, error, cr2)
