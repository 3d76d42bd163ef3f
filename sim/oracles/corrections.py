"""Where QEMU's answer to a test program is not the manual's: line by line, each with its reason. Everything else must match exactly.

Bochs has a table of its own (``bochs_corrections.py``), so a row here is held by an implementation too, wherever there is none there.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["CORRECTIONS", "LMSW", "RF_REPEAT", "Correction", "expected_lines", "line_differences", "text_differences", "unused_corrections"]

_RMW = "a read-modify-write is one access with the intent to write; QEMU reads first and reports the read"
_EXT = "Intel sets EXT for an event that is an exception, AMD speaks of external sources only, QEMU leaves it clear: either is right"
_EXTERNAL = "EXT is set for an external interrupt; QEMU leaves it clear"
_VMLOAD = "VMLOAD and VMSAVE that are not intercepted are executed; QEMU 7.2 always exits"
LMSW = "LMSW treats the selective intercept of CR0 writes as unselective (APM 15.9)"
_BASE = "the low 12 bits of the map's base are ignored; QEMU uses them"
_EIP = "EIP is checked against the limit of the new code segment (SDM vol. 2, CALL, RET, IRET); QEMU does not look in these transfers"
_TPR = "a virtual interrupt needs a priority above V_TPR; QEMU takes an equal one"
_SS = "a load of SS holds off whatever the debug registers ask for, until the next instruction has ended"
_DR = "the intercepts of debug registers come after every exception of the instruction (APM 15.9)"
_GD = "DR7.GD makes #DB of every MOV to or from a debug register; QEMU does not look"
_WATCH = "a #DB tells of every breakpoint that its access has met; QEMU of the first"
_REPEAT = "the last iteration's trap comes behind the instruction; QEMU's before it has ended"
_RF_FAULT = "the frame of a fault has RF set (SDM vol. 3, 17.3.1.1)"
RF_REPEAT = "the trap of an iteration that is not the last has RF set in its frame (SDM vol. 3, 17.3.1.1)"
_RF_SOFTWARE = "RF covers one instruction, an INT too, whose frame has it clear; QEMU leaves it set"
_MSR = "an MSR that does not exist raises #GP; QEMU reads 0 and drops the write"


@dataclass(frozen=True)
class Correction:
    """A line of an oracle's (regular expression, whole line) and the right one (with groups); ``either``: the oracle's is right too;
    ``alone``: it is the manual's word alone, since the other oracle is wrong there as well."""

    program: str
    line: str
    right: str
    reason: str
    either: bool = False
    alone: bool = False


# fmt: off
CORRECTIONS: tuple[Correction, ...] = (
    Correction("system/selectors", r"ltr null: ok eax=0", "ltr null: #0d eax=0", "LTR of a null selector raises #GP(0)"),
    Correction("system/gates", r"inner SS not present: #0a (.*)", r"inner SS not present: #0c \1", "that raises #SS, not #TS"),
    Correction(
        "system/gates", r"conforming code keeps the ring: ok eax=60 (.*)", r"conforming code keeps the ring: ok eax=63 \1",
        "through a gate to conforming code the selector's RPL becomes CPL; QEMU puts DPL",
    ),
    Correction("system/gates", r"(inner SS right, EIP beyond the limit): ok", r"\1: #0d at=a cs=3b ss=43 sp=fffffff8", _EIP),
    Correction("system/gates", r"(lret to ring 3, EIP beyond the limit): ok .*", r"\1: #0d at=d sp=fffffff0 eax=0 ecx=0", _EIP),
    Correction("system/gates", r"(iret to ring 3, EIP beyond the limit): ok .*", r"\1: #0d at=f sp=ffffffec eax=0 ecx=0", _EIP),
    Correction("system/gates", r"(lret to ring 3, SS not present, and .*): #0b (.*)", r"\1: #0c \2", "that raises #SS, not #NP"),
    Correction("system/nested", r"(#UD then #NP: #0b error=3)2", r"\g<1>3", _EXT, either=True),
    Correction("system/nested", r"(#NM then #NP: #0b error=3)a(.*)", r"\g<1>b\2", _EXT, either=True),
    Correction("system/nested", r"(#UD then #GP: #0d error=40)8", r"\g<1>9", _EXT, either=True),
    Correction("system/nested", r"(#UD then #TS: #0a)( .*)", r"\1 error=1\2", _EXT, either=True),
    Correction("system/paging", r"second page missing, (add|cmpxchg8b): #0e (.*)", r"second page missing, \1: #0e error=2 \2", _RMW),
    Correction("system/strings", r"(xchg is atomic in the face of a fault: #0e) (.*)", r"\1 error=2 \2", _RMW),
    Correction("system/control", r"an msr that is not there: ok (.*)", r"an msr that is not there: #0d at=4 \1", _MSR),
    Correction("system/debug", r"lock: ok eax=400", "lock: #06 eax=0", "LOCK is not allowed before MOV of a debug register"),
    Correction(
        "system/debug", r"(overlapping at=b dr6=2; at=11) dr6=2; at=17 dr6=2; at=1d dr6=2(.*)", r"\1 dr6=6; at=17 dr6=a; at=1d dr6=a\2",
        _WATCH,
    ),
    Correction("system/debug", r"(across, out of it at=5 dr6=)1(.*)", r"\g<1>3\2", _WATCH),
    Correction("system/debug", r"(movs at=b dr6=)1(.*)", r"\g<1>3\2", _WATCH),
    Correction("system/debug", r"its last at=5 (.*)", r"its last at=7 \1", _REPEAT),
    Correction("system/debug", r"(both at=5 dr6=1 ecx=2;) at=5 (.*)", r"\1 at=7 \2", _REPEAT),
    Correction("system/debug", r"(rep stosb .* at=b dr6=4000 ecx=1;) at=b dr6=4000 ecx=0;(.*)", r"\1\2", _REPEAT),
    Correction(
        "system/debug", r"with a breakpoint of data .*", "with a breakpoint of data at=b dr6=4001; at=d dr6=4000; at=e dr6=4000;: ok eax=0",
        "a breakpoint of data and a step make one trap, behind the instruction; QEMU is led astray by the two",
    ),
    Correction("system/debug", r"from a watched word at=6 (.*)", r"from a watched word at=7 \1", _SS),
    Correction("system/debug", r"a breakpoint behind at=5 dr6=2;(.*)", r"a breakpoint behind\1", _SS),
    Correction("system/debug", r"(read|write): ok (.*)", r"\1 at=0 dr6=2000;: ok \2", _GD),
    Correction("system/debug", r"without DE at=2 dr6=1;: ok", "without DE: ok", "R/W 2 is of ports with CR4.DE alone"),
    Correction("system/debug", r"(ud2: #06|div: #00) rf=0", r"\1 rf=1", _RF_FAULT),
    Correction("system/debug", r"(int n with RF: #40|int3 with RF: #03|int n behind another: #40) rf=1", r"\1 rf=0", _RF_SOFTWARE),
    Correction(
        "system/debug", r"(a repeat's trap at=5 dr6=1);(.*)", r"\1 rf=1;\2",
        RF_REPEAT, alone=True,
    ),
    Correction("svm/debug", r"DE: #UD first: exit=24 (.*)", r"DE: #UD first: exit=81 took=6 \1", _DR),
    Correction("svm/debug", r"GD: #DB first: exit=30", "GD: #DB first: exit=81 took=1", _DR),
    Correction("svm/intercepts", r"- (vmload|vmsave): exit=8[23]", r"- \1: exit=81 rip=3", _VMLOAD, alone=True),
    Correction("svm/exceptions", r"(#GP, its gate closed, #NP intercepted: exit=4b info1=6)a(.*)", r"\g<1>b\2", _EXT, either=True),
    Correction("svm/exceptions", r"(#DE, its gate closed, #NP intercepted: exit=4b info1=)2(.*)", r"\g<1>3\2", _EXT, either=True),
    Correction("svm/exceptions", r"(no IDT, #GP intercepted: exit=4d info1=3)2(.*)", r"\g<1>3\2", _EXT, either=True),
    Correction("svm/injection", r"(gate closed, #NP intercepted: exit=4b info1=2a)a(.*)", r"\g<1>b\2", _EXTERNAL),
    Correction("svm/injection", r"(gate closed, not intercepted: exit=81 took=b error=2a)a(.*)", r"\g<1>b\2", _EXTERNAL),
    Correction("svm/injection", r"(#UD, gate closed, #NP intercepted: exit=4b info1=3)2(.*)", r"\g<1>3\2", _EXT, either=True),
    Correction("svm/injection", r"(#GP, gate closed, #NP intercepted: exit=4b info1=6)a(.*)", r"\g<1>b\2", _EXT, either=True),
    Correction("svm/virtual", r"priority equal to TPR: .*", "priority equal to TPR: exit=81 rip=2 flags=200 virq=100", _TPR),
    Correction(
        "svm/virtual", r"after STI, priority equal to TPR: .*", "after STI, priority equal to TPR: exit=81 rip=5 flags=200 virq=100", _TPR
    ),
    Correction(
        "svm/registers", r"\+ lmsw that changes (nothing|TS): .* eax=(.)", r"+ lmsw that changes \1: exit=65 rip=5 eax=\2", LMSW,
        alone=True,
    ),
    Correction("svm/rules", r"(cr4|efer) bit 32: exit=81 rip=1", r"\1 bit 32: exit=ffffffff", "bits 63:32 are reserved as well"),
    Correction("svm/io", r"(low bits of the base are ignored): exit=81 rip=1", r"\1: exit=7b info1=ed0011 info2=1", _BASE),
    Correction("svm/msr", r"low bits of the base are ignored: exit=81 rip=2", "low bits of the base are ignored: exit=7c", _BASE),
    Correction("system/control", r"writing one that is not there: ok (.*)", r"writing one that is not there: #0d at=4 \1", _MSR),
)


def expected_lines(program: str, oracle_text: str, table: Sequence[Correction] = CORRECTIONS) -> list[tuple[str, ...]]:
    """For each line of the oracle's the lines that are right; ``table`` is of that oracle."""
    out = []
    for line in oracle_text.splitlines():
        allowed: tuple[str, ...] = (line,)
        for row in table:
            match = row.program == program and re.fullmatch(row.line, line)
            if match:
                right = match.expand(row.right)
                allowed = (line, right) if row.either else (right,)
        out.append(allowed)
    return out


def unused_corrections(program: str, oracle_text: str, table: Sequence[Correction] = CORRECTIONS) -> list[Correction]:
    """Rows of the table that match nothing any more."""
    lines = oracle_text.splitlines()
    return [r for r in table if r.program == program and not any(re.fullmatch(r.line, line) for line in lines)]


def text_differences(program: str, qemu_text: str, text: str) -> Iterator[str]:
    """What is wrong with a machine's text."""
    return line_differences(expected_lines(program, qemu_text), [(line,) for line in text.splitlines()])


def line_differences(expected: Sequence[tuple[str, ...]], got: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Where two texts have no line in common, each given as the lines that are right by it."""
    for n, (allowed, lines) in enumerate(zip(expected, got, strict=False), 1):
        if not set(allowed) & set(lines):
            yield f"line {n}: expected {' or '.join(map(repr, allowed))}, got {' or '.join(map(repr, lines))}"
    if len(got) < len(expected):
        yield f"the text ends after {len(got)} of {len(expected)} lines; next expected: {expected[len(got)][0]!r}"
    elif len(got) > len(expected):
        yield f"{len(got) - len(expected)} lines too many: {got[len(expected)][0]!r}"
