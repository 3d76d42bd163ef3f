"""The trusted guest of the scenario ``bank`` on a bare PC: keyboard and screen are real ones, of QEMU and of the machine."""

from contextlib import suppress
from pathlib import Path

from cocotb_tests.chipset.devices.display.reference import Shown
from cocotb_tests.system.test_console import Key, Qmp, put, struck
from contracts.bank import KEY_SIZE, Kind, tag
from contracts.display import COLUMNS, ROWS
from firmware.build import guest
from sim.bank.messages import Message
from sim.machine import Ending, Machine
from sim.multiboot import read_multiboot
from sim.oracles import qemu

__all__: list[str] = []

SLICE, LIMIT = 20_000, 8_000_000
ASKS = "bank: PIN\n"
PLAIN, BRIGHT, TITLE = 0x07, 0x0F, 0x1F
# Of the demonstration: a customer without a bank. A wrong digit is taken back, and a key that is none of ours does nothing.
WANTED = Message(Kind.PAYMENT, 1, 1, 1999, "EUR", "A demonstration").signed(bytes(KEY_SIZE))
BEFORE: list[Key] = [
    *struck("Digit1", "1", 0x02), *struck("Digit9", "9", 0x0A), *struck("Backspace", "backspace", 0x0E),
    *struck("ArrowUp", "up", 0xE0, 0x48), *struck("Digit2", "2", 0x03), *struck("Enter", "ret", 0x1C), *struck("Digit3", "3", 0x04),
]  # fmt: skip
AFTER: list[Key] = [*struck("Numpad4", "kp_4", 0x4B), *struck("Enter", "ret", 0x1C)]


def told(text: str) -> Message:
    """The payment that it prints."""
    said = bytes.fromhex(text.partition(ASKS)[2].strip())
    message = Message.read(said)
    assert message.tag == tag(bytes(KEY_SIZE), said)
    return message


def test_on_qemu(tmp_path: Path) -> None:
    control = Qmp(tmp_path / "qmp")

    def types() -> None:
        with suppress(OSError):  # QEMU is gone as soon as Enter goes down
            for key in (*BEFORE, *AFTER):
                control.send(key.events)

    extra = ("-vga", "std", "-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off")
    done = qemu.run(guest("bank"), extra=extra, cues=[(ASKS, types)])
    assert done.written == 0
    assert told(done.text) == WANTED


def test_on_the_machine() -> None:
    with Machine() as machine:
        machine.load_multiboot(read_multiboot(guest("bank"), machine.config.memory))

        def until(text: str) -> None:
            while not machine.outputs["com1"].decode().endswith(text):
                assert machine.run(SLICE).ending is Ending.LIMIT
                assert machine.cycle < LIMIT

        until(ASKS)
        for key in BEFORE:
            key.do(machine)
            machine.run(SLICE)
        screen = machine.screen()
        for key in AFTER:
            key.do(machine)
            machine.run(SLICE)
        outcome = machine.run(LIMIT)
        assert (outcome.ending, outcome.status) == (Ending.EXIT, 1)
        assert told(machine.outputs["com1"].decode()) == WANTED
    shown = Shown()
    put(shown, 0, " " * (COLUMNS * ROWS), PLAIN)
    put(shown, COLUMNS, " " * COLUMNS, TITLE)
    for row, column, text, colours in (
        (1, 2, "Bank: payments", TITLE), (3, 2, "Customer 1, last payment signed: number 0", PLAIN), (6, 2, "Pay", PLAIN),
        (6, 12, "19.99 EUR", BRIGHT), (7, 2, "to", PLAIN), (7, 12, "A demonstration", BRIGHT), (9, 2, "PIN", PLAIN),
        (9, 12, "***     ", BRIGHT), (10, 2, "Enter pays, Escape does not. Tries left: 3", PLAIN),
    ):  # fmt: skip
        put(shown, row * COLUMNS + column, text, colours)
    assert screen.dots in (shown.picture(0), shown.picture(8))  # the cursor blinks
