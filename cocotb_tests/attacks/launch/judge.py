"""The judge. It is shown what was seen of a run, and not which run it was."""

from enum import Enum

from cocotb_tests.attacks.launch.evidence import LAUNCHED, Evidence
from cocotb_tests.attacks.launch.places import LETTER_OF_STUB, LETTER_OF_TROJAN

__all__ = ["Harm", "judge"]


class Harm(Enum):
    """What an attack may achieve."""

    RAN = "the attacker's code ran after the launch, and nothing tells of it"
    FORGED = "the TPM tells of a launch that never was"
    TOUCHED = "a PCR of the launch is another than the launch left"
    SECRET = "a secret has come out"
    SURVIVED = "a secret is in memory when the BIOS runs again"
    STOPPED = "a launch that was begun rightly came to nothing"


def judge(evidence: Evidence) -> frozenset[Harm]:
    """The harm that was done."""
    genuine_launch = evidence.launch == evidence.genuine[0]
    found = {
        Harm.RAN: _ran(evidence) and not _told(evidence),
        Harm.FORGED: genuine_launch and LAUNCHED not in evidence.said,
        Harm.TOUCHED: evidence.untouched is not None and evidence.untouched != (evidence.launch, evidence.kernel),
        Harm.SECRET: bool(evidence.spilt),
        Harm.SURVIVED: evidence.survived,
        Harm.STOPPED: evidence.starts and LETTER_OF_STUB not in evidence.said,
    }
    return frozenset(harm for harm, is_done in found.items() if is_done)


def _told(evidence: Evidence) -> bool:
    """Whether a PCR says that it is another block, or another stub. (What is said of an imitated launch is not this harm's question.)"""
    other_block = LAUNCHED in evidence.said and evidence.launch != evidence.genuine[0]
    return other_block or evidence.kernel == evidence.truthful != evidence.genuine[1]


def _ran(evidence: Evidence) -> bool:
    """Whether the trojan ran behind the launch, or an imitation of one."""
    begun = min((evidence.said.index(letter) for letter in (LAUNCHED, "J") if letter in evidence.said), default=len(evidence.said))
    return LETTER_OF_TROJAN in evidence.said[begun:]
