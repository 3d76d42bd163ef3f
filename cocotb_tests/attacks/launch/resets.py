"""Secrets over a reset: each way to reset the platform, at a random moment behind the launch."""

import struct

from chipset.boards.straps import Strap
from cocotb_tests.attacks.launch import places
from cocotb_tests.attacks.launch.attack import attack
from cocotb_tests.attacks.launch.judge import Harm
from cocotb_tests.attacks.launch.stage import Stage
from contracts.memory_map import Port

__all__: list[str] = []

_KBC_PULSE_RESET = 0xFE
_FAST_RESET = 0x01
_HARD, _HARD_RESET = 0x02, 0x06
_LONGEST = 5000  # turns of a loop


def _out(port: int, value: int) -> bytes:
    """mov al, value; mov dx, port; out dx, al"""
    return bytes((0xB0, value)) + b"\x66\xba" + struct.pack("<H", port) + b"\xee"


def _resets(stage: Stage, code: bytes) -> None:
    """The stub runs for a while, and does that. What the loader has been told is the secret."""
    turns = stage.rng.randrange(1, _LONGEST)
    runs = b"\xb9" + struct.pack("<I", turns) + b"\xe2\xfe"  # mov ecx, turns; loop here
    stage.stub = stage.expected_stub = places.stub(runs + code)


@attack("what the loader has left in memory", control=Strap.NO_SCRUB, harm=Harm.SURVIVED)
def reset_by_8042(stage: Stage, phase: int) -> None:
    """The keyboard controller pulses the reset line."""
    _resets(stage, _out(Port.KBC_STATUS, _KBC_PULSE_RESET))


@attack("what the loader has left in memory", control=Strap.NO_SCRUB, harm=Harm.SURVIVED)
def reset_by_port_92(stage: Stage, phase: int) -> None:
    """Port 92h's fast reset."""
    _resets(stage, _out(Port.SYSTEM_CONTROL_A, 0) + _out(Port.SYSTEM_CONTROL_A, _FAST_RESET))


@attack("what the loader has left in memory", control=Strap.NO_SCRUB, harm=Harm.SURVIVED)
def reset_by_port_cf9(stage: Stage, phase: int) -> None:
    """Port CF9h's hard reset."""
    _resets(stage, _out(Port.RESET_CONTROL, _HARD) + _out(Port.RESET_CONTROL, _HARD_RESET))


@attack("what the loader has left in memory", control=Strap.NO_SCRUB, harm=Harm.SURVIVED)
def reset_by_triple_fault(stage: Stage, phase: int) -> None:
    """An exception without an IDT."""
    _resets(stage, b"\x0f\x0b")  # ud2
