"""Where Bochs' answer to a test program is not the manual's, as ``corrections.py`` has it of QEMU; where Bochs ends a program; and which
checks of the programs against the manual it does not pass.
"""

import re
from dataclasses import dataclass

from sim.machine import Ending
from sim.oracles.corrections import LMSW, RF_REPEAT, Correction

__all__ = ["BOCHS_CORRECTIONS", "LEFT_OUT", "STOPS", "WRONG_CHECKS", "Stop", "WrongCheck", "stale_checks", "undeclared_checks"]

_SHADOW = "of a run of instructions that load SS only the first is sure to hold interrupts off; Bochs lets each"
_IRET_SHADOW = "the shadow of MOV SS ends with the next instruction, an IRET too; Bochs takes the interrupt one instruction later"
_RF = "RF, which IRET has set, is still set when the next instruction is intercepted; Bochs stores it cleared"
_CR2 = "Bochs does not load CR2 at VMRUN, and stores the host's at #VMEXIT"
_SOFTWARE = "Bochs gives no type and no vector of its own for INT n in EXITINTINFO"
_OPERAND = "Bochs makes the operand of VMLOAD and VMSAVE the VMCB that the next #VMEXIT is written to"
_PENDING = "Bochs looks at a virtual interrupt when the guest's IF changes, not at VMRUN, and does not wake HLT for it"
_HOST_IF = "with V_INTR_MASKING the host's IF decides on physical interrupts; Bochs asks the guest's"
_VECTOR = "no exception has this vector; Bochs injects any below 32"
_IO_SEGMENT = "EXITINFO1 of IOIO tells the segment of OUTS; Bochs leaves it 0"
_NEXT_RIP = "exceptions have no next RIP but INT3's, INTO's and BOUND's; Bochs stores one"
_DOUBLE = "EXITINTINFO holds what was being delivered when #DF is intercepted; Bochs leaves it 0"
_ENTRY_SHADOW = "Bochs does not load the interrupt shadow at VMRUN"
_EXT = "#AC's error code is 0; Bochs sets EXT during a delivery"
_STEP = "after a #VMEXIT and before the guest's first instruction Bochs has the wrong side's trap flag, and no DR6.BS in the VMCB"
_ICEBP = "Bochs gives no type and no vector of ICEBP's #DB in EXITINTINFO"
_ROOM = "whether there is room on the stack comes before EIP (SDM vol. 2, INT n, as for far calls); Bochs looks at EIP first"
_DB_EXIT = "DR6 and DR7 are written before #DB is looked for as an intercept (APM 15.12.2); Bochs writes them only where it delivers it"
_VME = "Bochs has virtual-8086 mode, this machine has none (CR4.VME is reserved)"

# fmt: off
BOCHS_CORRECTIONS: tuple[Correction, ...] = (
    Correction("system/debug", r"(a repeat's trap at=5 dr6=1);(.*)", r"\1 rf=1;\2", RF_REPEAT),
    Correction("system/interrupts", r"sti, mov ss twice  ticks=1 at=7 eax=2", "sti, mov ss twice  ticks=1 at=5 eax=2", _SHADOW),
    Correction("system/interrupts", r"sti, a run of pop ss  ticks=1 at=6 eax=1", "sti, a run of pop ss  ticks=1 at=5 eax=1", _SHADOW),
    Correction("system/interrupts", r"mov ss, a run of iret  ticks=1 at=1c (.*)", r"mov ss, a run of iret  ticks=1 at=1b \1", _IRET_SHADOW),
    Correction(
        "system/segments", r"push fs, 32 bits: ok eax=aaaa0010 (.*)", r"push fs, 32 bits: ok eax=10 \1",
        "PUSH of a segment register with 32 bits writes zeros above the selector; Bochs leaves them, as later processors do",
    ),
    Correction("svm/exceptions", r"   cr2=[0-9a-f]+([-d].*)", r"\1", _CR2),
    Correction("svm/exceptions", r"(INT n, its gate closed, #NP .*) delivering=[0-9a-f]+", r"\1 delivering=80000441", _SOFTWARE),
    Correction("svm/exceptions", r"(INT n in ring 3, no stack, .*) delivering=[0-9a-f]+( .*)", r"\1 delivering=80000441\2", _SOFTWARE),
    Correction("svm/injection", r"exception 31: .*", "exception 31: exit=ffffffff", _VECTOR),
    Correction("svm/intercepts", r"\+ rsm: .*", "+ rsm: exit=73", "the intercept of RSM comes before its #UD outside SMM"),
    Correction("svm/intercepts", r"- (vmload|vmsave): exit=0", r"- \1: exit=81 rip=3", _OPERAND),
    Correction("svm/paging", r"   cr2=0 (.*)", r"   cr2=77 \1", _CR2),
    Correction("svm/paging", r"(the interrupt table is missing: .*) delivering=[0-9a-f]+( .*)", r"\1 delivering=80000421\2", _SOFTWARE),
    Correction("svm/registers", r"\+ lmsw that changes (nothing|TS): .* eax=(.)", r"+ lmsw that changes \1: exit=65 rip=5 eax=\2", LMSW),
    Correction("svm/state", r"cr2 and cr4: (.*) eax=[0-9a-f]+( .*)", r"cr2 and cr4: \1 eax=edcba987\2", _CR2),
    Correction("svm/state", r"cr2: .*", "cr2: edcba987", _CR2),
    Correction("svm/state", r"rflags: 2", "rflags: 10002", _RF),
    Correction("svm/virtual", r"taken at once: .*", "taken at once: exit=81 took=70 fromflags=200", _PENDING),
    Correction("svm/virtual", r"wakes HLT: .*", "wakes HLT: exit=81 took=72 at=2 fromflags=200", _PENDING),
    Correction("svm/virtual", r"(priority above TPR|TPR ignored): .*", r"\1: exit=81 took=73 fromflags=200", _PENDING),
    Correction("svm/virtual", r"at once: .*", "at once: exit=64 flags=200 virq=100", _PENDING),
    Correction("svm/virtual", r"masking, host IF 1, intercepted: .*", "masking, host IF 1, intercepted: exit=60", _HOST_IF),
    Correction("svm/virtual", r"(masking, host IF 0, guest IF 1: held): .*", r"\1: exit=81 rip=2 flags=200", _HOST_IF),
)
# fmt: on


@dataclass(frozen=True)
class Stop:
    """Bochs ends the program ``program`` before this line (as it should be) is complete."""

    program: str
    line: str
    ending: Ending
    reason: str


STOPS = (
    Stop("svm/exceptions", "no IDT: exit=7f", Ending.RESET, "a shutdown resets, intercepted or not"),
    Stop("svm/intercepts", "- skinit: exit=81 took=6", Ending.LIMIT, "SKINIT is not there, and Bochs gives up"),
)


@dataclass(frozen=True)
class WrongCheck:
    """A line (regular expression, whole line) with which a program finds Bochs wrong by the manual."""

    program: str
    line: str
    reason: str


WRONG_CHECKS = (
    WrongCheck("manual/limits", r"WRONG, .*: (interrupt|exception) (to an inner|in the same) ring, no room either: #0d .*", _ROOM),
    WrongCheck("manual/reserved", r"WRONG, expected #0d error=0: VME without virtual-8086 mode: ok", _VME),
    WrongCheck("manual/reserved", r"WRONG, expected 0: cr4: 1", _VME),
    WrongCheck("manual_svm/alignment", r"WRONG, expected 0: no next RIP: .*", _NEXT_RIP),
    WrongCheck("manual_svm/alignment", r"WRONG, expected 1234: CR2 stays: .*", _CR2),
    WrongCheck("manual_svm/alignment", r"WRONG, .* delivering=80000490: INT n: .*", _SOFTWARE),
    WrongCheck("manual_svm/alignment", r"WRONG, .*: (its delivery|an interrupt): exit=51 info1=1 .*", _EXT),
    WrongCheck("manual_svm/debug", r"WRONG, expected ffff[0-9a-f]{4}: dr6: ffff[0-9a-f]{4}", _DB_EXIT),
    WrongCheck("manual_svm/debug", r"WRONG, expected 400: dr7: 2400", _DB_EXIT),
    WrongCheck("manual_svm/exits", r"WRONG, .*: (outsb|rep outsl from gs|outsb from ss, 16-bit addresses): exit=7b .*", _IO_SEGMENT),
    WrongCheck("manual_svm/exits", r"WRONG, expected 0: #UD: none: .*", _NEXT_RIP),
    WrongCheck("manual_svm/exits", r"WRONG, expected 80000b0d: what was being delivered: 0", _DOUBLE),
    WrongCheck("manual_svm/exits", r"WRONG, expected 408: its error code: 0", _DOUBLE),
    WrongCheck("manual_svm/exits", r"WRONG, expected ffffffff: no exception has vector 15: 81", _VECTOR),
    WrongCheck("manual_svm/exits", r"WRONG, expected took=70 .*: one instruction later: .*", _ENTRY_SHADOW),
    WrongCheck("manual_svm/icebp", r"WRONG, expected 80000301: and says what was being delivered: 80000000", _ICEBP),
    WrongCheck("manual_svm/stepping", r"WRONG, expected 0: traps of the host: 1", _STEP),
    WrongCheck("manual_svm/stepping", r"WRONG, expected ffff4ff0: DR6 says so: ffff0ff0", _STEP),
    WrongCheck("manual_svm/stepping", r"WRONG, expected ffffffff: vector in the guest: 1", _STEP),
    WrongCheck("manual_svm/stepping", r"WRONG, expected [0-9a-f]+: behind VMRUN: [0-9a-f]+", _STEP),
    WrongCheck("manual_svm/stepping", r"WRONG, expected 72: both step: exit: 81", _STEP),
)

# Programs against the manual that say nothing of Bochs.
LEFT_OUT = {
    "manual/alignment": "Bochs checks alignment before paging and at the tables' own accesses, and comes to a shutdown half way",
    "manual/lock": "the other master is a DMA engine of this chipset, which Bochs does not have",
    "manual/missing": "Bochs has what is missing here: the first check jumps to a TSS and does not come back",
    "manual_svm/late_launch": "Bochs has no SKINIT",
    "manual_svm/missing": "Bochs has what is missing here",
}


def _of(program: str) -> list[WrongCheck]:
    return [row for row in WRONG_CHECKS if row.program == program]


def undeclared_checks(program: str, text: str) -> list[str]:
    """Lines of a program's text that find Bochs wrong and that no row declares."""
    wrong = [line for line in text.splitlines() if line.startswith("WRONG")]
    return [line for line in wrong if not any(re.fullmatch(row.line, line) for row in _of(program))]


def stale_checks(program: str, text: str) -> list[WrongCheck]:
    """Rows that match nothing any more."""
    return [row for row in _of(program) if not any(re.fullmatch(row.line, line) for line in text.splitlines())]
