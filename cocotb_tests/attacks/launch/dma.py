"""Attacks by engines that were started before the launch, and that nothing stops: at chosen phases of it, and at all of them.

A phase is how many lines of its own memory an engine moves before it comes to the point; it stops at the first access that is refused.
"""

from collections.abc import Callable

from chipset.boards.straps import Strap
from cocotb_tests.attacks.launch import places
from cocotb_tests.attacks.launch.attack import attack
from cocotb_tests.attacks.launch.judge import Harm
from cocotb_tests.attacks.launch.places import BLOCK, LOOT, RING_MINUS_1, SCRATCH, SLED, STUB
from cocotb_tests.attacks.launch.slips import Slip
from cocotb_tests.attacks.launch.stage import Stage
from contracts.dma_engine import DescriptorFlag
from contracts.late_launch import BLOCK_SIZE
from contracts.memory_map import PAGE_SIZE
from contracts.secure_loader import MAP_OFFSET, Record
from firmware.launcher.steps import Do, Step

__all__: list[str] = []

_LINE = 16
_HEADER = 2 * _LINE  # of the block: the trojan leaves it, and the first instructions
_TRANSFER = SLED - SCRATCH  # bytes of the memory that an engine moves to and fro
_ONES = 0xFFFF_FFFF
_FINE = 12  # turns of the launcher's loop, about as many as a line of the engine's takes
_WHOLE = range(0, 2600, 26)  # lines: from before SKINIT until the stub runs
_KERNELS = RING_MINUS_1 + 0x2_0000  # a page of the kernel's


def _wait(stage: Stage, lines: int) -> tuple[int, int, int, int]:
    """A transfer of the engine's own, and a few cycles more, by chance."""
    stage.do(Step(Do.SPIN, stage.rng.randrange(_FINE)))
    return SCRATCH, SCRATCH + _TRANSFER // 2, _LINE * lines, 0


def _overwrite(stage: Stage, start: int, size: int) -> tuple[int, int, int, int]:
    """A transfer that puts the trojan there, in each line."""
    stage.put(SLED, places.sled(size))
    return SLED, start, size // _LINE * _LINE, 0


def _steal(start: int, size: int) -> tuple[int, int, int, int]:
    return start, LOOT, size, 0


def _longer(cycles: int) -> Callable[[Stage], None]:
    """The machine runs on, that the engine may come to its end."""

    def run(stage: Stage) -> None:
        stage.machine.model.run(cycles, stops=())

    return run


@attack("the loader's code", control=Strap.GUARD_OFF, harm=Harm.RAN, phases=(1500, 1700, 1900), sweep=_WHOLE)
def block_is_overwritten(stage: Stage, phase: int) -> None:
    """An engine overwrites the block between the measurement and its last instruction."""
    stage.chain(_wait(stage, phase), _overwrite(stage, BLOCK + _HEADER, len(stage.loader) - _HEADER))


@attack("the loader's code", control=Slip.OPENS_FIRST, harm=Harm.RAN, phases=(1150, 1250), sweep=_WHOLE)
def block_is_overwritten_in_the_gap(stage: Stage, phase: int) -> None:
    """As before, when the launch's protection ends and before the map's begins."""
    stage.chain(_wait(stage, phase), _overwrite(stage, BLOCK + _HEADER, len(stage.loader) - _HEADER))


@attack("the loader's memory", control=Strap.GUARD_OFF, harm=Harm.SECRET, phases=(1400, 2000), sweep=_WHOLE)
def block_is_read(stage: Stage, phase: int) -> None:
    """An engine copies what the loader has been told, its stack and its log."""
    stage.chain(_wait(stage, phase), _steal(BLOCK + Record.STATUS, BLOCK_SIZE - Record.STATUS))
    stage.behind = _longer(60_000)


@attack("ring -1's memory", control=Strap.GUARD_OFF, harm=Harm.SECRET, phases=(3000,), sweep=range(0, 3600, 90))
def ring_minus_1_is_read(stage: Stage, phase: int) -> None:
    """An engine copies a page of the kernel's, when the kernel has put a secret there over the host link."""

    def behind(stage: Stage) -> None:
        stage.link.write_block(_KERNELS, stage.secret)
        stage.machine.model.run(100_000, stops=())

    stage.chain(_wait(stage, phase), _steal(_KERNELS, PAGE_SIZE))
    stage.behind = behind


@attack("the first policy map", control=Slip.OPENS_FIRST, harm=Harm.SECRET, phases=(1150,), sweep=_WHOLE)
def map_is_written(stage: Stage, phase: int) -> None:
    """An engine writes ones into the map that the loader has just cleared, and so opens everything to itself."""
    fill = int(DescriptorFlag.FILL)
    stage.chain(
        _wait(stage, phase), (_ONES, BLOCK + MAP_OFFSET, PAGE_SIZE, fill), _wait(stage, 1500), _steal(BLOCK + Record.STATUS, 0x4000)
    )
    stage.behind = _longer(60_000)


@attack("the first policy map", control=Slip.MAP_AS_FOUND, harm=Harm.SECRET, phases=(1400,))
def map_was_there_before(stage: Stage, phase: int) -> None:
    """The page of the block in which the map will lie is all ones before the launch."""
    stage.put(BLOCK + MAP_OFFSET, b"\xff" * PAGE_SIZE)
    stage.chain(_wait(stage, phase), _steal(BLOCK + Record.STATUS, BLOCK_SIZE - Record.STATUS))
    stage.behind = _longer(60_000)


@attack("the stub", control=Slip.MEASURES_THE_SOURCE, harm=Harm.RAN, off_in_both=(Strap.GUARD_OFF,), phases=(1550,), sweep=_WHOLE)
def stub_is_exchanged_behind_its_copy(stage: Stage, phase: int) -> None:
    """What the loader copies is a trojan; an engine puts the genuine stub there before the loader has measured it."""
    size = 1024
    genuine = places.stub(size=size)
    stage.expected_stub, stage.stub = genuine, places.sled(_LINE) + genuine[_LINE:]
    stage.put(SLED, genuine[:_LINE])
    stage.chain(_wait(stage, phase), (SLED, STUB, _LINE, 0))


@attack("the stub", control=Strap.GUARD_OFF, harm=Harm.RAN, phases=(1900,), sweep=_WHOLE)
def stub_is_overwritten(stage: Stage, phase: int) -> None:
    """An engine overwrites the copy in ring -1's memory, when it has been measured and before it runs."""
    stage.chain(_wait(stage, phase), _overwrite(stage, RING_MINUS_1, _LINE))


@attack("the loader's memory", control=Slip.CONTROL_AS_FOUND, harm=Harm.SECRET, phases=(1400,))
def guard_was_set_up_before(stage: Stage, phase: int) -> None:
    """The guard is on before the launch, in another format, with maps of ones for the other engine; and memory is said to be clean."""
    ones = SLED
    stage.put(ones, b"\xff" * PAGE_SIZE)
    stage.do(stage.guard("MAP_BASE", ones, n) for n in range(2))
    stage.do(stage.guard("MAP_LENGTH", PAGE_SIZE, n) for n in range(2))
    stage.do(stage.guard("LAUNCH_BASE", LOOT), stage.guard("LAUNCH_CONTROL", 1))
    stage.do(stage.guard("CONTROL", 0b1011))  # ENABLE, PER_REQUESTER, MEMORY_CLEAN
    stage.do(stage.guard("LAUNCH_CONTROL", 0))
    stage.chain(_wait(stage, phase), _steal(BLOCK + Record.STATUS, BLOCK_SIZE - Record.STATUS), number=1)
    stage.behind = _longer(60_000)
