"""Lines of a trace, of made-up records: a repeated string instruction that is interrupted, or cut off by an exit from the guest."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sim.trace import InstructionTrace

__all__: list[str] = []

REP_STOSB, NOP = (0xAAF3, 2), (0x90, 1)


def record(eip: int, code: tuple[int, int], write: int | None = None, *, final: bool = True, event: bool = False, guest: int = 0) -> Any:
    """The record of an instruction, or of one iteration, that writes a byte to ``write``."""
    return SimpleNamespace(
        cycle=1, context=guest, asid=guest, access_valid=write is not None, access_io=0, access_read=0, access_write=1, access_size=1,
        access_linear=write, access_physical=write, access_write_data=0x5A, instruction_valid=1, instruction_event=event,
        instruction_final=final, instruction_vector=0x20, instruction_eip=eip, instruction_cs=8, instruction_cs_base=0,
        instruction_bytes=code[0], instruction_length=code[1], instruction_gpr=0, instruction_eflags=0, instruction_mode_pe=1,
        instruction_mode_cpl=0, instruction_mode_code32=1,
    )  # fmt: skip


def iterations(first: int, count: int, guest: int = 0) -> Iterator[Any]:
    return (record(0x100, REP_STOSB, first + n, final=False, guest=guest) for n in range(count))


def test_first_and_last_iteration_are_shown() -> None:
    (line,) = InstructionTrace().lines([*iterations(0x2000, 3), record(0x100, REP_STOSB, 0x2003)])
    assert line.endswith("[00002000]<-5a … [00002003]<-5a (4 iterations)") and "rep stosb" in line


def test_an_interrupted_one_is_told_of_at_the_interrupt_and_begins_anew() -> None:
    records = [*iterations(0x2000, 3), record(0x100, REP_STOSB, event=True), *iterations(0x2003, 1), record(0x100, REP_STOSB, 0x2004)]
    interrupt, line = InstructionTrace().lines(records)
    assert interrupt.endswith("*** event 20h [00002000]<-5a … (3 iterations)")
    assert line.endswith("[00002003]<-5a … [00002004]<-5a (2 iterations)")


def test_one_that_an_exit_cuts_off_is_no_part_of_what_follows() -> None:
    trace = InstructionTrace()
    host, after = trace.lines([*iterations(0x2000, 3, guest=1), record(0x100, NOP, 0x3000), record(0x101, NOP)])
    assert host.endswith("nop                                      [00003000]<-5a") and after.endswith("nop")
    assert not list(trace.lines([]))


@pytest.mark.parametrize("count", [0, 1])
def test_a_short_one(count: int) -> None:
    (line,) = InstructionTrace().lines([*iterations(0x2000, count), record(0x100, REP_STOSB, 0x2000 + count)])
    assert ("iterations" in line) == bool(count)
