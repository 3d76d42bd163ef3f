"""What page faults must look like: unicorn says which bytes an instruction touches and in which order, the page rights say which access is
the first that must not be; then nothing may have changed but what whole iterations of a repeated instruction have done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import unicorn

from sim.oracles.compare import difference
from sim.oracles.unicorn_oracle import DESCRIPTORS, Machine
from sim.programs.case import GPR_NAMES, SEGMENT_NAMES, USER_PAGES, Case, Flag, Result
from sim.programs.lockstep_image import LockstepImage

__all__ = ["Expected", "expected_faults", "fault_difference"]

_PAGE = 4096
_PF, _P, _W, _U = 14, 1, 2, 4
_ECX = 1
_PARTIAL = {"pusha", "enter"}  # may have written below the stack pointer before they fault
_ANY_ORDER = {"cmpsb", "cmpsv", "pusha"}  # the manual does not say which of their accesses comes first
_REPEATED = (0xF2, 0xF3)
_ACCESSES = {"movs": 2, "cmps": 2, "stos": 1, "lods": 1, "scas": 1}


@dataclass(frozen=True)
class Expected:
    """A result; ``faults`` are the pairs of CR2 and error code that are right, where the order of accesses is not said. ``as_read`` is the
    pair of a processor that makes the same access a read first, and only then a write: across two pages it may be another page's."""

    result: Result
    faults: frozenset[tuple[int, int]] = frozenset()
    as_read: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class _Access:
    address: int
    size: int
    write: bool


class _Tracer:
    """unicorn with everything mapped, and a list of what was touched."""

    def __init__(self, image: LockstepImage) -> None:
        self.machine = Machine(image)
        self.accesses: list[_Access] = []
        self.machine.uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self._touch)

    def _touch(self, uc: unicorn.Uc, kind: int, address: int, size: int, value: int, data: Any) -> None:
        del uc, value, data
        if address < DESCRIPTORS:  # not what unicorn reads when segment registers are set
            self.accesses.append(_Access(address, size, kind == unicorn.UC_MEM_WRITE))

    def run(self, case: Case) -> tuple[Result, list[_Access]]:
        """The result if no page were missing, and the accesses in their order."""
        self.machine.uc.mem_write(case.window_address, case.window)
        self.accesses = []
        result = self.machine.run(case)
        return result, self.accesses


def _entry(case: Case, address: int) -> int:
    page = (address - USER_PAGES) // _PAGE - 2 * case.index
    return case.meta.get(f"page_{page}", _P | _W | _U)


def _fault_of(case: Case, access: _Access, write: bool) -> tuple[int, int] | None:
    """CR2 and error code, if this access is refused."""
    last = access.address + access.size - 1
    for first in dict.fromkeys((access.address, last & -_PAGE)):
        if first < access.address:
            continue
        entry = _entry(case, first)
        if not entry & _P or not entry & _U or (write and not entry & _W):
            return first, _U | (_W if write else 0) | (entry & _P)
    return None


def _first_fault(case: Case, accesses: Sequence[_Access]) -> tuple[int, int, int] | None:
    """Number of the refused access, CR2, error code. What is read and then written is looked at as a write from the start."""
    written = {(a.address, a.size) for a in accesses if a.write} if case.family not in ("string", "stack", "call") else set()
    for number, access in enumerate(accesses):
        fault = _fault_of(case, access, access.write or (access.address, access.size) in written)
        if fault:
            return number, *fault
    return None


def _expected(tracer: _Tracer, case: Case) -> Expected:
    result, accesses = tracer.run(case)
    selectors = tuple(case.segments[n][0] for n in SEGMENT_NAMES)
    fault = _first_fault(case, accesses)
    if fault is None:
        cs = selectors[1] if result.vector != 0xFFFF_FFFF else 0
        return Expected(replace(result, selectors=(selectors[0], cs, *selectors[2:])))
    number, cr2, error = fault
    before = Result(case.gprs, case.eflags, 0, 0, (), case.window)
    if case.family == "string" and any(byte in _REPEATED for byte in case.code[:-1]):
        done = number // _ACCESSES[case.name[:4]]
        if done:
            before = _after_iterations(tracer, case, done)
    result = Result(before.gprs, before.eflags, _PF, case.offset, selectors, before.window, error, cr2)
    as_read = _fault_of(case, accesses[number], write=False)
    if case.name not in _ANY_ORDER:
        return Expected(result, frozenset({(cr2, error)}), frozenset({as_read} if as_read else ()))
    together = accesses[number : number + 2] if case.family == "string" else accesses
    found = (_fault_of(case, access, access.write) for access in together)
    return Expected(result, frozenset(f for f in found if f))


def _after_iterations(tracer: _Tracer, case: Case, done: int) -> Result:
    """The state after so many iterations: the same instruction with a smaller count."""
    mask = 0xFFFF if 0x67 in case.code[:-1] else 0xFFFF_FFFF
    count = case.gprs[_ECX]
    part, _ = tracer.run(replace(case, gprs=(case.gprs[0], count & ~mask | done, *case.gprs[2:])))
    gprs = (part.gprs[0], count & ~mask | (count & mask) - done, *part.gprs[2:])
    return replace(part, gprs=gprs)


def expected_faults(image: LockstepImage) -> list[Expected]:
    """What the cases of an image of ring 3 must leave behind."""
    tracer = _Tracer(image)
    return [_expected(tracer, case) for case in image.cases]


def fault_difference(case: Case, right: Expected, actual: Result) -> Iterator[str]:
    """As ``compare.difference``, with error code and CR2."""
    expected = right.result
    if expected.vector != _PF or actual.vector != _PF:
        yield from difference(case, expected, replace(actual, error=0, cr2=0))
        return
    if (actual.cr2, actual.error) not in right.faults:
        wanted = " or ".join(f"{error:x} at {cr2:08x}" for cr2, error in sorted(right.faults))
        yield f"error code and cr2: expected {wanted}, got {actual.error:x} at {actual.cr2:08x}"
    if expected.eip != actual.eip:
        yield f"saved eip: expected {expected.eip:08x}, got {actual.eip:08x}"
    for name, want, got in zip(GPR_NAMES, expected.gprs, actual.gprs, strict=True):
        if want != got:
            yield f"{name}: expected {want:08x}, got {got:08x}"
    mask = ~(Flag.RF | (Flag.STATUS if case.family == "string" else 0))
    if (expected.eflags ^ actual.eflags) & mask:
        yield f"eflags: expected {expected.eflags:08x}, got {actual.eflags:08x}"
    if expected.selectors != actual.selectors:
        yield f"selectors: expected {expected.selectors}, got {actual.selectors}"
    if expected.window != actual.window and case.name not in _PARTIAL:
        yield "memory has changed"
