"""A keyboard: keys come in as events and leave as scan codes of set 2; commands as IBM's Technical Reference has them."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import enum, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.ps2.port import KeyEvent, KeyPrefixCode, Ps2Signature
from chipset.devices.ps2.reply import Reply
from contracts.ps2 import KEYBOARD_ID, RELEASE, SCAN_CODE_SET, KeyboardCommand, Ps2Answer

__all__ = ["KEYS_KEPT", "Keyboard"]

KEYS_KEPT = 16
_LEDS = 3
_ASK_FOR_SET = 0
_COMMAND_BIT = 7  # a byte with this bit is a command, even where a parameter is expected
_E0, _E1 = 0xE0, 0xE1
_NOTHING, _PREFIX, _RELEASE = range(3)  # of an event that has been told


class _Parameter(enum.Enum, shape=2):
    """What the next byte is, if it is no command."""

    NONE = 0
    LEDS = 1
    SCAN_CODE_SET = 2
    TYPEMATIC = 3


class Keyboard(wiring.Component):
    """Keeps ``KEYS_KEPT`` keys; with more ``keys`` waits. While it is disabled it takes keys and forgets them.

    The bytes of a key stay together: an answer goes before or behind them, and one that has begun is told to its end. Held keys are
    repeated by whoever supplies keys, so the typematic rate is accepted and means nothing. There is one scan code set.
    After a reset it says nothing of itself, as in QEMU: a platform reset does not take a keyboard's power away.

    Members
    -------
    line : In(Ps2Signature)
    keys : stream of KeyEvent, In
    leds : Out(3): scroll lock, num lock, caps lock
    """

    line: In(Ps2Signature())
    keys: In(stream.Signature(KeyEvent))
    leds: Out(_LEDS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        receive = self.line.receive
        enabled = Signal(init=1)
        cleared = Signal()
        last = Signal(8)  # that was sent
        m.submodules.reply = reply = Reply()
        event = Signal(KeyEvent)  # that is being told
        telling = Signal()
        begun = self._keep_keys(m, event, telling, enabled, cleared)
        byte, following = self._byte_of(m, event, begun)

        key_turn = Signal()
        m.d.comb += [
            key_turn.eq(telling & (begun.any() | ~reply.out.valid)),
            receive.valid.eq(reply.out.valid | telling),
            receive.payload.eq(Mux(key_turn, byte, reply.out.payload)),
            reply.out.ready.eq(receive.ready & ~key_turn),
        ]
        with m.If(receive.valid & receive.ready):
            m.d.sync += last.eq(receive.payload)
            with m.If(key_turn):
                m.d.sync += [begun.eq(following), telling.eq(following != _NOTHING)]
        self._obey(m, reply, enabled, cleared, last)
        return m

    def _keep_keys(self, m: Module, event: Signal, telling: Signal, enabled: Signal, cleared: Signal) -> Signal:
        """Queue and the event at its head; what has been told of that."""
        begun = Signal(range(_RELEASE + 1))
        queue = fifo.SyncFIFO(width=KeyEvent.as_shape().size, depth=KEYS_KEPT)
        m.submodules.queue = ResetInserter(cleared)(queue)
        m.d.comb += [
            queue.w_data.eq(self.keys.payload), queue.w_en.eq(self.keys.valid & enabled), self.keys.ready.eq(queue.w_rdy | ~enabled),
            queue.r_en.eq(~telling),
        ]  # fmt: skip
        with m.If(~telling):
            m.d.sync += [event.eq(queue.r_data), telling.eq(queue.r_rdy & ~cleared)]
        with m.Elif(cleared & ~begun.any()):
            m.d.sync += telling.eq(0)
        return begun

    @staticmethod
    def _byte_of(m: Module, event: Signal, begun: Signal) -> tuple[Signal, Signal]:
        """The event's next byte, and what has been told of it after that: nothing, if it is the last."""
        byte = Signal(8)
        following = Signal.like(begun)
        with m.If((event.prefix != KeyPrefixCode.NONE) & (begun == _NOTHING)):
            m.d.comb += [byte.eq(Mux(event.prefix == KeyPrefixCode.E0, _E0, _E1)), following.eq(_PREFIX)]
        with m.Elif(event.released & (begun != _RELEASE)):
            m.d.comb += [byte.eq(RELEASE), following.eq(_RELEASE)]
        with m.Else():
            m.d.comb += byte.eq(event.code)
        return byte, following

    def _obey(self, m: Module, reply: Reply, enabled: Signal, cleared: Signal, last: Signal) -> None:
        """Commands and their parameters, taken at once."""
        send, byte = self.line.send, self.line.send.payload
        parameter = Signal(_Parameter)
        m.d.comb += send.ready.eq(1)
        expects = {
            KeyboardCommand.SET_LEDS: _Parameter.LEDS, KeyboardCommand.SCAN_CODE_SET: _Parameter.SCAN_CODE_SET,
            KeyboardCommand.SET_TYPEMATIC: _Parameter.TYPEMATIC,
        }  # fmt: skip
        clearing = {KeyboardCommand.ENABLE: 1, KeyboardCommand.DISABLE: 0, KeyboardCommand.SET_DEFAULTS: 1, KeyboardCommand.RESET: 1}
        with m.If(send.valid):
            m.d.sync += parameter.eq(_Parameter.NONE)
            with m.If((parameter == _Parameter.NONE) | byte[_COMMAND_BIT]):
                with m.Switch(byte):
                    for command, expected in expects.items():
                        with m.Case(int(command)):
                            m.d.sync += parameter.eq(expected)
                            m.d.comb += reply.say(Ps2Answer.ACK)
                    for command, enables in clearing.items():
                        with m.Case(int(command)):
                            m.d.sync += enabled.eq(enables)
                            m.d.comb += cleared.eq(1)
                            if command != KeyboardCommand.ENABLE:
                                m.d.sync += self.leds.eq(0)
                            m.d.comb += reply.say(Ps2Answer.ACK, *((Ps2Answer.PASSED,) if command == KeyboardCommand.RESET else ()))
                    with m.Case(int(KeyboardCommand.ECHO)):
                        m.d.comb += reply.say(Ps2Answer.ECHO)
                    with m.Case(int(KeyboardCommand.IDENTIFY)):
                        m.d.comb += reply.say(Ps2Answer.ACK, *KEYBOARD_ID)
                    with m.Case(int(KeyboardCommand.RESEND)):
                        m.d.comb += reply.say(last)
                    with m.Default():
                        m.d.comb += reply.say(Ps2Answer.RESEND)
            with m.Else():
                m.d.comb += reply.say(Ps2Answer.ACK)
                with m.Switch(parameter):
                    with m.Case(_Parameter.LEDS):
                        m.d.sync += self.leds.eq(byte)
                    with m.Case(_Parameter.SCAN_CODE_SET):
                        with m.If(byte == _ASK_FOR_SET):
                            m.d.comb += reply.say(Ps2Answer.ACK, SCAN_CODE_SET)
                        with m.Elif(byte != SCAN_CODE_SET):
                            m.d.comb += reply.say(Ps2Answer.RESEND)
