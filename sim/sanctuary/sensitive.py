"""The 17 instructions of x86 that read or change privileged state without trapping: natively, in a guest's ring 0, and in ring 1."""

from dataclasses import dataclass

from contracts.report import Step
from firmware.build import guest
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine
from sim.multiboot import read_multiboot
from sim.sanctuary.world import GUEST_MEMORY, KERNEL_CONFIG

__all__ = ["INSTRUCTIONS", "PLACES", "Observed", "differences", "missing", "observe"]

PLACES = ("native", "guest", "ring 1")
INSTRUCTIONS = (
    "SGDT", "SIDT", "SLDT", "SMSW", "PUSHF", "POPF", "LAR", "LSL", "VERR", "VERW", "POP", "PUSH", "CALL", "JMP", "INT", "RET", "STR", "MOV",
)  # fmt: skip
_LIMIT = 4_000_000
_STEPS = 2000


@dataclass(frozen=True)
class Observed:
    """What the kernel that looks at itself saw, line by line: what it looked at, and what it found."""

    place: str
    lines: dict[str, str]
    cycles: int


def _lines(text: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.decode("ascii", "replace").splitlines():
        what, colon, value = line.partition(":")
        if colon and not what.startswith(("sensitive", "monitor")):
            found[what.strip()] = value.strip()
    return found


def observe(place: str, machine: Machine | None = None) -> Observed:
    """Run it in one place."""
    with machine or Machine() as m:
        if place == "guest":
            said = bytearray()
            system = GuestSystem(m, KERNEL_CONFIG, lambda _, data: said.extend(data))
            system.start([GuestProgram.load(guest("sensitive"), GUEST_MEMORY, one_to_one=True)])
            for _ in range(_STEPS):
                if said.endswith(b"done\n") or system.kernel.step() in (Step.IDLE, Step.OVER):
                    break
        else:
            m.load_multiboot(read_multiboot(guest("sensitive" if place == "native" else "sensitive_ring1"), m.config.memory))
            m.run(_LIMIT)
            said = m.outputs["com1"]
        return Observed(place, _lines(bytes(said)), m.cycle)


def missing(observed: Observed) -> tuple[str, ...]:
    """The instructions of which a run tells nothing."""
    seen = {name.split()[0] for name in observed.lines}
    return tuple(name for name in INSTRUCTIONS if name not in seen)


def differences(one: Observed, other: Observed) -> dict[str, tuple[str, str]]:
    """Where two kernels saw different things."""
    names = list(dict.fromkeys([*one.lines, *other.lines]))
    pairs = {name: (one.lines.get(name, "nothing"), other.lines.get(name, "nothing")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
