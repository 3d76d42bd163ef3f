"""What guest 1 can be seen to do with the processor's time."""

from itertools import pairwise

from contracts.architecture import Exc
from sim.sanctuary.acts import Act, Seen, instruction
from sim.sanctuary.evidence import Evidence

__all__ = ["clears_if", "cpuid_exits", "faults", "interrupted", "returns", "spins", "ss_loads"]

_ROUNDS = 10  # of what goes round and round
_FIRST_INTERRUPT = 0x20  # vector


def spins(e: Evidence) -> Seen | None:
    """JNZ to itself or back in ring 0, again and again."""
    loop = [s for s in e.steps if s.code[:1] == b"\x75" and not s.cpl]
    eips = [s.eip for s in loop]
    busy = max(set(eips), key=eips.count, default=None)
    count = eips.count(busy) if busy is not None else 0
    return Seen(loop[0].cycle, f"EIP {busy:#x}: goes round {count} times and more") if busy is not None and count >= _ROUNDS else None


def faults(e: Evidence) -> Seen | None:
    """#UD at one instruction, again and again."""
    taken = [s for s in e.steps if s.vector == Exc.UD]
    enough = len(taken) >= _ROUNDS and len({s.eip for s in taken}) == 1
    return Seen(taken[0].cycle, f"#UD taken {len(taken)} times and more at EIP {taken[0].eip:#x}") if enough else None


def cpuid_exits(e: Evidence) -> Seen | None:
    """CPUID, again and again."""
    taken = [x for x in e.exits if x.name == "CPUID"]
    return Seen(taken[0].cycle, f"CPUID exits {len(taken)} times") if len(taken) >= _ROUNDS else None


def ss_loads(e: Evidence) -> Seen | None:
    """MOV SS, EDX again and again, each behind the one before."""
    code = bytes.fromhex("8ed2")
    behind = [b for a, b in pairwise(e.steps) if a.code == b.code == code and b.eip == a.eip + len(code)]
    return (
        Seen(behind[0].cycle, f"EIP {behind[0].eip:#x}: loads SS {len(behind)} times in a row and more") if len(behind) >= _ROUNDS else None
    )


def returns(e: Evidence) -> Seen | None:
    """IRET behind IRET, each at the address that the one before has popped: its own."""
    code = bytes.fromhex("cf")
    behind = [b for a, b in pairwise(e.steps) if a.code == b.code == code and a.eip == b.eip]
    return Seen(behind[0].cycle, f"EIP {behind[0].eip:#x}: IRET {len(behind)} times in a row and more") if len(behind) >= _ROUNDS else None


clears_if = instruction(["fa"])


def interrupted(line: int) -> Act:
    """An interrupt of that line, by the vectors that the guests' kernel gives them."""

    def act(e: Evidence) -> Seen | None:
        step = next((s for s in e.steps if s.vector == _FIRST_INTERRUPT + line), None)
        return Seen(step.cycle, f"interrupt {line} taken at EIP {step.eip:#x} in cycle {step.cycle}") if step else None

    return act
