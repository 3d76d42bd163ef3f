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
from rtl.microcode.uop import (
    Alu,
    Branch,
    Condition,
    Destination,
    EspChange,
    FlagGroup,
    InterceptPoint,
    Memory,
    Sequence,
    SpecialFn,
    Template,
    Trap,
    Unit,
)  # fmt: skip

__all__: list[str] = []

HARDWARE = ("deliver_event", "interrupt_entry", "nmi_entry", "init_entry", "debug_trap_entry")
INTERCEPTED = ("vmexit", "ioio_check", "msr_check")  # called in place of a micro-op
EVENTS = ("inject_entry", "vintr_entry", "init_exit", "init_security")
KINDS = pytest.mark.parametrize("extended", [False, True], ids=["core", "with ring -1"])


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


def following(extended: bool, address: int, stack: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """Where it may go from a micro-op, with the micro stack; fails where that leaves the rules."""
    rom, ops = built(extended)
    assert address < len(ops), f"a path runs off the end of the ROM, from {rom.near(len(ops) - 1)}"
    op, after, where = ops[address], address + 1, rom.near(address)
    always = op["condition"] == Condition.ALWAYS
    found: list[tuple[int, tuple[int, ...]]] = []
    if extended and op["intercept"]:
        assert len(stack) < STACK_DEPTH, f"{where}: no room on the micro stack for an interception"
        found += [(rom.labels[name], (after, *stack)) for name in INTERCEPTED]
    sequence = Sequence(op["sequence"])
    if ends(op):
        pass
    elif sequence is Sequence.NEXT:
        found.append((after, stack))
    elif sequence is Sequence.JUMP:
        found.append((op["label"], stack))
        if not always:
            found.append((after, stack))
    elif sequence is Sequence.CALL:
        assert len(stack) < STACK_DEPTH, f"{where}: calls nest too deep"
        found.append((op["label"], (after, *stack)))
    elif sequence is Sequence.RETURN:
        assert stack, f"{where}: returns without a call"
        found.append((stack[0], stack[1:]))
    elif sequence is Sequence.LAST_IF and not always:
        found.append((after, stack))
    return found


@cache
def paths(extended: bool) -> set[tuple[int, tuple[int, ...]]]:
    """All micro-ops reached from all entries, each with the micro stacks there."""
    rom, _ = built(extended)
    todo: list[tuple[int, tuple[int, ...]]] = [(rom.labels[name], ()) for name in entries(extended)]
    seen = set(todo)
    while todo:
        for state in following(extended, *todo.pop()):
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return seen


@KINDS
def test_every_path_ends_and_nothing_is_dead(extended):
    rom, ops = built(extended)
    reached = {address for address, _ in paths(extended)}
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
    core = {p.name: p.value for p in InterceptPoint if not p.name.startswith("EXTENSION") and p.name != "NONE"}
    assert {name for name, number in core.items() if number not in asked} == set()
    assert {p.name for p in Point if int(p) not in asked} == set()


@KINDS
def test_events_are_taken_where_all_that_was_done_stands(extended):
    """An interruptible micro-op jumps back, at the top of the micro stack, and does nothing else; each commit has one behind it."""
    rom, ops = built(extended)
    nothing = {
        "unit": Unit.ALU, "fn": Alu.PASS, "destination": Destination.NONE, "memory": Memory.NONE, "esp": EspChange.NONE,
        "flags": FlagGroup.NONE, "sequence": Sequence.JUMP, "condition": Condition.ALWAYS, "intercept": InterceptPoint.NONE,
    }  # fmt: skip
    marked = {n for n, op in enumerate(ops) if op["interruptible"]}
    depths = {n: {len(stack) for address, stack in paths(extended) if address == n} for n in marked}
    for n in marked:
        assert {name: ops[n][name] for name in nothing} == {name: value.value for name, value in nothing.items()}, rom.near(n)
        assert ops[n]["label"] < n and depths[n] == {0}, rom.near(n)
    if not extended:  # ring −1 commits to the host as well
        commits = {n for n, op in enumerate(ops) if op["commit"]}
        assert {min(m for m in marked if m > n) for n in commits} == marked
        assert len(marked) == len(commits) > 0


@KINDS
def test_a_jump_that_changes_more_than_eip_refetches(extended):
    """A branch as predicted redirects nothing by itself: its program must, where CS or a mode changes with it."""
    rom, ops = built(extended)
    jumps = [n for n, op in enumerate(ops) if op["unit"] == Unit.BRANCH.value and op["fn"] != Branch.CHECK_TARGET]
    changed: set[int] = set()
    unchanged: set[int] = set()
    for jump in jumps:
        todo: list[tuple[int, tuple[int, ...]]] = [(jump, ())]
        seen: set[int] = set()
        while todo:
            address, stack = todo.pop()
            seen.add(address)
            todo += [state for state in following(extended, address, stack) if state[0] not in seen]
        changes = any(ops[n]["unit"] in (Unit.SEGMENTATION.value, Unit.SPECIAL.value) for n in seen)
        (changed if changes else unchanged).add(jump)
        lasts = [n for n in seen if ops[n]["sequence"] in (Sequence.LAST.value, Sequence.LAST_IF.value)]
        assert lasts and (not changes or all(ops[n]["refetch"] for n in lasts)), rom.near(jump)
    assert changed and unchanged
