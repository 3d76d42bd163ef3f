"""Attacks on what the TPM tells: by forging what the late launch says to it, and from localities that are not the attacker's."""

import hashlib
import struct
from collections.abc import Iterator
from contextlib import suppress

from chipset.boards.straps import Strap
from cocotb_tests.attacks.launch import places
from cocotb_tests.attacks.launch.attack import attack
from cocotb_tests.attacks.launch.judge import Harm
from cocotb_tests.attacks.launch.machine_code import carries_out, enters_guest, says, vmcb
from cocotb_tests.attacks.launch.places import BLOCK, SLED, TABLES
from cocotb_tests.attacks.launch.slips import Slip
from cocotb_tests.attacks.launch.stage import Missing, Stage
from cocotb_tests.attacks.launch.tpm import Deaf, extend, reset_of, sends
from contracts.event_log import DEVELOPMENT, DIGEST_SIZE, Event, EventKind, Pcr, encode
from contracts.host_link import HOST_LINK, LinkOp
from contracts.memory_map import Physical
from contracts.secure_loader import DIGEST_WORDS, LOG_OFFSET, LoaderStatus, Record
from contracts.tpm import HASH_LOCALITY, LOCALITY_STRIDE, TPM_HASH
from firmware.launcher.steps import Do, Step
from sim.model.library import TransactionTimeout

__all__: list[str] = []

_WORD = 4
_SOURCES = SLED  # words that an engine is to move
_CHANGED = b"\xc0" * DIGEST_SIZE  # what is extended by whom it is no business of
_UP = 2000  # cycles in which the TPM is out of its reset, and anything is answered
_MAILBOX = Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset


def _hash_register(name: str) -> int:
    return Physical.TPM + HASH_LOCALITY * LOCALITY_STRIDE + TPM_HASH[name].offset


def _forging(stage: Stage) -> Iterator[tuple[int, int]]:
    """What would have to be written, and where, for the TPM to be told of the loader."""
    yield _hash_register("START"), 1
    for (word,) in struct.iter_unpack("<I", stage.loader):
        yield _hash_register("DATA"), word
    yield _hash_register("END"), 1


@attack("PCR 17", control=Strap.TPM_HASH_OPEN, harm=Harm.FORGED)
def launch_is_forged(stage: Stage, phase: int) -> None:
    """Ring 0 writes the loader's bytes to locality 4, and launches nothing."""
    stage.launches = False
    stage.do(Step(Do.WRITE_32, address, word) for address, word in _forging(stage))


@attack("PCR 17", control=Strap.TPM_HASH_OPEN, harm=Harm.FORGED)
def launch_is_forged_by_ring_minus_1(stage: Stage, phase: int) -> None:
    """The same over the host link, in ring -1's name."""
    stage.launches, stage.limit = False, 1000

    def meanwhile(stage: Stage) -> None:
        stage.machine.run(_UP)
        *forging, (end, word) = _forging(stage)
        for address, data in forging:
            stage.link.write32(address, data)
        with suppress(TransactionTimeout):  # if it reaches the TPM, its answer is waited for
            stage.machine.model.transact([(LinkOp.WRITE, end, word, 1)], _UP)
        stage.machine.serve_tpm()

    stage.meanwhile = meanwhile


@attack("PCR 17", control=Missing.BUSES_APART, harm=Harm.FORGED, off_in_both=(Strap.TPM_HASH_OPEN, Strap.GUARD_OFF))
def launch_is_forged_by_dma(stage: Stage, phase: int) -> None:
    """The same by an engine's descriptors: no engine masters the bus that leads to registers."""
    stage.launches = False
    forging = list(_forging(stage))
    stage.put(_SOURCES, b"".join(struct.pack("<I", word) for _, word in forging))
    moves = [(_SOURCES + _WORD * n, address) for n, (address, _) in enumerate(forging)]
    if Missing.BUSES_APART in stage.off:
        stage.do(Step(Do.COPY_32, *move) for move in moves)
    else:
        stage.chain(*((*move, _WORD, 0) for move in moves))
        stage.do(Step(Do.SPIN, 20_000))


@attack("PCR 17 and 18", control=Strap.TPM_LOCALITIES_OPEN, harm=Harm.TOUCHED, phases=(2, 3))
def localities_are_used_before(stage: Stage, phase: int) -> None:
    """Ring 0 extends them from locality 2 or 3, before any launch. (Locality 1 may not extend these, whoever uses it.)"""
    stage.launches, stage.kept = False, True
    for pcr in (Pcr.LAUNCH, Pcr.KERNEL):
        stage.do(sends(extend(pcr, _CHANGED), phase))


@attack("PCR 17 and 18", control=Strap.TPM_LOCALITIES_OPEN, harm=Harm.TOUCHED)
def localities_are_used_by_a_guest(stage: Stage, phase: int) -> None:
    """After the launch a guest, for which nothing but its authority stands between it and the TPM, extends from localities 2 and 3."""
    stage.kept = True
    tries = (sends(extend(pcr, _CHANGED), locality) for pcr, locality in ((Pcr.LAUNCH, 2), (Pcr.KERNEL, 3)))
    stage.put(SLED, b"".join(map(carries_out, tries)) + says("G") + b"\xf4")  # hlt
    stage.put(TABLES, vmcb(SLED))
    stage.stub = stage.expected_stub = places.stub(enters_guest(TABLES))


@attack("PCR 17 and 18", control=Missing.LOCALITY, harm=Harm.TOUCHED)
def lower_locality_extends(stage: Stage, phase: int) -> None:
    """From locality 0, which is anybody's, the PCRs of the launch are extended and reset, right behind it."""
    stage.kept = True
    if Missing.LOCALITY in stage.off:
        stage.bridge = Deaf

    def behind(stage: Stage) -> None:
        for command in (extend(Pcr.LAUNCH, _CHANGED), extend(Pcr.KERNEL, _CHANGED), reset_of(Pcr.LAUNCH), reset_of(Pcr.KERNEL)):
            stage.carry_out(sends(command, 0))

    stage.behind = behind


@attack("PCR 18", control=Slip.GOES_ON, harm=Harm.RAN, phases=(0, 1))
def tpm_refuses_a_measurement(stage: Stage, phase: int) -> None:
    """The TPM answers with an error, and the stub is a trojan: it would find a PCR 18 to which it can give any value."""
    stage.tpm.extensions = phase
    stage.stub = places.sled(16)


@attack("the host's trust", control=Missing.PCRS, harm=Harm.FORGED)
def launch_is_imitated(stage: Stage, phase: int) -> None:
    """No SKINIT: a program leaves in a block what the loader would, and asks at the mailbox. What it says of itself is as it should be."""
    stage.launches = False
    log = encode([Event(EventKind.STUB, hashlib.sha256(stage.stub).digest()), Event(EventKind.KERNEL, stage.secret), DEVELOPMENT])
    status = BLOCK + Record.STATUS
    stage.put(status, struct.pack("<2I", LoaderStatus.BEGUN, len(log)))
    stage.put(BLOCK + LOG_OFFSET, log)
    stage.do(stage.guard("LAUNCH_BASE", BLOCK), (Step(Do.COPY_32, _MAILBOX, SLED) for _ in range(1 + DIGEST_WORDS)))
    stage.do(Step(Do.WRITE_32, status, LoaderStatus.MEASURED), Step(Do.COPY_32, _MAILBOX, SLED))
