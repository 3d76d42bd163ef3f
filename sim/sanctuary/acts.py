"""What guest 1 can be seen to do: building blocks that find an act in what it retired and in its exits, whether it was refused or not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from contracts.architecture import Exc, Gpr
from contracts.hypercalls import Hypercall
from contracts.io_exit import IoExit
from contracts.memory_map import PAGE_SIZE
from sim.sanctuary.evidence import Access, Evidence, GuestExit, Step

__all__ = [
    "Act", "Seen", "access", "between", "call", "cr3_held", "instruction", "load_cr3", "maps", "memory_accesses", "out", "then", "touch",
    "went_on",
]  # fmt: skip

_WORD = 4
_BYTE = 0xFF
_PRESENT, _LARGE = 1 << 0, 1 << 7  # of page-table entries
_LARGE_PAGE = 4 << 20
_PF_WRITE, _PF_USER = 1 << 1, 1 << 2  # of a page fault's error code
_PF_EXIT = f"EXCEPTION_{int(Exc.PF)}"
_CALL_BYTES, _CR_BYTES = 3, 3  # of VMMCALL, MOV to CR3


@dataclass(frozen=True)
class Seen:
    """An act: when, and in words."""

    cycle: int
    text: str


Act = Callable[[Evidence], Seen | None]


def between(e: Evidence, first: int, end: int | None = None) -> Evidence:
    """What happened from cycle ``first`` on, before cycle ``end``."""
    within = range(first, 1 << 62 if end is None else end)
    return replace(e, steps=[s for s in e.steps if _within(s.cycle, within)], exits=[x for x in e.exits if _within(x.cycle, within)])


def _within(number: int, numbers: range) -> bool:
    """``in``, which goes through the whole range for what is more than a plain int."""
    return numbers.start <= number < numbers.stop


def then(first: Act, *acts: Act) -> Act:
    """An act, and each of the others after the one before it."""

    def act(e: Evidence) -> Seen | None:
        found = first(e)
        for following in acts:
            if found is None:
                return None
            later = following(between(e, found.cycle + 1))
            found = later and Seen(later.cycle, f"{found.text}; then {later.text}")
        return found

    return act


def _first_of(*acts: Act) -> Act:
    """Whichever of the acts is seen first."""

    def act(e: Evidence) -> Seen | None:
        return min((seen for a in acts if (seen := a(e)) is not None), key=lambda seen: seen.cycle, default=None)

    return act


# memory


def memory_accesses(e: Evidence) -> Iterator[tuple[Step, Access]]:
    """Data accesses that were made, ports left out, each with its instruction."""
    for step in e.steps:
        for a in step.accesses:
            if not a.io:
                yield step, a


def access(
    first: int, size: int, write: bool | None = None, cpl: int | None = None, data: Callable[[int], bool] | None = None,
    physical: range | None = None,
) -> Act:  # fmt: skip
    """A data access to those linear addresses that completed; ``data`` says whether what was read or written will do."""

    def act(e: Evidence) -> Seen | None:
        for step, a in memory_accesses(e):
            if not first <= a.linear < first + size or write not in (None, a.write) or cpl not in (None, step.cpl):
                continue
            if (data is None or data(a.data)) and (physical is None or _within(a.physical, physical)):
                what = f"{'write to' if a.write else 'read of'} {a.linear:#x}, physical {a.physical:#x}"
                return Seen(step.cycle, f"EIP {step.eip:#x}: {what}, in cycle {step.cycle}")
        return None

    return act


def _refused(first: int, size: int, write: bool | None, cpl: int | None) -> Act:
    """A data access to those linear addresses for which the guest got a page fault: the exit, and the exception at the same instruction."""

    def act(e: Evidence) -> Seen | None:
        for x in e.exits:
            if x.name != _PF_EXIT or not first <= x.info2 < first + size or write not in (None, bool(x.info1 & _PF_WRITE)):
                continue
            if cpl is not None and bool(cpl) != bool(x.info1 & _PF_USER):
                continue
            got = next((s for s in e.steps if s.cycle > x.cycle), None)
            if got is not None and got.vector == Exc.PF and got.eip == x.eip:
                what = "write to" if x.info1 & _PF_WRITE else "read of"
                return Seen(got.cycle, f"EIP {x.eip:#x}: {what} {x.info2:#x} raises #PF, in cycle {got.cycle}")
        return None

    return act


def touch(first: int, size: int, write: bool | None = None, cpl: int | None = None) -> Act:
    """A data access to those linear addresses, completed or refused with a page fault."""
    return _first_of(access(first, size, write, cpl), _refused(first, size, write, cpl))


def maps(address: int, large: bool = False) -> Act:
    """A store of a page-table entry that leads to the page at ``address``."""
    frame = -_LARGE_PAGE if large else -PAGE_SIZE
    bits = _PRESENT | (_LARGE if large else 0)

    def act(e: Evidence) -> Seen | None:
        for step, a in memory_accesses(e):
            if a.write and a.size == _WORD and a.data & bits == bits and a.data & frame == address & frame:
                return Seen(step.cycle, f"EIP {step.eip:#x}: entry {a.data:#x} for {address & frame:#x} stored at {a.linear:#x}")
        return None

    return act


# instructions


def instruction(prefixes: Sequence[str], tie: Callable[[Sequence[int]], bool] = lambda registers: True) -> Act:
    """An instruction, by its first bytes in hexadecimal, retired or the cause of an exit; ``tie`` looks at its registers (by Gpr)."""
    wanted = tuple(bytes.fromhex(p) for p in prefixes)

    def act(e: Evidence) -> Seen | None:
        for step in e.steps:
            if step.code.startswith(wanted) and tie(step.registers):
                return Seen(step.cycle, f"EIP {step.eip:#x}: {step.code.hex(' ')} retired in cycle {step.cycle}")
        for x in e.exits:
            if x.code.startswith(wanted) and tie(x.registers):
                return Seen(x.cycle, f"EIP {x.eip:#x}: {x.code[:3].hex(' ')} exits with {x.name} in cycle {x.cycle}")
        return None

    return act


def load_cr3(value: Callable[[int], bool]) -> Act:
    """MOV to CR3 with a value that will do."""
    return _first_of(*(instruction([f"0f22{0xD8 | r:02x}"], lambda registers, r=r: value(registers[r])) for r in Gpr))  # type: ignore[misc]


def went_on(e: Evidence, x: GuestExit, length: int) -> bool:
    """Whether the guest went on behind the instruction that exited."""
    step = next((s for s in e.steps if s.cycle > x.cycle), None)
    exit_ = next((y for y in e.exits if y.cycle > x.cycle), None)
    following = min((y for y in (step, exit_) if y is not None), key=lambda y: y.cycle, default=None)
    return following is not None and following.eip == (x.eip + length) & 0xFFFF_FFFF


def cr3_held(value: int) -> Act:
    """MOV to CR3 with this value after which the guest went on."""

    def act(e: Evidence) -> Seen | None:
        for before, after in pairwise(e.steps):
            if before.code[:2] == b"\x0f\x22" and before.code[2] & 0xF8 == 0xD8 and before.registers[before.code[2] & 7] == value:
                if after.eip == before.eip + _CR_BYTES and after.vector is None:
                    return Seen(after.cycle, f"EIP {before.eip:#x}: CR3 holds {value:#x}, in cycle {after.cycle}")
        for x in e.exits:
            loads = x.name == "CR_WRITE_3" and len(x.code) >= _CR_BYTES and x.registers[x.code[2] & 7] == value
            if loads and went_on(e, x, _CR_BYTES):
                return Seen(x.cycle, f"EIP {x.eip:#x}: CR3 holds {value:#x}, after cycle {x.cycle}")
        return None

    return act


def out(*wanted: tuple[int, Callable[[int], bool]]) -> Act:
    """An OUT to each of the ports with a byte that will do."""

    def act(e: Evidence) -> Seen | None:
        texts, last = [], 0
        for port, fits in wanted:
            done = [
                Seen(s.cycle, f"retired in cycle {s.cycle}")
                for s in e.steps for a in s.accesses
                if a.io and a.write and a.linear & 0xFFFF == port and fits(a.data & _BYTE)
            ] + [
                Seen(x.cycle, f"exits in cycle {x.cycle}")
                for x in e.exits if x.name == "IOIO" and (access := IoExit.decode(x.info1)).port == port and not access.is_in
                if fits(x.registers[Gpr.EAX] & _BYTE)
            ]  # fmt: skip
            if not done:
                return None
            texts.append(f"OUT to port {port:#x} {done[0].text}")
            last = max(last, done[0].cycle)
        return Seen(last, ", ".join(texts))

    return act


def call(number: Hypercall, first: int | range, second: int | None = None, cpl: int = 0, passed: bool = False) -> Act:
    """A hypercall with these arguments; ``passed``: after which the guest went on."""
    fits = first if isinstance(first, range) else range(first, first + 1)

    def act(e: Evidence) -> Seen | None:
        for x in e.exits:
            arguments = _within(x.registers[Gpr.EBX], fits) and second in (None, x.registers[Gpr.ECX])
            if x.name != "VMMCALL" or x.registers[Gpr.EAX] != number or x.cpl != cpl or not arguments:
                continue
            if not passed or went_on(e, x, _CALL_BYTES):
                return Seen(x.cycle, f"VMMCALL {number.name} of ring {cpl} exits in cycle {x.cycle}")
        return None

    return act
