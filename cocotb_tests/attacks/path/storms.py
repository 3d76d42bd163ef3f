"""Storms of keyboard and mouse: bytes without end, as from a device that is broken, while a neighbour wants to get on."""

from collections.abc import Sequence
from functools import partial
from itertools import cycle

from cocotb_tests.attacks.path.attack import Attack, Conditions
from cocotb_tests.attacks.path.bench import KEY, Bench, busy
from contracts.memory_map import Port
from contracts.ps2 import RELEASE, KbcStatus, PacketFlag
from isolation_kernel.model.script import Script, Spin

__all__ = ["STORMS", "progress"]

_ACCESS_CYCLES = 14  # of the kernel, over the host link
_SPACE = 400_000  # cycles that are looked at
_LOSS = 0.5  # of the neighbour's progress: more than that is starving

_Byte = tuple[int, bool]  # and whether it is the mouse's


def _keyboards(*codes: int) -> list[_Byte]:
    return [(code, False) for code in codes]


def _mouses(*packet: int) -> list[_Byte]:
    return [(byte, True) for byte in packet]


_PACKET = _mouses(PacketFlag.ALWAYS | PacketFlag.LEFT, 1, 1)
_BYTES: dict[str, list[_Byte]] = {
    "keys": _keyboards(KEY[0], RELEASE, KEY[0]),
    "prefixes": _keyboards(0xE0, RELEASE),
    "the_mouse": _PACKET,
    "half_packets": _PACKET[:1],
    "both": [*_keyboards(KEY[0]), *_PACKET[:2], *_keyboards(RELEASE, KEY[0]), *_PACKET[2:]],
}


def progress(storm: Sequence[_Byte], on: Conditions) -> int:
    """Rounds of the guest behind in a given time, beside a guest in front that gets all the bytes."""
    rounds = 0

    def works() -> Script:
        nonlocal rounds
        while True:
            yield Spin(100)
            rounds += 1

    bench = Bench(on)
    bench.checked = False  # which would take no time, and long
    bench.machine.access_cycles = _ACCESS_CYCLES
    bench.guest(busy, one_to_one=True)
    bench.guest(works)
    end, bytes_, read, now = bench.machine.time() + _SPACE, cycle(storm or [(0, False)]), bench.machine.ps2.read, bench.machine.time
    byte = next(bytes_)

    def rages(port: int) -> int:
        nonlocal byte
        if not storm or now() >= end:
            return read(port)
        if port == Port.KBC_STATUS:
            return KbcStatus.OUTPUT_FULL | (KbcStatus.MOUSE if byte[1] else 0)
        said, byte = byte[0], next(bytes_)
        return said

    bench.machine.ps2.read = rages  # type: ignore[method-assign]
    while now() < end:
        bench.run(1)
    return rounds


def _starves(storm: Sequence[_Byte], on: Conditions) -> bool:
    return progress(storm, on) < _LOSS * progress((), on)


STORMS = [
    Attack(f"starves_others_by_a_storm_of_{name}", partial(_starves, bytes_), "input_bounds", partial(_starves, ()))
    for name, bytes_ in _BYTES.items()
]
