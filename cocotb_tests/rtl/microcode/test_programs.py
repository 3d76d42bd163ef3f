"""The microprograms as a whole: every entry exists, every path ends, calls stay within the micro stack, nothing is dead."""

from collections.abc import Iterable
from functools import cache

import pytest

from cocotb_tests.rtl.packed import unpack
from cpu_ext.extension import Svm
from cpu_ext.special import Point
from rtl.arch.opcode_map import ROWS
from rtl.arch.special import Special
from rtl.microcode.assembler import Rom
from rtl.microcode.dispatch import CORE_MSRS
from rtl.microcode.rom import build
from rtl.microcode.sequencer import STACK_DEPTH
from rtl.microcode.uop import Condition, InterceptPoint, Sequence, SpecialFn, Template, Trap, Unit

__all__: list[str] = []

HARDWARE = ("deliver_event", "interrupt_entry", "nmi_entry", "init_entry", "debug_trap_entry")
INTERCEPTED = ("vmexit", "ioio_check", "msr_check")  # called in place of a micro-op
EVENTS = ("inject_entry", "debug_trap_seen", "vintr_entry", "init_exit", "init_security")
KINDS = pytest.mark.parametrize("extended", [False, True], ids=["core", "with ring -1"])
NOT_THERE = {"NONE", "DR_READ", "DR_WRITE"}  # debug registers are not built: #UD comes first


@cache
def built(extended: bool) -> tuple[Rom, tuple[dict[str, int], ...]]:
    rom = build(Svm() if extended else None)
    return rom, tuple(unpack(Template, word) for word in rom.words)


def rows(extended: bool) -> Iterable:
    return (*ROWS, *(Svm().rows if extended else ()))


def entries(extended: bool) -> set[str]:
    """Labels at which the hardware may start."""
    names = {label for row in rows(extended) for label in (row.register, row.memory) if label} | set(HARDWARE)
    return names | set(EVENTS if extended else ())


@KINDS
def test_every_label_that_something_names_is_there(extended):
    rom, _ = built(extended)
    wanted = entries(extended) | {label for m in (*CORE_MSRS, *(Svm().msrs if extended else ())) for label in (m.read, m.write) if label}
    assert wanted | (set(INTERCEPTED) if extended else set()) <= set(rom.labels)


def ends(op: dict[str, int]) -> bool:
    """An unconditional raise: what comes after is never reached."""
    raises = op["unit"] == Unit.TRAP.value and op["fn"] in (Trap.RAISE, Trap.SHUTDOWN, Trap.TRAP_EXCEPTION)
    return raises and op["condition"] == Condition.ALWAYS


def walk(extended: bool) -> set[int]:
    """All micro-ops reached from all entries, with the micro stack followed; fails where a path leaves the rules."""
    rom, ops = built(extended)
    todo: list[tuple[int, tuple[int, ...]]] = [(rom.labels[name], ()) for name in entries(extended)]
    seen = set(todo)
    while todo:
        address, stack = todo.pop()
        assert address < len(ops), f"a path runs off the end of the ROM, from {rom.near(len(ops) - 1)}"
        op, after, where = ops[address], address + 1, rom.near(address)
        always = op["condition"] == Condition.ALWAYS
        following: list[tuple[int, tuple[int, ...]]] = []
        if extended and op["intercept"]:
            assert len(stack) < STACK_DEPTH, f"{where}: no room on the micro stack for an interception"
            following += [(rom.labels[name], (after, *stack)) for name in INTERCEPTED]
        sequence = Sequence(op["sequence"])
        if ends(op):
            pass
        elif sequence is Sequence.NEXT:
            following.append((after, stack))
        elif sequence is Sequence.JUMP:
            following.append((op["label"], stack))
            if not always:
                following.append((after, stack))
        elif sequence is Sequence.CALL:
            assert len(stack) < STACK_DEPTH, f"{where}: calls nest too deep"
            following.append((op["label"], (after, *stack)))
        elif sequence is Sequence.RETURN:
            assert stack, f"{where}: returns without a call"
            following.append((stack[0], stack[1:]))
        elif sequence is Sequence.LAST_IF and not always:
            following.append((after, stack))
        for state in following:
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return {address for address, _ in seen}


@KINDS
def test_every_path_ends_and_nothing_is_dead(extended):
    rom, ops = built(extended)
    reached = walk(extended)
    assert [f"{rom.near(n)}: {rom.lines[n]}" for n in range(len(ops)) if n not in reached] == []


def test_special_registers_that_programs_name_exist():
    """Reads and writes by constant name a register of the core or of ring −1, and never write what can only be read."""
    segments = range(11)
    core = {base + s for base in (0x00, 0x10, 0x20, 0x30) for s in segments} | {int(s) for s in Special if 0x40 <= s < Special.EXTENSION}
    own = {0x80 + n for n in range(16)} | set(Svm().specials.values())
    read_only = {Special.LENGTH, Special.OPERAND_BYTES, Special.ADDRESS_BYTES, Special.MODRM,
                 Special.REP, Special.DATA_SEGMENT, Special.EA_SEGMENT}  # fmt: skip
    rom, ops = built(True)
    for n, op in enumerate(ops):
        if op["unit"] == Unit.SPECIAL.value and op["fn"] in (SpecialFn.READ, SpecialFn.WRITE):
            assert op["constant"] in core | own, f"{rom.near(n)}: {rom.lines[n]}"
            if op["fn"] == SpecialFn.WRITE:
                assert op["constant"] not in read_only, f"{rom.near(n)}: {rom.lines[n]}"


def test_every_intercept_point_is_asked_somewhere():
    _, ops = built(True)
    asked = {op["intercept"] for op in ops}
    core = {p.name: p.value for p in InterceptPoint if not p.name.startswith("EXTENSION") and p.name not in NOT_THERE}
    assert {name for name, number in core.items() if number not in asked} == set()
    assert {p.name for p in Point if int(p) not in asked} == set()
