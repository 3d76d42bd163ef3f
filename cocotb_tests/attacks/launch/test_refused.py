"""What the loader and the host refuse, and blocks that are not the loader: whatever they are, the TPM does not name the genuine one."""

import random
import struct
from collections.abc import Callable

import pytest

from cocotb_tests.attacks.launch import places
from cocotb_tests.attacks.launch.machine_code import STACK_SEGMENT, carries_out, says
from cocotb_tests.attacks.launch.places import BLOCK, RING_MINUS_1, STUB
from cocotb_tests.attacks.launch.slips import Slip, loader_with
from cocotb_tests.attacks.launch.stage import Stage
from cocotb_tests.attacks.launch.tpm import Refusing, extend, offset, sends, takes
from contracts.event_log import Pcr
from contracts.late_launch import BLOCK_SIZE
from contracts.memory_map import Physical, Port, RamLayout
from contracts.secure_loader import STUB_LIMIT
from firmware.launcher.steps import Do, Step
from sim.launch.start import stub_image

__all__: list[str] = []

_ROM_ALIAS = int(Physical.ROM_ALIAS)
_SOFT_RESET = 4  # of port CF9h: INIT
_FIRST = 0x91_0000  # another block
_GET_RANDOM = bytes.fromhex("80010000000c0000017b0020")


def _header(entry: int, length: int) -> bytes:
    return struct.pack("<2H", entry, length)


def _trojan(length: int, entry: int = 16) -> Callable[[Stage], None]:
    """A block of the attacker's, which says that so much of it is measured."""

    def put(stage: Stage) -> None:
        stage.put(BLOCK + entry, places.TROJAN)
        stage.put(BLOCK, _header(entry, length))

    return put


def _entered_at(entry: int) -> Callable[[Stage], None]:
    """The loader with another entry, and a trojan there."""

    def put(stage: Stage) -> None:
        stage.put(BLOCK, _header(entry, len(stage.loader)))
        stage.put(BLOCK + entry, places.TROJAN[: BLOCK_SIZE - entry])

    return put


def _a_bit(stage: Stage) -> None:
    at = stage.rng.randrange(len(stage.loader))
    stage.put(BLOCK + at, bytes((stage.loader[at] ^ 1 << stage.rng.randrange(8),)))


def _lies_at(block: int) -> Callable[[Stage], None]:
    def put(stage: Stage) -> None:
        stage.block = block

    return put


_OTHERS: dict[str, Callable[[Stage], None]] = {
    "nothing is measured": _trojan(0),
    "only the header is": _trojan(4),
    "all of it is": _trojan(0xFFFF),
    "it is entered behind what is measured": _entered_at(0xB010),
    "it is entered at its last byte": _entered_at(0xFFFF),
    "one bit is another": _a_bit,
    "it lies beyond RAM": _lies_at(RamLayout().size),
    "it lies in the ROM": _lies_at(Physical.ROM),
    "it lies in the ROM's alias": _lies_at(_ROM_ALIAS),
    "it lies where the TPM is": _lies_at(Physical.TPM),
}


@pytest.mark.parametrize("what", _OTHERS)
def test_a_block_that_is_not_the_loader(what: str, tpm: Refusing, rng: random.Random) -> None:
    """It starts, or nothing does; nothing can attest to be the loader."""
    stage = Stage(frozenset(), rng, tpm, limit=300_000)
    _OTHERS[what](stage)
    evidence = stage.run()
    assert "L" in evidence.said
    assert evidence.launch is not None
    assert evidence.launch != evidence.genuine[0]


@pytest.mark.parametrize(
    ("size", "at"),
    [(0, STUB), (STUB_LIMIT + 4, STUB), (0xFFFF_FFFC, STUB), (13, STUB), (16, STUB + 2), (16, RING_MINUS_1), (16, RING_MINUS_1 - 12),
     (16, RING_MINUS_1 + 0x1_0000), (16, int(Physical.HOST_LINK)), (16, 0xFFFF_FFF8)],
)  # fmt: skip
def test_a_stub_that_cannot_be_one(size: int, at: int, tpm: Refusing, rng: random.Random) -> None:
    """It is refused with a clear reason, and neither it nor what lies in its place runs; PCR 18 is as the launch has left it."""
    stage = Stage(frozenset(), rng, tpm, stub_size=size)
    stage.put(RING_MINUS_1, places.sled(64))
    stage.stub_told = at
    evidence = stage.run()
    assert evidence.said == "L"
    assert evidence.refusal == "the secure loader refuses the stub: its place or its size is impossible"
    assert (evidence.launch, evidence.kernel) == (evidence.genuine[0], bytes(32))


@pytest.mark.parametrize("place", [Physical.ROM_ALIAS, Physical.ROM])
@pytest.mark.parametrize("slips", [(), (Slip.RUNS_ANYWHERE,)], ids=["checked", "control"])
def test_the_loader_runs_in_ram_alone(slips: tuple[Slip, ...], place: int, tpm: Refusing, rng: random.Random) -> None:
    """In the ROM, whose owner can put the genuine loader there, it would take descriptor tables that it has not written.

    The reset ROM of this machine is another: the loader is entered as SKINIT would enter one there, by a jump to a copy that is told that
    place. Without the check it takes what it finds in this ROM for its tables, and falls.
    """
    stage = Stage(frozenset(slips), rng, tpm, launches=False, limit=200_000)
    stage.do(stage.guard("LAUNCH_BASE", BLOCK), Step(Do.IMITATE, BLOCK, place))
    evidence = stage.run()
    assert evidence.said == "J"
    assert evidence.refusal == ("the machine was reset" if slips else "the cycle limit was reached")


def test_in_ram_it_goes_on(tpm: Refusing, rng: random.Random) -> None:
    stage = Stage(frozenset(), rng, tpm, launches=False)
    stage.do(stage.guard("LAUNCH_BASE", BLOCK), Step(Do.IMITATE, BLOCK, BLOCK))
    evidence = stage.run()
    assert (evidence.said, evidence.refusal) == ("JS", "")


def test_a_block_without_memory_is_one_clear_line(tpm: Refusing, rng: random.Random) -> None:
    """Who only pretends may name any place: the host looks there."""
    stage = Stage(frozenset(), rng, tpm, launches=False)
    stage.do(stage.guard("LAUNCH_BASE", RamLayout().size), Step(Do.COPY_32, int(Physical.HOST_LINK), STUB))
    assert stage.run().refusal == "what waits at the mailbox is no secure loader"


def test_a_tpm_that_is_busy_is_taken(tpm: Refusing, rng: random.Random) -> None:
    """Locality 0 has it, with half a command sent."""
    stage = Stage(frozenset(), rng, tpm, starts=True, kept=True)
    stage.do(sends(_GET_RANDOM, 0), takes(0), (Step(Do.WRITE_8, offset("DATA_FIFO"), byte) for byte in _GET_RANDOM[:7]))
    evidence = stage.run()
    assert evidence.said == "LS"
    assert (evidence.launch, evidence.kernel) == evidence.genuine


def test_what_an_earlier_launch_has_extended_is_gone(tpm: Refusing, rng: random.Random) -> None:
    """A hostile block is launched first: it may use localities 1 to 3, extends PCR 18 and keeps the TPM. Then the loader is launched."""
    code = carries_out((*sends(extend(Pcr.KERNEL, bytes(32)), 2), *takes(2)), STACK_SEGMENT) + says("U")
    code += b"\xb8" + struct.pack("<I", BLOCK) + b"\x0f\x01\xde"  # mov eax, BLOCK; skinit
    stage = Stage(frozenset(), rng, tpm, starts=True)
    stage.put(_FIRST, _header(4, 4 + len(code)) + code)
    stage.launches = False
    stage.do(Step(Do.LAUNCH, _FIRST))
    evidence = stage.run()
    assert evidence.said == "LUS"
    assert (evidence.launch, evidence.kernel) == evidence.genuine


def test_an_init_that_waits_is_lost(tpm: Refusing, rng: random.Random) -> None:
    """With the stub that is used, over memory that holds anything: it takes the #SX that INIT has become, and waits for the kernel.

    The table has the control run.
    """
    stage = Stage(frozenset(), rng, tpm, stub=stub_image(), expected_stub=stub_image())
    stage.put(RING_MINUS_1, rng.randbytes(STUB_LIMIT))
    stage.do(Step(Do.HOLD_INIT), Step(Do.OUTPUT, Port.RESET_CONTROL, 0), Step(Do.OUTPUT, Port.RESET_CONTROL, _SOFT_RESET))
    evidence = stage.run()
    assert (evidence.said, evidence.refusal) == ("L", "")
    assert (evidence.launch, evidence.kernel) == evidence.genuine


def test_a_loader_with_a_slip_is_another() -> None:
    """Each control run's loader has another name: PCR 17 would tell."""
    assert len({loader_with(), *(loader_with(slip) for slip in Slip)}) == 1 + len(Slip)
