"""Keys at any moment of a switch, each byte of them after any number of the kernel's steps: exactly the guest that is meant hears them."""

import random
from collections.abc import Callable

import pytest

from cocotb_tests.attacks.path.attack import Conditions
from cocotb_tests.attacks.path.bench import ALL, KEY, Bench
from cocotb_tests.attacks.path.meant import ATTENTION, ESCAPE, Key, Meant, told
from contracts.memory_map import Port
from contracts.ps2 import CommandByte, KbcCommand, KbcStatus, MouseCommand
from isolation_kernel.model.script import In, Out, Script, Spin

__all__: list[str] = []

Heard = dict[int, tuple[bytes, bytes]]  # by guest: what its keyboard and its mouse have said

DIGITS = (b"\x16", b"\x1e", b"\x26")  # the third is nobody's
ARROWS = (b"\xe0\x75", b"\xe0\x72", b"\xe0\x1e", b"\xe0\x07")  # the last two: a choosing digit's and F12's codes, behind a prefix
LETTERS = tuple(KEY[n : n + 1] for n in range(4))
WAITING = 12  # bytes, fewer than a keyboard keeps
KEYS = 60


def listens(keyboard: bytearray, mouse: bytearray) -> Callable[[], Script]:
    """Keeps what comes, by where it comes from; the mouse's answer to the command that starts it apart."""

    def script() -> Script:
        yield Out(Port.KBC_STATUS, KbcCommand.WRITE_COMMAND_BYTE)
        yield Out(Port.KBC_DATA, CommandByte(0))
        yield Out(Port.KBC_STATUS, KbcCommand.WRITE_MOUSE)
        yield Out(Port.KBC_DATA, MouseCommand.ENABLE)
        yield In(Port.KBC_DATA)
        while True:
            while (status := (yield In(Port.KBC_STATUS))) & KbcStatus.OUTPUT_FULL:
                (mouse if status & KbcStatus.MOUSE else keyboard).append((yield In(Port.KBC_DATA)))
            yield Spin(200)

    return script


class Hands:
    """A user at the real keyboard and mouse. ``most`` steps of the kernel at most lie between two bytes."""

    def __init__(self, rng: random.Random, bench: Bench, most: int) -> None:
        self._rng, self._bench, self._most = rng, bench, most
        self._waiting, self._by_mouse = 0, False

    def settle(self) -> None:
        """All that was said is heard, and read by whom it reached."""
        self._bench.run(100)
        assert not self._bench.machine.ps2.read(Port.KBC_STATUS) & KbcStatus.OUTPUT_FULL
        self._waiting = 0

    def say(self, byte: int, mouse: bool = False) -> None:
        """A byte, and some time. The two devices take turns, so one is silent before the other speaks."""
        if mouse is not self._by_mouse or self._waiting >= WAITING:
            self.settle()
        self._by_mouse, self._waiting = mouse, self._waiting + 1
        (self._bench.machine.ps2.move if mouse else self._bench.machine.ps2.key)(bytes([byte]))
        self._bench.run(self._rng.randrange(self._most + 1))


def next_key(rng: random.Random, meant: Meant) -> tuple[Key, bool]:
    """Often what a switch is made of, and often what is down already; now and then a key goes up of which nobody knew that it was down."""
    if meant.down and rng.random() < 0.4:
        return rng.choice(sorted(meant.down)), rng.random() < 0.3
    if rng.random() < 0.2:
        return rng.choice((ATTENTION, ESCAPE)), rng.random() < 0.5
    if meant.choosing and rng.random() < 0.6:
        return rng.choice(DIGITS), True
    return rng.choice((ATTENTION, ATTENTION, ESCAPE, *DIGITS, *ARROWS, *LETTERS, *LETTERS)), rng.random() < 0.9


def typed(rng: random.Random, most: int, on: Conditions) -> tuple[Heard, Heard]:
    """What two guests have heard, and what was meant for each."""
    bench, meant = Bench(on), Meant(2)
    bench.checked = False  # the invariants do not depend on what is typed; they are checked where less is
    heard = {guest: (bytearray(), bytearray()) for guest in meant.keyboards}
    for guest, into in heard.items():
        bench.guest(listens(*into), one_to_one=guest == 1)
    hands = Hands(rng, bench, most)
    hands.settle()
    for _ in range(KEYS):
        if rng.random() < 0.1:
            packet = bytes((0x08 | rng.randrange(8), rng.randrange(256), rng.randrange(256)))
            at = rng.randrange(4)  # of its bytes, so many before the user asks for the kernel
            for n, byte in enumerate(packet):
                if n == at:
                    hands.say(ATTENTION[0])
                    meant.key(ATTENTION, True)
                hands.say(byte, mouse=True)
            meant.move(packet)
        key, down = next_key(rng, meant)
        for byte in told(key, down):
            hands.say(byte)
        meant.key(key, down)
    hands.settle()
    if on is ALL:
        assert bench.front == meant.front and bench.kernel.view.hands.attention is meant.choosing
    wanted = {guest: (meant.keyboards[guest], meant.mice[guest]) for guest in heard}
    return {guest: (bytes(keyboard), bytes(mouse)) for guest, (keyboard, mouse) in heard.items()}, wanted


@pytest.mark.parametrize("most", (0, 1, 4, 12))
def test_each_byte_reaches_the_guest_that_is_meant(rng: random.Random, most: int) -> None:
    heard, meant = typed(rng, most, ALL)
    assert heard == meant
    assert any(keyboard for keyboard, _ in meant.values()) and any(mouse for _, mouse in meant.values())


@pytest.mark.regress
@pytest.mark.parametrize("most", range(8))
def test_each_byte_reaches_the_guest_that_is_meant_long(rng: random.Random, most: int) -> None:
    for _ in range(12):
        heard, meant = typed(rng, most, ALL)
        assert heard == meant


@pytest.mark.parametrize("control", ("keys_in_front", "attention_key", "held_keys"))
def test_without_each_rule_others_hear(rng: random.Random, control: str) -> None:
    heard, meant = typed(rng, 4, Conditions.without(control))
    assert heard != meant
    others = [heard[guest][0] for guest in heard if len(heard[guest][0]) > len(meant[guest][0])]
    assert others  # more than was meant
