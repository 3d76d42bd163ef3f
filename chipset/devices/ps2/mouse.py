"""A mouse with three buttons: movements come as events and leave as packets of three bytes; commands as in IBM's Technical Reference."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.ps2.port import MouseEvent, Ps2Signature
from chipset.devices.ps2.reply import Reply
from contracts.ps2 import MOUSE_DEFAULT_RATE, MOUSE_DEFAULT_RESOLUTION, MOUSE_ID, MouseCommand, Ps2Answer

__all__ = ["Mouse"]

_COUNTER_WIDTH = 9
_RESOLUTION_WIDTH = 2


class _Parameter(enum.Enum, shape=2):
    """What the next byte is; RESET is one always."""

    NONE = 0
    RESOLUTION = 1
    RATE = 2


class _Counter(wiring.Component):
    """How far the mouse has moved in one direction. ``clear`` In(1); ``add`` In(signed), from the next cycle on, beside ``clear`` too;
    ``value`` Out(signed) stays at its bound with ``overflow`` Out(1) if it would leave it."""

    clear: In(1)
    add: In(signed(_COUNTER_WIDTH))
    value: Out(signed(_COUNTER_WIDTH))
    overflow: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = Signal(signed(_COUNTER_WIDTH + 1))
        m.d.comb += total.eq(Mux(self.clear, 0, self.value) + self.add)
        beyond = total[-1] ^ total[-2]
        bound = Cat((~total[-1]).replicate(_COUNTER_WIDTH - 1), total[-1])
        m.d.sync += [self.value.eq(Mux(beyond, bound, total)), self.overflow.eq(beyond | (self.overflow & ~self.clear))]
        return m


class Mouse(wiring.Component):
    """It counts movements while it may report them (ENABLE, or REMOTE, in which READ asks for each packet), and makes a packet of what it
    has as soon as the one before has left. Resolution, rate and scaling are kept and shown by STATUS and change nothing: what a count is,
    and how often there are any, is for whoever supplies events.

    Members
    -------
    line : In(Ps2Signature)
    moves : stream of MouseEvent, In; taken at once
    """

    line: In(Ps2Signature())
    moves: In(stream.Signature(MouseEvent))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        receive, event = self.line.receive, self.moves.payload
        m.submodules.reply = reply = Reply()
        m.submodules.x = x = _Counter()
        m.submodules.y = y = _Counter()
        self._enabled = Signal()
        self._remote = Signal()
        self._last = Signal(8)
        self._forget = Signal()  # what has been counted
        told = Signal()  # it goes into a packet
        buttons = Signal(3)  # left, right, middle
        now = Cat(event.left, event.right, event.middle)
        changed = Signal()
        counts = self._enabled | self._remote
        self._buttons = buttons
        self._packet = (Cat(buttons, Const(1, 1), x.value[-1], y.value[-1], x.overflow, y.overflow), x.value[:8], y.value[:8])
        m.d.comb += [
            receive.valid.eq(reply.out.valid), receive.payload.eq(reply.out.payload), reply.out.ready.eq(receive.ready),
            self.moves.ready.eq(1), x.clear.eq(self._forget | told), y.clear.eq(self._forget | told),
        ]  # fmt: skip
        with m.If(receive.valid & receive.ready):
            m.d.sync += self._last.eq(receive.payload)
        with m.If(self._forget | told):
            m.d.sync += changed.eq(0)
        with m.If(self.moves.valid):
            m.d.sync += buttons.eq(now)
            with m.If(counts & ~self._forget):
                m.d.comb += [x.add.eq(event.x), y.add.eq(event.y)]
                m.d.sync += changed.eq((changed & ~told) | (event.x != 0) | (event.y != 0) | (now != buttons))
        with m.If(self.line.send.valid):
            self._obey(m, reply, told)
        with m.Elif(self._enabled & ~self._remote & changed & ~reply.out.valid):
            m.d.comb += [*reply.say(*self._packet), told.eq(1)]
        return m

    def _obey(self, m: Module, reply: Reply, told: Value) -> None:
        """Commands and their parameters, taken at once."""
        byte = self.line.send.payload
        parameter = Signal(_Parameter)
        scaled = Signal()
        resolution = Signal(_RESOLUTION_WIDTH, init=MOUSE_DEFAULT_RESOLUTION)
        rate = Signal(8, init=MOUSE_DEFAULT_RATE)
        enabled, remote = self._enabled, self._remote
        left, right, middle = self._buttons
        status = (Cat(right, middle, left, Const(0, 1), scaled, enabled, remote, Const(0, 1)), Cat(resolution, Const(0, 6)), rate)
        defaults = [
            enabled.eq(0), remote.eq(0), scaled.eq(0), resolution.eq(MOUSE_DEFAULT_RESOLUTION), rate.eq(MOUSE_DEFAULT_RATE),
        ]  # fmt: skip
        sets = {
            MouseCommand.SCALE_1_TO_1: [scaled.eq(0)], MouseCommand.SCALE_2_TO_1: [scaled.eq(1)], MouseCommand.STREAM: [remote.eq(0)],
            MouseCommand.REMOTE: [remote.eq(1)], MouseCommand.ENABLE: [enabled.eq(1)], MouseCommand.DISABLE: [enabled.eq(0)],
            MouseCommand.SET_DEFAULTS: defaults, MouseCommand.RESET: defaults,
            MouseCommand.SET_RESOLUTION: [parameter.eq(_Parameter.RESOLUTION)], MouseCommand.SET_RATE: [parameter.eq(_Parameter.RATE)],
        }  # fmt: skip
        keeps_count = (MouseCommand.SCALE_1_TO_1, MouseCommand.SCALE_2_TO_1, MouseCommand.SET_RESOLUTION, MouseCommand.SET_RATE)
        m.d.comb += self.line.send.ready.eq(1)
        m.d.sync += parameter.eq(_Parameter.NONE)
        with m.If((parameter == _Parameter.NONE) | (byte == MouseCommand.RESET)):
            with m.Switch(byte):
                for command, statements in sets.items():
                    with m.Case(int(command)):
                        m.d.sync += statements
                        m.d.comb += reply.say(Ps2Answer.ACK, *((Ps2Answer.PASSED, MOUSE_ID) if command == MouseCommand.RESET else ()))
                        if command not in keeps_count:
                            m.d.comb += self._forget.eq(1)
                with m.Case(int(MouseCommand.STATUS)):
                    m.d.comb += reply.say(Ps2Answer.ACK, *status)
                with m.Case(int(MouseCommand.READ)):
                    m.d.comb += [*reply.say(Ps2Answer.ACK, *self._packet), told.eq(1)]
                with m.Case(int(MouseCommand.IDENTIFY)):
                    m.d.comb += reply.say(Ps2Answer.ACK, MOUSE_ID)
                with m.Case(int(MouseCommand.RESEND)):
                    m.d.comb += reply.say(self._last)
                with m.Default():
                    m.d.comb += reply.say(Ps2Answer.RESEND)
        with m.Elif(parameter == _Parameter.RATE):
            m.d.sync += rate.eq(byte)
            m.d.comb += reply.say(Ps2Answer.ACK)
        with m.Elif(byte < 1 << _RESOLUTION_WIDTH):
            m.d.sync += resolution.eq(byte)
            m.d.comb += reply.say(Ps2Answer.ACK)
        with m.Else():
            m.d.comb += reply.say(Ps2Answer.RESEND)
