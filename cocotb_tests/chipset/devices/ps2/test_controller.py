"""What the controller does beyond its tests in ``test_commands.py``: devices, loops, order, turns, time-outs."""

import pytest

from chipset.devices.ps2 import controller
from chipset.devices.ps2.bits import CommandByteBits, OutputPortBits
from chipset.devices.ps2.controller import Ps2Controller
from cocotb_tests.chipset.bus_master import simulate
from cocotb_tests.chipset.devices.io_driver import IoDriver
from cocotb_tests.chipset.devices.ps2.bench import Bench, Key, Move, with_ps2
from contracts.ps2 import CommandByte, KbcCommand, KbcStatus, KeyPrefix, MouseCommand, OutputPort, Ps2Answer, translated

__all__: list[str] = []

PATIENCE = 50
BOTH = CommandByte.KEYBOARD_INTERRUPT | CommandByte.MOUSE_INTERRUPT | CommandByte.SYSTEM
A, UP = Key(0x1C), Key(0x75, prefix=KeyPrefix.E0)


@pytest.mark.parametrize(
    ("struct", "flags"),
    [(controller._Status, KbcStatus), (CommandByteBits, CommandByte), (OutputPortBits, OutputPort)],
)
def test_bits_lie_where_the_contract_has_them(struct, flags):
    names = {name.upper(): 1 << field.offset for name, field in struct.as_shape() if field.width == 1}
    shared = {flag.name for flag in flags} & set(names)
    assert len(shared) >= 6
    assert {name: names[name] for name in shared} == {name: int(flags[name]) for name in shared}


def test_loops_come_back_to_whom_they_name():
    async def program(bench: Bench):
        await bench.set_command_byte(BOTH | CommandByte.TRANSLATE)
        await bench.command(KbcCommand.LOOP_KEYBOARD)
        await bench.write(0x1C)
        await bench.cycles(1)
        assert bench.irqs == (1, 0)
        assert await bench.get() == 0x1C, "it is not translated"
        await bench.command(KbcCommand.LOOP_MOUSE)
        await bench.write(0xA5)
        await bench.cycles(1)
        assert bench.irqs == (0, 1)
        assert await bench.ask(KbcCommand.READ_INPUT_PORT, mouse=True) == 0xA5, "first come, first served"
        assert await bench.get() == 0x80
        assert bench.irqs == (0, 0)

    with_ps2(program)


def test_output_port_shows_whose_byte_waits():
    async def program(bench: Bench):
        await bench.command(KbcCommand.LOOP_MOUSE)
        await bench.write(1)
        await bench.command(KbcCommand.READ_OUTPUT_PORT)  # while that waits
        assert await bench.get(mouse=True) == 1
        lines = OutputPort.NOT_RESET | OutputPort.A20 | OutputPort.KEYBOARD_CLOCK | OutputPort.KEYBOARD_DATA
        assert await bench.get() == lines | OutputPort.MOUSE_FULL
        await bench.command(KbcCommand.SELF_TEST)
        await bench.command(KbcCommand.READ_OUTPUT_PORT)
        assert await bench.get() == 0x55
        assert await bench.get() == lines | OutputPort.KEYBOARD_FULL

    with_ps2(program)


def test_a_held_clock_keeps_bytes_back_and_a_byte_sent_sets_it_free():
    async def program(bench: Bench):
        await bench.key(A)
        assert await bench.empty(), "after reset both clocks are held"
        assert await bench.ask(KbcCommand.SELF_TEST) == 0x55
        assert await bench.to_keyboard(0xEE) == b"\xee"
        assert await bench.get() == 0x1C
        assert not await bench.ask(KbcCommand.READ_COMMAND_BYTE) & CommandByte.KEYBOARD_DISABLED
        await bench.command(KbcCommand.DISABLE_KEYBOARD)
        await bench.key(UP)
        assert await bench.empty()
        await bench.command(KbcCommand.ENABLE_KEYBOARD)
        assert [await bench.get(), await bench.get()] == [0xE0, 0x75]

        assert await bench.to_mouse(MouseCommand.ENABLE) == b"\xfa"
        assert not await bench.ask(KbcCommand.READ_COMMAND_BYTE) & CommandByte.MOUSE_DISABLED
        await bench.command(KbcCommand.DISABLE_MOUSE)
        await bench.move(Move(1, 2))
        assert await bench.empty()
        await bench.command(KbcCommand.ENABLE_MOUSE)
        assert [await bench.get(mouse=True) for _ in range(3)] == [8, 1, 2]

    with_ps2(program)


def test_translation_of_every_byte():
    """A released key's prefix sets bit 7 of the next code; the answers go through unchanged."""

    async def program(bench: Bench):
        await bench.set_command_byte(CommandByte.TRANSLATE)
        for code in range(0xF0):
            await bench.key(Key(code))
            assert await bench.get() == translated(code)
            await bench.key(Key(code, released=True, prefix=KeyPrefix.E0))
            assert [await bench.get(), await bench.get()] == [0xE0, translated(code) | 0x80]
        assert await bench.to_keyboard(0xF2, answers=3) == b"\xfa\xab\x41"
        await bench.set_command_byte(0)
        await bench.key(Key(0x1C, released=True))
        assert [await bench.get(), await bench.get()] == [0xF0, 0x1C]
        assert await bench.to_keyboard(0xF2, answers=3) == b"\xfa\xab\x83"

    with_ps2(program)


def test_a_release_that_was_begun_untranslated_leaves_nothing_behind():
    async def program(bench: Bench):
        await bench.set_command_byte(CommandByte.TRANSLATE)
        await bench.key(Key(0x1C, released=True))
        await bench.key(A)
        assert await bench.get() == 0x9E
        assert await bench.get() == 0x1E
        await bench.set_command_byte(0)
        await bench.key(Key(0x1C, released=True))
        assert await bench.get() == 0xF0
        await bench.set_command_byte(CommandByte.TRANSLATE)
        assert await bench.get() == 0x1C, "was on its way already"
        await bench.key(A)
        assert await bench.get() == 0x1E

    with_ps2(program)


def test_answers_come_first_and_devices_take_turns():
    async def program(bench: Bench):
        await bench.set_command_byte(BOTH)
        assert await bench.to_mouse(MouseCommand.ENABLE) == b"\xfa"
        for _ in range(8):
            await bench.key(A, patience=10)
        for n in range(3):
            await bench.move(Move(n + 1, 0))
        await bench.command(KbcCommand.TEST_MOUSE)  # while a byte is to be read
        seen = []
        for _ in range(12):
            now = await bench.until(KbcStatus.OUTPUT_FULL, KbcStatus.OUTPUT_FULL)
            seen.append((bool(now & KbcStatus.MOUSE), await bench.read()))
        assert seen[1] == (False, 0), "the controller's"
        assert [mouse for mouse, _ in seen[2:8]] in ([True, False] * 3, [False, True] * 3)
        moved = [value for mouse, value in seen if mouse]
        assert moved[0] == 8 and moved[1] in (1, 1 + 2, 1 + 2 + 3)

    with_ps2(program)


def test_the_line_falls_between_two_bytes():
    """Or an edge-triggered 8259 would not see the second."""

    async def program(bench: Bench):
        await bench.set_command_byte(BOTH)
        for _ in range(4):
            await bench.key(A)
        for _ in range(4):
            await bench.cycles(5)
            assert bench.irqs == (1, 0)
            assert await bench.read() == 0x1C
            assert bench.irqs == (0, 0)

    with_ps2(program)


def test_a_platform_reset_forgets_what_was_typed():
    async def program(bench: Bench):
        await bench.set_command_byte(BOTH)
        assert await bench.to_keyboard(0xED, 7) == b"\xfa"
        assert bench.leds == 7
        for code in (0x1C, 0x32, 0x21):
            await bench.key(Key(code))
        await bench.cycles(5)
        await bench.platform_reset()
        assert await bench.status() == 0x14
        assert bench.leds == 0 and bench.irqs == (0, 0)
        assert await bench.read() == 0
        await bench.set_command_byte(BOTH)
        assert await bench.empty()
        await bench.key(Key(0x2B))
        assert await bench.get() == 0x2B

    with_ps2(program)


@pytest.mark.parametrize("mouse", [False, True])
def test_a_device_that_takes_nothing_holds_up_nobody(mouse):
    """With no device at all: the byte is given up, the other device and the controller go on."""
    dut = Ps2Controller(patience=PATIENCE)
    dead, alive = (dut.mouse, dut.keyboard) if mouse else (dut.keyboard, dut.mouse)

    async def bench(ctx):
        data, control = IoDriver(ctx, dut.data), IoDriver(ctx, dut.control)
        ctx.set(alive.send.ready, 1)
        await control.write(0, KbcCommand.WRITE_COMMAND_BYTE)
        await data.write(0, int(BOTH))
        if mouse:
            await control.write(0, KbcCommand.WRITE_MOUSE)
        await data.write(0, 0xF2)
        assert ctx.get(dead.send.valid) and ctx.get(dead.send.payload) == 0xF2
        assert await control.read(0) & KbcStatus.INPUT_FULL
        await data.write(0, 0xF4)  # INPUT_FULL said that this would be lost
        await control.write(0, KbcCommand.SELF_TEST)
        await ctx.tick()
        assert await data.read(0) == 0x55
        await ctx.tick().repeat(PATIENCE)
        state = await control.read(0)
        assert state & (KbcStatus.INPUT_FULL | KbcStatus.TIMEOUT | KbcStatus.OUTPUT_FULL) == KbcStatus.TIMEOUT | KbcStatus.OUTPUT_FULL
        assert bool(state & KbcStatus.MOUSE) == mouse
        assert (ctx.get(dut.irq), ctx.get(dut.mouse_irq)) == (not mouse, mouse)
        assert await data.read(0) == Ps2Answer.RESEND
        assert not ctx.get(dead.send.valid)

        if not mouse:
            await control.write(0, KbcCommand.WRITE_MOUSE)
        ctx.set(alive.receive.valid, 1)
        ctx.set(alive.receive.payload, 0x5A)
        await data.write(0, 0xEE)
        assert ctx.get(alive.send.valid) and ctx.get(alive.send.payload) == 0xEE
        await ctx.tick().repeat(2)
        assert not await control.read(0) & (KbcStatus.TIMEOUT | KbcStatus.INPUT_FULL)
        assert await data.read(0) == 0x5A

    simulate(dut, bench)
