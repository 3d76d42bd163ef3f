"""What guests try against the user's keyboard and screen. ``run`` gets the protections and says whether the attack has succeeded;
``control`` names the one that a control run leaves out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cocotb_tests.attacks.path.bench import F12, KEY, PHRASE, Bench, busy, logger, release, take_8042
from cocotb_tests.isolation_kernel.world import paging_on
from contracts.architecture import Pte
from contracts.devices import DeviceNumber
from contracts.display import SCREEN_BYTES, SCREEN_WINDOW, CrtcIndex, VgaPort
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.protections import Protections
from contracts.ps2 import CommandByte, KbcCommand, OutputPort
from contracts.user_view import ATTENTION_TEXT
from isolation_kernel.model.machine import PlatformReset
from isolation_kernel.model.memory import Straps
from isolation_kernel.model.script import Halt, In, Operation, Out, Read, Script, SetIf, Spin, Vmmcall, Write

__all__ = ["ATTACKS", "Attack"]

_SECRET = 0x0753_0741
_FORGED = 0x4F58_4F58
_WINDOW = range(Physical.SCREEN, Physical.SCREEN + SCREEN_WINDOW, PAGE_SIZE)
_ARMED = 20  # rounds after which all guests have begun

Run = Callable[[Protections | None], bool]


@dataclass(frozen=True)
class Attack:
    """One attack."""

    run: Run
    control: str

    @property
    def name(self) -> str:
        """Its function's."""
        return self.run.__name__


ATTACKS: list[Attack] = []


def _attack(control: str) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        ATTACKS.append(Attack(run, control))
        return run

    return register


# what is typed


@_attack("keys_in_front")
def polls_port_60h_in_the_background(on: Protections | None) -> bool:
    """A key logger that never stops looking."""
    bench, heard = Bench(on), list[int]()
    bench.guest(busy, one_to_one=True)
    bench.guest(logger(heard))
    bench.run(_ARMED)
    bench.type(*(bytes([code]) for code in KEY[:4]))
    return bool(heard)


@_attack("keys_in_front")
def waits_for_irq_1_in_the_background(on: Protections | None) -> bool:
    """Its own 8259 and 8042 let the interrupt through."""

    def script() -> Script:
        yield from take_8042(CommandByte.KEYBOARD_INTERRUPT)
        for port, value in ((0x20, 0x11), (0x21, 0x40), (0x21, 4), (0x21, 1), (0x21, 0xFD)):
            yield Out(port, value)
        yield SetIf(True)
        yield from busy()

    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    spy = bench.guest(script)
    bench.run(_ARMED)
    bench.type(KEY[:1])
    return 0x41 in bench.machine.cpus[spy.vcpu.block].interrupts


@_attack("keys_in_front")
def asks_the_mouse_for_what_it_saw(on: Protections | None) -> bool:
    """READ of a remote mouse in the background tells of the user's hand."""
    seen: list[int] = []

    def script() -> Script:
        yield from take_8042()
        for byte in (0xF0, 0xEB):
            yield Out(Port.KBC_STATUS, KbcCommand.WRITE_MOUSE)
            yield Out(Port.KBC_DATA, byte)
            for _ in range(40):
                yield Spin(500)
        for _ in range(8):
            seen.append((yield In(Port.KBC_DATA)))
        yield from busy()

    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    bench.guest(script)
    for _ in range(60):
        bench.machine.ps2.move(bytes((0x08, 0x55, 0x2A)))
        bench.run(2)
    return 0x55 in seen


@_attack("io_permission")
def reads_the_real_8042(on: Protections | None) -> bool:
    """If its ports did not exit, the byte that waits there would be anybody's."""
    bench, heard = Bench(on), list[int]()
    bench.guest(busy, one_to_one=True)
    bench.guest(logger(heard))
    bench.run(_ARMED)
    for code in KEY[:8]:
        bench.type(bytes([code]), rounds=1)
    bench.run(40)
    return bool(set(heard) & set(KEY[:8]))


@_attack("held_keys")
def learns_what_was_held_over_a_switch(on: Protections | None) -> bool:
    """The release of a key that was pressed for the guest before."""
    bench, heard = Bench(on), list[int]()
    bench.guest(busy, one_to_one=True)
    bench.guest(logger(heard))
    bench.run(_ARMED)
    bench.type(KEY[:1])
    bench.choose(2)
    bench.type(release(KEY[0]))
    return KEY[0] in heard


@_attack("attention_key")
def hears_the_attention_key(on: Protections | None) -> bool:
    """The guest in front, which would draw the line that the user waits for."""
    bench, heard = Bench(on), list[int]()
    bench.guest(logger(heard), one_to_one=True)
    bench.run(_ARMED)
    bench.type(F12, release(F12[0]))
    return F12[0] in heard


def _ear(on: Protections | None, script: Callable[[], Script], **more: object) -> bool:
    """The user does not get past a guest in front."""
    bench = Bench(on)
    bench.guest(script, one_to_one=True, **more)  # type: ignore[arg-type]
    bench.guest(busy)
    bench.run(_ARMED)
    bench.type(F12, release(F12[0]))
    told = ATTENTION_TEXT in bench.line
    bench.type(b"\x1e")
    return not told or bench.front != 2


@_attack("attention_key")
def closes_its_ears(on: Protections | None) -> bool:
    """CLI, and a loop."""

    def script() -> Script:
        yield SetIf(False)
        yield from busy()

    return _ear(on, script)


@_attack("attention_key")
def halts_for_good(on: Protections | None) -> bool:
    """CLI, HLT."""

    def script() -> Script:
        yield SetIf(False)
        yield Halt()

    return _ear(on, script)


@_attack("attention_key")
def disables_its_keyboard(on: Protections | None) -> bool:
    """The controller's command, and the keyboard's own."""

    def script() -> Script:
        yield Out(Port.KBC_STATUS, KbcCommand.DISABLE_KEYBOARD)
        yield Out(Port.KBC_DATA, 0xF5)
        yield Out(Port.KBC_STATUS, KbcCommand.DISABLE_KEYBOARD)
        yield from busy()

    return _ear(on, script)


# the platform


def _resets(on: Protections | None, *writes: tuple[int, int]) -> bool:
    def script() -> Script:
        for port, value in writes:
            yield Out(port, value)
        yield from busy()

    bench = Bench(on)
    bench.guest(script, one_to_one=True)
    try:
        bench.run(_ARMED)
    except PlatformReset:
        return True
    return False


@_attack("reset_virtualised")
def resets_by_port_92h(on: Protections | None) -> bool:
    """Bit 0."""
    return _resets(on, (Port.SYSTEM_CONTROL_A, 1))


@_attack("reset_virtualised")
def resets_by_a_pulse(on: Protections | None) -> bool:
    """FEh to port 64h."""
    return _resets(on, (Port.KBC_STATUS, 0xFE))


@_attack("reset_virtualised")
def resets_by_the_output_port(on: Protections | None) -> bool:
    """D1h to port 64h, and bit 0 low."""
    return _resets(on, (Port.KBC_STATUS, KbcCommand.WRITE_OUTPUT_PORT), (Port.KBC_DATA, OutputPort.A20))


@_attack("input_bounds")
def stops_all_by_a_storm(on: Protections | None) -> bool:
    """Bytes without end from the keyboard: how many are taken while no guest runs."""
    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    bench.guest(busy)
    left, taken = [20_000], [0]
    ps2, read = bench.machine.ps2, bench.machine.ps2.read

    def storm(port: int) -> int:
        if port == Port.KBC_DATA and left[0]:
            left[0] -= 1
            taken[0] += 1
            return KEY[0]
        return 1 if left[0] else read(port)

    ps2.read = storm  # type: ignore[method-assign]
    most = 0
    for _ in range(40):
        taken[0] = 0
        bench.run(1)
        most = max(most, taken[0])
    return most > 100


# what is shown


def _shows(*words: tuple[int, int], then: Iterable[Operation] = ()) -> Callable[[], Script]:
    def script() -> Script:
        for at, word in words:
            yield Write(at, word)
        yield from then
        yield from busy()

    return script


@_attack("screen_apart")
def reads_another_guests_screen(on: Protections | None) -> bool:
    """In each of the eight pages where screen memory is seen."""
    seen: list[int] = []

    def script() -> Script:
        for _ in range(4):
            yield Vmmcall(Hypercall.YIELD)
        for page in _WINDOW:
            seen.append((yield Read(page)))
        yield from busy()

    bench = Bench(on)
    bench.guest(_shows((Physical.SCREEN, _SECRET), (Physical.SCREEN + PAGE_SIZE, _SECRET)), one_to_one=True)
    bench.guest(script)
    bench.run(60)
    assert len(seen) == len(_WINDOW)
    return _SECRET in seen


@_attack("screen_apart")
def writes_another_guests_screen(on: Protections | None) -> bool:
    """In each of the eight pages."""
    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    bench.guest(_shows(*((page + 0x100, _FORGED) for page in _WINDOW)))
    bench.run(60)
    return _FORGED in bench.words


def _after_a_switch(on: Protections | None, write: bool) -> bool:
    """A guest uses its screen, is not in front any more, and uses it again."""
    seen: list[int] = []

    def stays() -> Script:
        yield from paging_on(pages=256)
        while True:
            for page in _WINDOW:
                if write:
                    yield Write(page + 0x200, _FORGED)
                else:
                    seen.append((yield Read(page + 0x100)))
            yield Spin(300)

    bench = Bench(on)
    bench.guest(stays, one_to_one=True)
    bench.guest(_shows((Physical.SCREEN + 0x100, _SECRET)))
    bench.run(_ARMED)
    bench.choose(2)
    seen.clear()
    bench.machine.memory.screen[0x200:0x204] = bytes(4)  # what is there now is nobody's old writing
    bench.run(60)
    return _FORGED in bench.words if write else _SECRET in seen


@_attack("screen_revoke")
def writes_by_a_stale_entry(on: Protections | None) -> bool:
    """Of the shadow tables."""
    return _after_a_switch(on, write=True)


@_attack("screen_revoke")
def reads_by_a_stale_entry(on: Protections | None) -> bool:
    """Of the shadow tables."""
    return _after_a_switch(on, write=False)


@_attack("flush_on_revoke")
def writes_by_a_stale_translation(on: Protections | None) -> bool:
    """Of the TLB."""
    return _after_a_switch(on, write=True)


@_attack("flush_on_revoke")
def reads_by_a_stale_translation(on: Protections | None) -> bool:
    """Of the TLB."""
    return _after_a_switch(on, write=False)


def _moves(on: Protections | None, *registers: CrtcIndex) -> bool:
    """A guest in the background moves what the display shows."""
    writes = [Out(port, value) for number in registers for port, value in ((VgaPort.CRTC, number), (VgaPort.CRTC_DATA, 0x07))]
    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    bench.guest(_shows(then=writes))
    bench.run(60)
    shown = dict(zip(CrtcIndex, bench.machine.vga.state()[1::2], strict=False))
    return any(shown[number][1] == 0x07 for number in registers)


@_attack("vga_in_front")
def moves_another_guests_picture(on: Protections | None) -> bool:
    """The start address."""
    return _moves(on, CrtcIndex.START_HIGH, CrtcIndex.START_LOW)


@_attack("vga_in_front")
def moves_another_guests_cursor(on: Protections | None) -> bool:
    """Its place and its shape."""
    return _moves(on, CrtcIndex.CURSOR_START, CrtcIndex.CURSOR_HIGH, CrtcIndex.CURSOR_LOW)


@_attack("screen_clean")
def reads_what_an_ended_guest_showed(on: Protections | None) -> bool:
    """Whoever gets its frames."""
    seen: list[int] = []

    def reads() -> Script:
        for page in _WINDOW:
            seen.append((yield Read(page)))
        yield from busy()

    bench = Bench(on)
    bench.guest(busy, one_to_one=True)
    showed = _shows((Physical.SCREEN, _SECRET), (Physical.SCREEN + PAGE_SIZE, _SECRET), then=[Vmmcall(Hypercall.SHUTDOWN)])
    bench.guest(showed)
    bench.run(60)
    bench.guest(reads)
    bench.run(60)
    return _SECRET in seen


@_attack("dma_policy")
def writes_another_guests_screen_by_dma(on: Protections | None) -> bool:
    """A guest with an engine fills the frames in which its neighbour's screen lies."""
    bench = Bench(on)
    at: list[int] = []

    def script() -> Script:
        yield from paging_on()
        for n, word in enumerate((_FORGED, at[0], 64, DescriptorFlag.FILL | DescriptorFlag.LAST)):
            yield Write(0x30000 + 4 * n, word)
        yield Write(0x11000 + 4 * 32, Physical.DMA_ENGINES | Pte.P | Pte.RW)
        yield Write(0x20000 + DMA_ENGINE["DESCRIPTOR"].offset, 0x30000)
        yield Write(0x20000 + DMA_ENGINE["CONTROL"].offset, DMA_ENGINE["CONTROL"].field("START").put(1))
        yield from busy()

    bench.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    victim = bench.guest(busy)
    at.append(victim.memory.screen[0] * PAGE_SIZE)
    bench.run(60)
    bench.choose(2)
    return _FORGED in bench.words


@_attack("kernel_mmio_refused")
def writes_the_trusted_line(on: Protections | None) -> bool:
    """Mapped by its own page table; the display's own check of authority is off in both runs."""

    def script() -> Script:
        yield from paging_on()
        yield Write(0x11000 + 4 * 32, Physical.TRUSTED_LINE | Pte.P | Pte.RW)
        yield Write(0x20000, _FORGED)
        yield from busy()

    bench = Bench(on, straps=Straps(authority_check=False))
    bench.guest(script, one_to_one=True)
    bench.run(60)
    return bench.line.startswith("XX")


@_attack("line_columns")
def bears_a_name_that_shows_another_identity(on: Protections | None) -> bool:
    """A name that goes on where the identity stands, with what the user wants to read there."""
    bench = Bench(on)
    number = len(bench.kernel.partitions) + 1
    config = "bank".ljust(20) + "9f3c 12ab 77de 0042"
    bench.named(config, busy)
    bench.run(_ARMED)
    assert bench.front == number
    return "9f3c 12ab 77de 0042" in bench.line


@_attack("line_columns")
def bears_a_name_that_hides_the_phrase(on: Protections | None) -> bool:
    """So long that nothing of what follows is seen."""
    bench = Bench(on)
    bench.named("x" * 200, busy)
    bench.run(_ARMED)
    return PHRASE.decode() not in bench.line


assert SCREEN_BYTES == 2 * PAGE_SIZE
