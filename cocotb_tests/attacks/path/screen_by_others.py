"""Attacks on what is shown by those who need not be asked: engines that move memory, and accomplices that give pages away."""

from collections.abc import Callable

from cocotb_tests.attacks.path.attack import Attack, Conditions, Seeded, attack
from cocotb_tests.attacks.path.bench import ARMED, FORGED, SECRET, Bench, busy, shows
from cocotb_tests.isolation_kernel.world import paging_on
from contracts.architecture import Pte
from contracts.devices import DeviceNumber
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical
from isolation_kernel.model.script import Operation, Read, Script, Spin, Vmmcall, Write

__all__ = ["BY_OTHERS"]

BY_OTHERS: list[Attack] = []

_DESCRIPTOR, _TABLE, _REGISTERS = 0x30000, 0x11000, 0x20000  # of a guest with an engine
_COPIED = 0x34000  # where its engine copies to
_NAME = 0x8000  # where a guest is told who is at the other end of a channel
_FREE = 0x0006_0000  # where a guest has nothing
_WAITS = (Spin(9_000),) * 4  # until the other has made its call


def _by_dma(source: int, target: int, flags: DescriptorFlag) -> Callable[[], Script]:
    """A guest whose engine moves 64 bytes, once, to or from where its owner has nothing; ``source`` is the word where it fills."""

    def script() -> Script:
        yield from paging_on()
        for n, word in enumerate((source, target, 64, flags | DescriptorFlag.LAST)):
            yield Write(_DESCRIPTOR + 4 * n, word)
        yield Write(_TABLE + 4 * (_REGISTERS // PAGE_SIZE), Physical.DMA_ENGINES | Pte.P | Pte.RW)
        yield Write(_REGISTERS + DMA_ENGINE["DESCRIPTOR"].offset, _DESCRIPTOR)
        yield Write(_REGISTERS + DMA_ENGINE["CONTROL"].offset, DMA_ENGINE["CONTROL"].field("START").put(1))
        yield from busy()

    return script


def _engine(on: Conditions, source: int, target: int, flags: DescriptorFlag, victim: Callable[[], Script] = busy) -> Bench:
    """A guest with an engine behind, another one in front."""
    bench = Bench(on)
    bench.guest(_by_dma(source, target, flags), one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    bench.guest(victim)
    bench.kernel.view.show(bench.kernel.partitions[2])
    bench.run(60)
    return bench


@attack(BY_OTHERS, "dma_policy")
def fills_the_frames_of_another_guests_screen(on: Conditions) -> bool:
    """In which it lies while it is not in front."""
    bench = Bench(on)
    at: list[int] = []

    def script() -> Script:
        yield from _by_dma(FORGED, at[0], DescriptorFlag.FILL)()

    bench.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    at.append(bench.guest(busy).memory.screen[0] * PAGE_SIZE)
    bench.run(60)
    bench.choose(2)
    return FORGED in bench.words


@attack(BY_OTHERS, Seeded.DMA_TO_DISPLAY)
def fills_the_display(on: Conditions) -> bool:
    """While another guest is in front."""
    return FORGED in _engine(on, FORGED, Physical.SCREEN + 0x100, DescriptorFlag.FILL).words


@attack(BY_OTHERS, Seeded.DMA_TO_DISPLAY)
def copies_the_display(on: Conditions) -> bool:
    """Into its own memory."""
    bench = _engine(on, Physical.SCREEN, _COPIED, DescriptorFlag(0), shows((Physical.SCREEN, SECRET)))
    return SECRET.to_bytes(4, "little") in bench.frame_bytes(bench.kernel.partitions[1], _COPIED, 64)


@attack(BY_OTHERS, Seeded.DMA_TO_DISPLAY)
def fills_the_trusted_line(on: Conditions) -> bool:
    """With its own text."""
    return "XX" in _engine(on, FORGED, Physical.TRUSTED_LINE, DescriptorFlag.FILL).line


# by an accomplice in front, who gives away the page in which all that is shown lies


def _keeps_the_display(on: Conditions, *calls: Operation, then: tuple[Operation, ...]) -> bool:
    """Guest 1, in front, gives it; guest 2 has it; guest 3 shows what guest 2 wants to see."""
    seen: list[int] = []

    def gives() -> Script:
        for call in calls:
            _ = yield call
        yield from busy()

    def keeps() -> Script:
        for call in then:
            _ = yield call
        while True:
            seen.append((yield Read(_FREE)))
            yield Spin(300)

    bench = Bench(on)
    bench.guest(gives, one_to_one=True)
    bench.guest(keeps)
    bench.guest(shows((Physical.SCREEN, SECRET)))
    bench.run(3 * ARMED)
    bench.choose(3)
    bench.run(2 * ARMED)
    assert seen
    return SECRET in seen


@attack(BY_OTHERS, Seeded.SCREEN_IS_RAM)
def is_given_the_display(on: Conditions) -> bool:
    """A move of page B8000h."""
    gives = Vmmcall(Hypercall.GIVE_PAGE, Physical.SCREEN, 2)
    return _keeps_the_display(on, gives, then=(*_WAITS, Vmmcall(Hypercall.ACCEPT_PAGE, _FREE)))


@attack(BY_OTHERS, Seeded.SCREEN_IS_RAM)
def shares_the_display(on: Conditions) -> bool:
    """A channel's page at B8000h."""
    gives = Vmmcall(Hypercall.OPEN, 2, _NAME), Vmmcall(Hypercall.SHARE_PAGE, Physical.SCREEN, 2)
    return _keeps_the_display(on, *gives, then=(Vmmcall(Hypercall.OPEN, 1, _NAME), *_WAITS, Vmmcall(Hypercall.MAP_SHARED, _FREE, 1)))
