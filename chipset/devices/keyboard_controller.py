"""The 8042's part of a PC that has no keyboard yet: output port (A20, reset), command byte, self-test."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.ps2.bits import CommandByteBits, OutputPortBits
from chipset.interconnect.ports import IoSignature
from contracts.ps2 import PORT_PASSED, SELF_TEST_PASSED, KbcCommand

__all__ = ["KeyboardController"]


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
        output = Signal(OutputPortBits, init={"not_reset": 1, "a20": 1, "keyboard_clock": 1, "keyboard_data": 1})
        command_byte = Signal(CommandByteBits, init={"system": 1, "keyboard_disabled": 1, "mouse_disabled": 1})
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
                    written = OutputPortBits(self.data.write_data)
                    m.d.sync += [output.a20.eq(written.a20), output.mouse.eq(written.mouse)]
                    m.d.comb += self.reset.eq(~written.not_reset)

        def answer(value: object) -> list[Any]:
            return [buffer.eq(value), full.eq(1)]

        with m.If(self.control.write):
            m.d.sync += [after_command.eq(1), parameter.eq(_Parameter.NONE)]
            with m.Switch(command):
                with m.Case(KbcCommand.READ_COMMAND_BYTE):
                    m.d.sync += answer(command_byte.as_value())
                with m.Case(KbcCommand.WRITE_COMMAND_BYTE):
                    m.d.sync += parameter.eq(_Parameter.COMMAND_BYTE)
                with m.Case(KbcCommand.DISABLE_MOUSE):
                    m.d.sync += command_byte.mouse_disabled.eq(1)
                with m.Case(KbcCommand.ENABLE_MOUSE):
                    m.d.sync += command_byte.mouse_disabled.eq(0)
                with m.Case(KbcCommand.SELF_TEST):
                    m.d.sync += answer(SELF_TEST_PASSED)
                with m.Case(KbcCommand.TEST_KEYBOARD, KbcCommand.TEST_MOUSE):
                    m.d.sync += answer(PORT_PASSED)
                with m.Case(KbcCommand.DISABLE_KEYBOARD):
                    m.d.sync += command_byte.keyboard_disabled.eq(1)
                with m.Case(KbcCommand.ENABLE_KEYBOARD):
                    m.d.sync += command_byte.keyboard_disabled.eq(0)
                with m.Case(KbcCommand.READ_OUTPUT_PORT):
                    m.d.sync += answer(Cat(output.as_value()[:4], full, output.as_value()[5:]))
                with m.Case(KbcCommand.WRITE_OUTPUT_PORT):
                    m.d.sync += parameter.eq(_Parameter.OUTPUT_PORT)
                with m.Case(KbcCommand.A20_OFF):
                    m.d.sync += output.a20.eq(0)
                with m.Case(KbcCommand.A20_ON):
                    m.d.sync += output.a20.eq(1)
            with m.If((self.control.write_data[4:] == KbcCommand.PULSE >> 4) & ~self.control.write_data[0]):
                m.d.comb += self.reset.eq(1)
        return m
