"""The 8042: ports 60h and 64h, the output port (A20, reset), and the way of bytes to and from keyboard and mouse."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.ps2.bits import CommandByteBits, OutputPortBits
from chipset.devices.ps2.port import Ps2Signature
from chipset.devices.ps2.translation import ScanCodeTranslation
from chipset.interconnect.ports import IoSignature
from contracts.ps2 import INPUT_PORT, PORT_PASSED, RELEASE, SELF_TEST_PASSED, KbcCommand, Ps2Answer

__all__ = ["PATIENCE", "Ps2Controller"]

PATIENCE = 1 << 19  # cycles: a device begins to take a byte within 15 ms, says IBM, which is 375,000 cycles at 25 MHz


class _Status(data.Struct):
    """``contracts.ps2.KbcStatus``."""

    output_full: 1
    input_full: 1
    system: 1
    command: 1
    not_locked: 1
    mouse: 1
    timeout: 1
    parity: 1  # never set: what checks parity is on the other side of ``Ps2Signature``


class _Parameter(enum.Enum, shape=3):
    """What the next byte written to port 60h is."""

    FOR_KEYBOARD = 0
    COMMAND_BYTE = 1
    OUTPUT_PORT = 2
    LOOP_KEYBOARD = 3
    LOOP_MOUSE = 4
    FOR_MOUSE = 5


class _Byte(data.Struct):
    """A byte for port 60h."""

    value: 8
    mouse: 1


class Ps2Controller(wiring.Component):
    """One byte waits at port 60h at a time; an answer of the controller comes before the devices' bytes, and these two take turns.

    Commands act at once. An answer that is asked for while another still waits takes its place. A byte for a device that is written
    while one is on its way is lost: ``INPUT_FULL`` says so. A device that does not take a byte holds up nobody: after ``patience``
    cycles the byte is given up, TIMEOUT is set and RESEND is to be read in the device's name.

    Parameters
    ----------
    patience : cycles

    Members
    -------
    data, control : In(IoSignature), ports 60h and 64h
    a20 : Out(1), 1 after reset; reset : Out(1), platform reset, one cycle
    irq, mouse_irq : Out(1), IRQ 1 and IRQ 12
    keyboard, mouse : Out(Ps2Signature)
    """

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        super().__init__({
            "data": In(IoSignature()), "control": In(IoSignature()), "a20": Out(1), "reset": Out(1), "irq": Out(1), "mouse_irq": Out(1),
            "keyboard": Out(Ps2Signature()), "mouse": Out(Ps2Signature()),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._output = Signal(OutputPortBits, init={"not_reset": 1, "a20": 1, "keyboard_clock": 1, "keyboard_data": 1})
        self._command_byte = Signal(CommandByteBits, init={"system": 1, "keyboard_disabled": 1, "mouse_disabled": 1})
        self._parameter = Signal(_Parameter)
        self._buffer = Signal(_Byte)  # port 60h; stays to be read again
        self._full = Signal()
        self._answer = Signal(_Byte)  # of this cycle
        self._answers = Signal()
        self._sends = Signal()  # a byte is on its way to a device
        self._sent = Signal(_Byte)
        self._timeout = Signal()
        after_command = Signal()
        status = Signal(_Status)
        m.d.comb += [
            self.a20.eq(self._output.a20),
            status.output_full.eq(self._full), status.input_full.eq(self._sends), status.system.eq(self._command_byte.system),
            status.command.eq(after_command), status.not_locked.eq(1), status.mouse.eq(self._full & self._buffer.mouse),
            status.timeout.eq(self._timeout),
            self.control.read_data.eq(status), self.data.read_data.eq(self._buffer.value),
            self.irq.eq(self._full & ~self._buffer.mouse & self._command_byte.keyboard_interrupt),
            self.mouse_irq.eq(self._full & self._buffer.mouse & self._command_byte.mouse_interrupt),
        ]  # fmt: skip
        with m.If(self.data.write | self.control.write):
            m.d.sync += [after_command.eq(self.control.write), self._parameter.eq(_Parameter.FOR_KEYBOARD)]
        with m.If(self.data.write):
            self._take_parameter(m)
        with m.If(self.control.write):
            self._take_command(m)
        self._send(m)
        self._receive(m)
        return m

    def _reply(self, value: Any, mouse: Any = 0) -> list[Any]:
        """The controller's own answer."""
        return [self._answers.eq(1), self._answer.value.eq(value), self._answer.mouse.eq(mouse)]

    def _take_parameter(self, m: Module) -> None:
        written = self.data.write_data
        with m.Switch(self._parameter):
            with m.Case(_Parameter.COMMAND_BYTE):
                m.d.sync += self._command_byte.eq(written)
            with m.Case(_Parameter.OUTPUT_PORT):
                port = OutputPortBits(written)
                m.d.sync += [self._output.a20.eq(port.a20), self._output.mouse.eq(port.mouse)]
                m.d.comb += self.reset.eq(~port.not_reset)
            with m.Case(_Parameter.LOOP_KEYBOARD):
                m.d.comb += self._reply(written)
            with m.Case(_Parameter.LOOP_MOUSE):
                m.d.comb += self._reply(written, mouse=1)

    def _take_command(self, m: Module) -> None:
        command, command_byte = self.control.write_data, self._command_byte
        asks_for = {
            KbcCommand.WRITE_COMMAND_BYTE: _Parameter.COMMAND_BYTE, KbcCommand.WRITE_OUTPUT_PORT: _Parameter.OUTPUT_PORT,
            KbcCommand.LOOP_KEYBOARD: _Parameter.LOOP_KEYBOARD, KbcCommand.LOOP_MOUSE: _Parameter.LOOP_MOUSE,
            KbcCommand.WRITE_MOUSE: _Parameter.FOR_MOUSE,
        }  # fmt: skip
        keyboard_full, mouse_full = self._full & ~self._buffer.mouse, self._full & self._buffer.mouse
        output = self._output.as_value()
        replies = {
            KbcCommand.READ_COMMAND_BYTE: command_byte.as_value(), KbcCommand.SELF_TEST: SELF_TEST_PASSED,
            KbcCommand.TEST_MOUSE: PORT_PASSED, KbcCommand.TEST_KEYBOARD: PORT_PASSED, KbcCommand.READ_INPUT_PORT: INPUT_PORT,
            KbcCommand.READ_OUTPUT_PORT: Cat(output[:4], keyboard_full, mouse_full, output[6:]),
        }  # fmt: skip
        sets = {
            KbcCommand.DISABLE_MOUSE: command_byte.mouse_disabled.eq(1), KbcCommand.ENABLE_MOUSE: command_byte.mouse_disabled.eq(0),
            KbcCommand.DISABLE_KEYBOARD: command_byte.keyboard_disabled.eq(1),
            KbcCommand.ENABLE_KEYBOARD: command_byte.keyboard_disabled.eq(0),
            KbcCommand.A20_OFF: self._output.a20.eq(0), KbcCommand.A20_ON: self._output.a20.eq(1),
        }  # fmt: skip
        with m.Switch(command):
            for code, parameter in asks_for.items():
                with m.Case(int(code)):
                    m.d.sync += self._parameter.eq(parameter)
            for code, value in replies.items():
                with m.Case(int(code)):
                    m.d.comb += self._reply(value)
            for code, assignment in sets.items():
                with m.Case(int(code)):
                    m.d.sync += assignment
            with m.Case(f"{KbcCommand.PULSE >> 4:04b}---0"):
                m.d.comb += self.reset.eq(1)

    def _send(self, m: Module) -> None:
        """Bytes to the devices, which set the device's clock free."""
        command_byte = self._command_byte
        byte = self._sent
        silence = Signal(range(self._patience + 1))
        lines = (self.keyboard.send, self.mouse.send)
        for line, chosen in zip(lines, (~byte.mouse, byte.mouse), strict=True):
            m.d.comb += [line.valid.eq(self._sends & chosen), line.payload.eq(byte.value)]
        with m.If(self._sends):
            with m.If(Mux(byte.mouse, self.mouse.send.ready, self.keyboard.send.ready)):
                m.d.sync += self._sends.eq(0)
            with m.Elif(silence != self._patience):
                m.d.sync += silence.eq(silence + 1)
            with m.Elif(~self.data.write & ~self.control.write):  # which may have an answer of its own
                m.d.comb += self._reply(Ps2Answer.RESEND, mouse=byte.mouse)
                m.d.sync += [self._sends.eq(0), self._timeout.eq(1)]
        for_keyboard, for_mouse = (self._parameter == each for each in (_Parameter.FOR_KEYBOARD, _Parameter.FOR_MOUSE))
        with m.If(self.data.write & (for_keyboard | for_mouse) & ~self._sends):
            m.d.sync += [
                self._sends.eq(1),
                byte.value.eq(self.data.write_data),
                byte.mouse.eq(for_mouse),
                silence.eq(0),
                self._timeout.eq(0),
            ]
            with m.If(for_mouse):
                m.d.sync += command_byte.mouse_disabled.eq(0)
            with m.Else():
                m.d.sync += command_byte.keyboard_disabled.eq(0)

    def _receive(self, m: Module) -> None:
        """What comes to port 60h."""
        waiting = Signal(_Byte)  # an answer, until the buffer is free
        waits = Signal()
        mouse_turn = Signal()
        m.submodules.translation = translation = ScanCodeTranslation()
        keyboard, mouse, translate = self.keyboard.receive, self.mouse.receive, self._command_byte.translate
        released = Signal()  # the next code is that of a key let go
        swallowed = Signal()  # the prefix itself is not passed on
        free = Signal()
        # A device that is sent a byte says nothing meanwhile.
        open_keyboard = ~self._command_byte.keyboard_disabled & ~(self._sends & ~self._sent.mouse)
        open_mouse = ~self._command_byte.mouse_disabled & ~(self._sends & self._sent.mouse)
        m.d.comb += [
            free.eq(~self._full & ~waits & ~self._answers),
            keyboard.ready.eq(free & open_keyboard & ~(mouse_turn & mouse.valid & open_mouse)),
            mouse.ready.eq(free & open_mouse & ~(keyboard.ready & keyboard.valid)),
            translation.code.eq(keyboard.payload), swallowed.eq(translate & (keyboard.payload == RELEASE)),
        ]  # fmt: skip
        with m.If(self.data.read):
            m.d.sync += self._full.eq(0)

        def fill(byte: Any) -> list[Any]:
            return [self._buffer.eq(byte), self._full.eq(1)]

        code = translation.translated | Cat(Const(0, 7), released)
        with m.If(~self._full & waits):
            m.d.sync += [*fill(waiting), waits.eq(0)]
        with m.Elif(~self._full & self._answers):
            m.d.sync += fill(self._answer)
        with m.Elif(keyboard.valid & keyboard.ready):
            m.d.sync += [released.eq(swallowed), mouse_turn.eq(1)]
            with m.If(~swallowed):
                m.d.sync += fill(Cat(Mux(translate, code, keyboard.payload), Const(0, 1)))
        with m.Elif(mouse.valid & mouse.ready):
            m.d.sync += [*fill(Cat(mouse.payload, Const(1, 1))), mouse_turn.eq(0)]
        with m.If(self._answers & (self._full | waits)):
            m.d.sync += [waiting.eq(self._answer), waits.eq(1)]
