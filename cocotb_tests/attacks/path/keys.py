"""Attacks on what is typed: hearing what was meant for another guest, and typing in the user's place."""

from cocotb_tests.attacks.path.attack import Attack, Conditions, Seeded, attack
from cocotb_tests.attacks.path.bench import ARMED, CHOOSE, F12, KEY, Bench, busy, logger, release, take_8042
from contracts.memory_map import Port
from contracts.ps2 import CommandByte, KbcCommand, KbcStatus, MouseCommand
from isolation_kernel.model.script import In, Out, Script, SetIf, Spin

__all__ = ["KEYS"]

KEYS: list[Attack] = []


@attack(KEYS, "keys_in_front")
def polls_port_60h_in_the_background(on: Conditions) -> bool:
    """A key logger that never stops looking."""
    bench, heard = Bench(on), list[int]()
    bench.guest(busy, one_to_one=True)
    bench.guest(logger(heard))
    bench.run(ARMED)
    bench.type(*(bytes([code]) for code in KEY[:4]))
    return bool(heard)


@attack(KEYS, "keys_in_front")
def waits_for_irq_1_in_the_background(on: Conditions) -> bool:
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
    bench.run(ARMED)
    bench.type(KEY[:1])
    return 0x41 in bench.machine.cpus[spy.vcpu.block].interrupts


@attack(KEYS, "keys_in_front")
def asks_the_mouse_for_what_it_saw(on: Conditions) -> bool:
    """READ of a remote mouse in the background tells of the user's hand."""
    seen: list[int] = []

    def script() -> Script:
        yield from take_8042()
        for byte in (MouseCommand.REMOTE, MouseCommand.READ):
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


@attack(KEYS, "io_permission")
def reads_the_real_8042(on: Conditions) -> bool:
    """If its ports did not exit, the byte that waits there would be anybody's."""
    bench, heard = Bench(on), list[int]()
    bench.guest(busy, one_to_one=True)
    bench.guest(logger(heard))
    bench.run(ARMED)
    for code in KEY[:8]:
        bench.type(bytes([code]), rounds=1)
    bench.run(40)
    return bool(set(heard) & set(KEY[:8]))


@attack(KEYS, "held_keys")
def learns_what_was_held_over_a_switch(on: Conditions) -> bool:
    """The release of a key that was pressed for the guest before."""
    bench, heard = Bench(on), list[int]()
    bench.guest(busy, one_to_one=True)
    bench.guest(logger(heard))
    bench.run(ARMED)
    bench.type(KEY[:1])
    bench.choose(2)
    bench.type(release(KEY[0]))
    return KEY[0] in heard


# the virtual 8042's buffers


def _reads_what_was_left(first_reads: bool, on: Conditions) -> bool:
    bench, heard, in_front = Bench(on), list[int](), False

    def leaves() -> Script:
        yield from take_8042()
        yield from logger([])() if first_reads else busy()

    def reads() -> Script:
        while not in_front:
            yield Spin(500)
        yield from logger(heard)()

    bench.guest(leaves, one_to_one=True)
    bench.guest(reads)
    bench.run(ARMED)
    for _ in range(3):  # more than the virtual keyboard keeps
        bench.type(*(each for code in KEY[:8] for each in (bytes([code]), release(code))), rounds=4)
    bench.run(40)
    bench.choose(2)
    in_front = True
    bench.run(40)
    return bool(set(heard) & set(KEY[:8]))


@attack(KEYS, Seeded.ONE_8042, harmless=lambda on: _reads_what_was_left(True, on))
def reads_what_its_predecessor_has_not(on: Conditions) -> bool:
    """The guest in front never reads: its 8042 and its keyboard are full when the user goes on to the next."""
    return _reads_what_was_left(False, on)


def _types(act: bytes, on: Conditions) -> tuple[Bench, list[int]]:
    """A guest in the background that has bytes come back by LOOP_KEYBOARD, as if its keyboard had sent them."""

    def types() -> Script:
        for byte in act:
            while (yield In(Port.KBC_STATUS)) & KbcStatus.OUTPUT_FULL:
                yield Spin(500)
            yield Out(Port.KBC_STATUS, KbcCommand.LOOP_KEYBOARD)
            yield Out(Port.KBC_DATA, byte)
            yield Spin(8_000)  # somebody else reads it, where the controller is not its own
        yield from busy()

    bench, heard = Bench(on), list[int]()
    shared = Seeded.ONE_8042 in on.seeded
    bench.guest(logger(heard) if shared or on.protections is None else busy, one_to_one=True)
    bench.guest(types)
    bench.run(80)
    return bench, heard


@attack(KEYS, Seeded.ONE_8042, harmless=lambda on: bool(_types(b"", on)[1]))
def types_for_its_neighbour_by_loopback(on: Conditions) -> bool:
    """D2h to port 64h."""
    return bool(_types(KEY[:2], on)[1])


@attack(KEYS, "io_permission", harmless=lambda on: _types(b"", on)[0].front == 2)
def brings_itself_to_the_front_by_loopback(on: Conditions) -> bool:
    """D2h to port 64h, with F12 and the digit of its own number."""
    return _types(F12 + CHOOSE[2], on)[0].front == 2
