"""Attacks on what is shown: reading, writing and moving another guest's screen."""

from cocotb_tests.attacks.path.attack import Attack, Conditions, attack
from cocotb_tests.attacks.path.bench import ARMED, FORGED, SCREEN_WINDOW_PAGES, SECRET, Bench, busy, shows
from cocotb_tests.isolation_kernel.world import paging_on
from contracts.display import CrtcIndex, VgaPort
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical
from isolation_kernel.model.script import Out, Read, Script, Spin, Vmmcall, Write

__all__ = ["SCREEN"]

SCREEN: list[Attack] = []


@attack(SCREEN, "screen_apart")
def reads_another_guests_screen(on: Conditions) -> bool:
    """In each of the eight pages where screen memory is seen."""
    seen: list[int] = []

    def script() -> Script:
        for _ in range(4):
            yield Vmmcall(Hypercall.YIELD)
        for page in SCREEN_WINDOW_PAGES:
            seen.append((yield Read(page)))
        yield from busy()

    bench = Bench(on)
    bench.guest(shows((Physical.SCREEN, SECRET), (Physical.SCREEN + PAGE_SIZE, SECRET)), one_to_one=True)
    bench.guest(script)
    bench.run(60)
    assert len(seen) == len(SCREEN_WINDOW_PAGES)
    return SECRET in seen


@attack(SCREEN, "screen_apart")
def writes_another_guests_screen(on: Conditions) -> bool:
    """In each of the eight pages."""
    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    bench.guest(shows(*((page + 0x100, FORGED) for page in SCREEN_WINDOW_PAGES)))
    bench.run(60)
    return FORGED in bench.words


def _after_a_switch(on: Conditions, write: bool) -> bool:
    """A guest uses its screen, is not in front any more, and uses it again."""
    seen: list[int] = []

    def stays() -> Script:
        yield from paging_on(pages=256)
        while True:
            for page in SCREEN_WINDOW_PAGES:
                if write:
                    yield Write(page + 0x200, FORGED)
                else:
                    seen.append((yield Read(page + 0x100)))
            yield Spin(300)

    bench = Bench(on)
    bench.guest(stays, one_to_one=True)
    bench.guest(shows((Physical.SCREEN + 0x100, SECRET)))
    bench.run(ARMED)
    bench.choose(2)
    seen.clear()
    bench.machine.memory.screen[0x200:0x204] = bytes(4)  # what is there now is nobody's old writing
    bench.run(60)
    return FORGED in bench.words if write else SECRET in seen


@attack(SCREEN, "screen_revoke")
def writes_by_a_stale_entry(on: Conditions) -> bool:
    """Of the shadow tables."""
    return _after_a_switch(on, write=True)


@attack(SCREEN, "screen_revoke")
def reads_by_a_stale_entry(on: Conditions) -> bool:
    """Of the shadow tables."""
    return _after_a_switch(on, write=False)


@attack(SCREEN, "flush_on_revoke")
def writes_by_a_stale_translation(on: Conditions) -> bool:
    """Of the TLB."""
    return _after_a_switch(on, write=True)


@attack(SCREEN, "flush_on_revoke")
def reads_by_a_stale_translation(on: Conditions) -> bool:
    """Of the TLB."""
    return _after_a_switch(on, write=False)


def _moves(on: Conditions, *registers: CrtcIndex) -> bool:
    """A guest in the background moves what the display shows."""
    writes = [Out(port, value) for number in registers for port, value in ((VgaPort.CRTC, number), (VgaPort.CRTC_DATA, 0x07))]
    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    bench.guest(shows(then=writes))
    bench.run(60)
    shown = dict(zip(CrtcIndex, bench.machine.vga.state()[1::2], strict=False))
    return any(shown[number][1] == 0x07 for number in registers)


@attack(SCREEN, "vga_in_front")
def moves_another_guests_picture(on: Conditions) -> bool:
    """The start address."""
    return _moves(on, CrtcIndex.START_HIGH, CrtcIndex.START_LOW)


@attack(SCREEN, "vga_in_front")
def moves_another_guests_cursor(on: Conditions) -> bool:
    """Its place and its shape."""
    return _moves(on, CrtcIndex.CURSOR_START, CrtcIndex.CURSOR_HIGH, CrtcIndex.CURSOR_LOW)


@attack(SCREEN, "screen_clean")
def reads_what_an_ended_guest_showed(on: Conditions) -> bool:
    """Whoever gets its frames."""
    seen: list[int] = []

    def reads() -> Script:
        for page in SCREEN_WINDOW_PAGES:
            seen.append((yield Read(page)))
        yield from busy()

    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    showed = shows((Physical.SCREEN, SECRET), (Physical.SCREEN + PAGE_SIZE, SECRET), then=[Vmmcall(Hypercall.SHUTDOWN)])
    bench.guest(showed)
    bench.run(60)
    bench.guest(reads)
    bench.run(60)
    return SECRET in seen
