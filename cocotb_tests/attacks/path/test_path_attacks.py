"""Every attack on keyboard and screen fails, and succeeds in a control run that leaves out one protection."""

import pytest

from cocotb_tests.attacks.path.attack import Attack, Conditions, Seeded
from cocotb_tests.attacks.path.bench import ALL, PHRASE, SCREEN_WINDOW_PAGES, Bench, busy
from cocotb_tests.attacks.path.table import ATTACKS
from contracts.configuration import GuestConfig, MultibootEntry
from contracts.display import AttributeIndex, AttributeMode, CrtcIndex, CursorStart, VgaPort
from contracts.hypercalls import Hypercall, Status
from contracts.memory_map import PAGE_SIZE, Physical
from isolation_kernel.frames import KernelError
from isolation_kernel.model.script import In, Out, ReadCr, Script, SetRing, Spin, Vmmcall, Write

__all__: list[str] = []


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_fails(attack: Attack) -> None:
    assert not attack.run(ALL)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_succeeds_without_its_protection(attack: Attack) -> None:
    assert attack.run(Conditions.without(attack.control))


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.harmless], ids=lambda attack: attack.name)
def test_it_is_the_attackers_act_that_succeeds(attack: Attack) -> None:
    assert attack.harmless is not None and not attack.harmless(Conditions.without(attack.control))


def test_each_switch_of_the_path_is_attacked() -> None:
    own = {
        "screen_apart", "screen_revoke", "screen_clean", "vga_in_front", "keys_in_front", "attention_key", "held_keys", "input_bounds",
        "line_columns",
    }  # fmt: skip
    assert own | set(Seeded) <= {attack.control for attack in ATTACKS}
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) == 52


def test_the_line_names_the_guest_in_front_and_shows_the_phrase() -> None:
    bench = Bench()
    first, second = bench.guest(busy, one_to_one=True), bench.guest(busy)
    for number, guest in ((1, first), (2, second)):
        bench.choose(number)
        assert bench.line == (
            f"{number} {guest.config.name:20}{' '.join(guest.identity[n : n + 4] for n in range(0, 16, 4))} ".ljust(54)
            + f"{PHRASE.decode():26}"
        )


def test_a_switch_brings_screen_and_registers_along() -> None:
    def shows(word: int, cursor: int) -> Script:
        yield Write(Physical.SCREEN + 8, word)
        for number, byte in ((CrtcIndex.CURSOR_LOW, cursor), (CrtcIndex.CURSOR_START, CursorStart.OFF)):
            yield Out(VgaPort.CRTC, number)
            yield Out(VgaPort.CRTC_DATA, byte)
        yield In(VgaPort.INPUT_STATUS)
        yield Out(VgaPort.ATTRIBUTE, AttributeIndex.MODE)
        yield Out(VgaPort.ATTRIBUTE, cursor & AttributeMode.BLINK)
        yield from busy()

    bench = Bench()
    first = bench.guest(lambda: shows(0x1111_1111, 0x50), one_to_one=True)
    second = bench.guest(lambda: shows(0x2222_2222, 0x5F))
    bench.run(60)
    for guest, word in ((second, 0x2222_2222), (first, 0x1111_1111), (second, 0x2222_2222)):
        bench.choose(guest.number)
        assert bench.words[2] == word
        assert bench.machine.vga.state() == guest.pc.pc.vga.state()
    assert first.pc.pc.vga.state() != second.pc.pc.vga.state()


def test_who_ends_in_front_leaves_nothing_to_be_seen() -> None:
    def script() -> Script:
        yield Write(Physical.SCREEN, 0x0753_0741)
        yield from (Vmmcall(Hypercall.YIELD) for _ in range(4))
        yield Vmmcall(Hypercall.SHUTDOWN)

    bench = Bench()
    bench.guest(script, one_to_one=True)
    bench.guest(busy)
    while not bench.words[0]:
        bench.run(1)
    bench.run(40)
    assert bench.front == 2 and not any(bench.words)


def test_who_is_reset_for_ever_is_not_in_front() -> None:
    def script() -> Script:
        yield SetRing(3)
        yield ReadCr(0)

    bench = Bench()
    bench.guest(script, one_to_one=True, restart_on_reset=True)
    bench.guest(busy)
    bench.run(30)
    assert bench.kernel.partitions[1].alive and bench.front == 2


@pytest.mark.parametrize("call", (Hypercall.GIVE_PAGE, Hypercall.SHARE_PAGE), ids=lambda call: call.name)
@pytest.mark.parametrize("front", (True, False))
def test_a_page_of_the_screen_is_not_given_away(call: Hypercall, front: bool) -> None:
    answers: list[int] = []

    def script() -> Script:
        for page in range(Physical.SCREEN, Physical.SCREEN + 8 * PAGE_SIZE, PAGE_SIZE):
            answers.append((yield Vmmcall(call, *((page, 2) if call is Hypercall.GIVE_PAGE else (2, page)))))
        yield from busy()

    bench = Bench()
    if front:
        bench.guest(script, one_to_one=True)
        bench.guest(busy)
    else:
        bench.guest(busy, one_to_one=True)
        bench.guest(script)
    bench.run(60)
    assert len(answers) == 8 and all(answer < 0 for answer in answers)


@pytest.mark.parametrize("call", (Hypercall.ACCEPT_PAGE, Hypercall.MAP_SHARED), ids=lambda call: call.name)
@pytest.mark.parametrize("front", (True, False))
def test_no_page_appears_in_the_place_of_the_screen(call: Hypercall, front: bool) -> None:
    """Neither one that is given nor a channel's: it would be seen instead of the screen, or written by who is at the other end."""
    answers: list[int] = []

    def gives() -> Script:
        yield Vmmcall(Hypercall.OPEN, 2, 0x8000)
        for operation in (Vmmcall(Hypercall.GIVE_PAGE, 0x20000, 2), Vmmcall(Hypercall.SHARE_PAGE, 0x21000, 2)):
            assert not (yield operation)
        yield from busy()

    def wants() -> Script:
        yield Vmmcall(Hypercall.OPEN, 1, 0x8000)
        yield Spin(40_000)
        for page in (*SCREEN_WINDOW_PAGES, 0x50000, 0x60000):
            answers.append((yield Vmmcall(call, page, 1)))
        yield from busy()

    bench = Bench()
    bench.guest(gives, one_to_one=True)
    second = bench.guest(wants)
    if front:
        bench.kernel.view.show(second)
    bench.run(80)
    assert answers == [Status.BAD_ARGUMENT] * len(SCREEN_WINDOW_PAGES) + [Status.OK, answers[-1]] and answers[-1] != Status.OK


def test_no_guest_is_loaded_over_the_screen() -> None:
    bench = Bench()
    with pytest.raises(KernelError, match="do not fit"):
        bench.kernel.load_guest(GuestConfig("x", 1 << 20, ((Physical.SCREEN + PAGE_SIZE, b"\1"),), MultibootEntry(0x2000)))


def test_a_machine_without_a_display_has_guests_with_screens() -> None:
    bench = Bench()
    bench.machine.memory.has_display = False
    bench = type(bench)(machine=bench.machine)
    seen: list[int] = []

    def script() -> Script:
        yield Write(Physical.SCREEN, 5)
        seen.append((yield Write(Physical.SCREEN, 5)) or 0)
        yield from busy()

    bench.guest(script, one_to_one=True)
    bench.run(20)
    assert seen and not any(bench.words)
