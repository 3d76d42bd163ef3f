"""The 8042's part of a PC that has no keyboard yet: output port (A20, reset), command byte, self-test."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import IoSignature

__all__ = ["Command", "KeyboardController"]


class Command(enum.Enum, shape=8):
    """Commands written to port 64h. Any other is taken and does nothing."""

    READ_COMMAND_BYTE = 0x20
    WRITE_COMMAND_BYTE = 0x60
    DISABLE_MOUSE = 0xA7
    ENABLE_MOUSE = 0xA8
    TEST_MOUSE = 0xA9
    SELF_TEST = 0xAA
    TEST_KEYBOARD = 0xAB
    DISABLE_KEYBOARD = 0xAD
    ENABLE_KEYBOARD = 0xAE
    READ_OUTPUT_PORT = 0xD0
    WRITE_OUTPUT_PORT = 0xD1
    A20_OFF = 0xDD
    A20_ON = 0xDF
    # F0h to FFh pulse low the output port bits whose command bits 3:0 are zero; bit 0 is reset.


_SELF_TEST_PASSED = 0x55
_PORT_TEST_PASSED = 0x00
_PULSE = 0xF


class _OutputPort(data.Struct):
    """The output port; its bits 7:4 are keyboard lines and buffer flags."""

    not_reset: 1
    a20: 1
    mouse: 2
    keyboard_full: 1
    mouse_full: 1
    keyboard_clock: 1
    keyboard_data: 1


class _CommandByte(data.Struct):
    """The command byte (configuration)."""

    keyboard_interrupt: 1
    mouse_interrupt: 1
    system: 1  # shown in the status register
    reserved0: 1
    keyboard_disabled: 1
    mouse_disabled: 1
    translate: 1
    reserved1: 1


class _Parameter(enum.Enum, shape=2):
    """What the next byte written to port 60h is."""

    NONE = 0
    COMMAND_BYTE = 1
    OUTPUT_PORT = 2


class KeyboardController(wiring.Component):
    """Ports 60h (``data``) and 64h (``control``).

    ``a20`` Out(1): 1 after reset; ``reset`` Out(1): platform reset, one cycle; ``irq`` Out(1): IRQ 1.
    """

    data: In(IoSignature())
    control: In(IoSignature())
    a20: Out(1)
    reset: Out(1)
    irq: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        output = Signal(_OutputPort, init={"not_reset": 1, "a20": 1, "keyboard_clock": 1, "keyboard_data": 1})
        command_byte = Signal(_CommandByte, init={"system": 1, "keyboard_disabled": 1, "mouse_disabled": 1})
        buffer = Signal(8)
        full = Signal()
        after_command = Signal()
        parameter = Signal(_Parameter)
        command = Signal(8)
        m.d.comb += [
            self.a20.eq(output.a20),
            self.data.read_data.eq(buffer),
            self.control.read_data.eq(Cat(full, Const(0, 1), command_byte.system, after_command, Const(1, 1), Const(0, 3))),
            self.irq.eq(full & command_byte.keyboard_interrupt),
            command.eq(self.control.write_data),
        ]
        with m.If(self.data.read):
            m.d.sync += full.eq(0)

        with m.If(self.data.write):
            m.d.sync += [after_command.eq(0), parameter.eq(_Parameter.NONE)]
            with m.Switch(parameter):
                with m.Case(_Parameter.COMMAND_BYTE):
                    m.d.sync += command_byte.eq(self.data.write_data)
                with m.Case(_Parameter.OUTPUT_PORT):
                    written = _OutputPort(self.data.write_data)
                    m.d.sync += [output.a20.eq(written.a20), output.mouse.eq(written.mouse)]
                    m.d.comb += self.reset.eq(~written.not_reset)

        def answer(value: object) -> list[Any]:
            return [buffer.eq(value), full.eq(1)]

        with m.If(self.control.write):
            m.d.sync += [after_command.eq(1), parameter.eq(_Parameter.NONE)]
            with m.Switch(command):
                with m.Case(Command.READ_COMMAND_BYTE):
                    m.d.sync += answer(command_byte.as_value())
                with m.Case(Command.WRITE_COMMAND_BYTE):
                    m.d.sync += parameter.eq(_Parameter.COMMAND_BYTE)
                with m.Case(Command.DISABLE_MOUSE):
                    m.d.sync += command_byte.mouse_disabled.eq(1)
                with m.Case(Command.ENABLE_MOUSE):
                    m.d.sync += command_byte.mouse_disabled.eq(0)
                with m.Case(Command.SELF_TEST):
                    m.d.sync += answer(_SELF_TEST_PASSED)
                with m.Case(Command.TEST_KEYBOARD, Command.TEST_MOUSE):
                    m.d.sync += answer(_PORT_TEST_PASSED)
                with m.Case(Command.DISABLE_KEYBOARD):
                    m.d.sync += command_byte.keyboard_disabled.eq(1)
                with m.Case(Command.ENABLE_KEYBOARD):
                    m.d.sync += command_byte.keyboard_disabled.eq(0)
                with m.Case(Command.READ_OUTPUT_PORT):
                    m.d.sync += answer(Cat(output.as_value()[:4], full, output.as_value()[5:]))
                with m.Case(Command.WRITE_OUTPUT_PORT):
                    m.d.sync += parameter.eq(_Parameter.OUTPUT_PORT)
                with m.Case(Command.A20_OFF):
                    m.d.sync += output.a20.eq(0)
                with m.Case(Command.A20_ON):
                    m.d.sync += output.a20.eq(1)
            with m.If((self.control.write_data[4:] == _PULSE) & ~self.control.write_data[0]):
                m.d.comb += self.reset.eq(1)
        return m
