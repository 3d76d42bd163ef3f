"""The decoder: bytes of the instruction stream in, :class:`rtl.decode.decoded.Decoded` out."""

from collections.abc import Iterable, Mapping

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, enum, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.exceptions import Vector
from rtl.arch.registers import Mode, Segment
from rtl.arch.special import Rep
from rtl.decode.decoded import Decoded
from rtl.decode.form import ModRm
from rtl.decode.operands import REST_BYTES, Operands
from rtl.decode.row import Row
from rtl.decode.table import FIRST_DEPTH, Narrow, RowWord, Tables
from rtl.fetch.port import LINE_NUMBER_WIDTH, Window

__all__ = ["Decoder"]

_MOST_BYTES = 15
_ESCAPE = 0x0F
_OVERRIDES = {0x26: Segment.ES, 0x2E: Segment.CS, 0x36: Segment.SS, 0x3E: Segment.DS, 0x64: Segment.FS, 0x65: Segment.GS}
_OPERAND_SIZE, _ADDRESS_SIZE, _LOCK, _REPNE, _REPE = 0x66, 0x67, 0xF0, 0xF2, 0xF3
_REP_CODE = {_REPE: Rep.REPE, _REPNE: Rep.REPNE}


class _State(enum.Enum, shape=2):
    SCAN = 0  # prefixes, then the opcode, whose word of the first table is read
    FIELDS = 1  # the word is there: what follows the opcode
    STOP = 2  # a fault has been handed on; only a redirect helps


class _Prefixes(data.Struct):
    override_valid: 1
    override: Segment
    operand_size: 1
    address_size: 1
    lock: 1
    rep: 2


class Decoder(wiring.Component):
    """Decodes an instruction in two cycles and one more for each prefix, and for opcodes that ModRM's reg (or rm) tells apart.

    It takes the bytes out of the window as it goes: each prefix, the opcode, the rest. Faults come in the order of the bytes: a byte
    that is needed and cannot be fetched is #PF or #GP(0); #UD as soon as opcode and, where the row has one, ModRM byte are known; the
    need for a sixteenth byte is #GP(0). Behind a fault nothing is decoded until a redirect.

    Parameters
    ----------
    rows : iterable of Row
    labels : mapping of str to int
        Entries of the microprograms.

    Members
    -------
    window : In(Window)
    consume : Out(5)
        Bytes taken out of the window in this cycle.
    mode : In(Mode)
        Latched with the last redirect.
    redirect : In(1)
        Drops everything, the decoded instruction too. Nothing may be taken from ``decoded`` in this cycle.
    decoded : Out(stream)
    starved : Out(1)
        Nothing can be done before more bytes come.
    begun : Out(1)
        Bytes of an instruction have been taken out of the window, whose first byte lies in ``begun_line`` (its last one in the window).
    begun_line : Out(28)
        Physical line number.
    """

    def __init__(self, rows: Iterable[Row], labels: Mapping[str, int]) -> None:
        self._tables = Tables(rows, labels)
        super().__init__({
            "window": In(Window), "consume": Out(5), "mode": In(Mode), "redirect": In(1),
            "decoded": Out(stream.Signature(Decoded)), "starved": Out(1), "begun": Out(1), "begun_line": Out(LINE_NUMBER_WIDTH),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Scan, look up, take apart."""
        m = Module()
        m.submodules.first = first = memory.Memory(shape=RowWord, depth=FIRST_DEPTH, init=self._tables.first)
        m.submodules.second = second = memory.Memory(shape=RowWord, depth=len(self._tables.second), init=self._tables.second)
        m.submodules.operands = operands = Operands()
        first_port, second_port = first.read_port(), second.read_port()
        window = self.window
        state = Signal(_State)
        in_second = Signal()  # the word comes from the second table
        prefixes = Signal(_Prefixes)
        position = Signal(range(_MOST_BYTES + 1))  # bytes taken
        two_byte = Signal()
        opcode = Signal(8)
        first_eip = Signal(32)
        first_physical = Signal(32)
        last_physical = Signal(32)  # of the last byte taken
        taken = Signal(data.ArrayLayout(8, _MOST_BYTES))

        eip = Signal(32)
        physical = Signal(32)
        m.d.comb += [
            eip.eq(Mux(position == 0, window.eip, first_eip)),
            physical.eq(Mux(position == 0, window.physical, first_physical)),
            self.begun.eq(position != 0),
            self.begun_line.eq(first_physical[4:]),
        ]

        # the word and what it says of the ModRM byte
        word = Signal(RowWord)
        modrm = Signal(ModRm)
        register_form = Signal()
        modrm_known = Signal()
        m.d.comb += [
            word.eq(Mux(in_second, second_port.data.as_value(), first_port.data.as_value())),
            modrm.eq(window.bytes[0]),
            register_form.eq(~word.modrm | word.ignore_mod | (modrm.mod == 3)),
            modrm_known.eq(~word.modrm | ((window.count != 0) & (position != _MOST_BYTES))),
            operands.bytes.eq(window.bytes.as_value()[: 8 * REST_BYTES]),
            operands.modrm_present.eq(word.modrm),
            operands.memory.eq(~register_form),
            operands.immediate_kind.eq(word.immediate),
            operands.byte.eq(word.byte),
            operands.operand32.eq(self.mode.code32 ^ prefixes.operand_size),
            operands.address32.eq(self.mode.code32 ^ prefixes.address_size),
            operands.override_valid.eq(prefixes.override_valid),
            operands.override.eq(prefixes.override),
        ]
        allowed = Signal()
        protected = Signal()
        m.d.comb += [
            protected.eq(self.mode.pe & ~self.mode.vm),
            allowed.eq(
                Mux(register_form, word.register_valid, word.memory_valid)
                & (protected | ~word.protected_only)
                & (~prefixes.lock | (word.lock & ~register_form))
            ),
        ]

        # how many bytes this step needs, and whether they are there
        escape = Signal()
        need = Signal(4)
        room = Signal(4)
        too_many = Signal()
        enough = Signal()
        over = Signal()
        m.d.comb += [
            escape.eq(window.bytes[0] == _ESCAPE),
            room.eq(_MOST_BYTES - position),
            too_many.eq(need > room),
            enough.eq(~too_many & (window.count >= need)),
            over.eq(too_many & (window.count >= room)),
        ]
        with m.If(state == _State.SCAN):
            m.d.comb += need.eq(Mux(escape & (window.count != 0), 2, 1))
        with m.Elif(word.modrm & (window.count == 0)):
            m.d.comb += need.eq(1)
        with m.Elif(operands.with_sib & (window.count < 2)):
            m.d.comb += need.eq(2)
        with m.Else():
            m.d.comb += need.eq(operands.length)

        def physical_of(index: Value) -> Value:
            """Physical address of a byte of the window."""
            low = Signal(6, name="low")
            m.d.comb += low.eq(window.physical[:4] + index)
            return Cat(low[:4], Mux(low[4], window.next_line, window.physical[4:]))

        def start() -> None:
            """The next instruction begins."""
            m.d.sync += [state.eq(_State.SCAN), position.eq(0), prefixes.eq(0), in_second.eq(0), taken.eq(0)]

        out = self.decoded.payload
        free = Signal()
        emit = Signal()
        undefined = Signal()
        faulted = Signal()
        m.d.comb += [
            free.eq(~self.decoded.valid | self.decoded.ready),
            first_port.en.eq(0),  # what has been read stays (the port's own default is 1)
            second_port.en.eq(0),
        ]
        with m.If(self.decoded.ready):
            m.d.sync += self.decoded.valid.eq(0)

        with m.Switch(state):
            with m.Case(_State.SCAN):
                with m.If(enough):
                    m.d.comb += self.consume.eq(need)
                    m.d.sync += [
                        position.eq(position + need),
                        last_physical.eq(physical_of(need - 1)),
                        first_eip.eq(eip),
                        first_physical.eq(physical),
                        taken[position].eq(window.bytes[0]),
                        state.eq(_State.FIELDS),
                        two_byte.eq(escape),
                        opcode.eq(Mux(escape, window.bytes[1], window.bytes[0])),
                    ]
                    m.d.comb += first_port.en.eq(1)
                    with m.If(escape):
                        m.d.sync += taken[(position + 1)[:4]].eq(window.bytes[1])
                    with m.Switch(window.bytes[0]):
                        for code, segment in _OVERRIDES.items():
                            with m.Case(code):
                                m.d.sync += [prefixes.override_valid.eq(1), prefixes.override.eq(segment)]
                        with m.Case(_OPERAND_SIZE):
                            m.d.sync += prefixes.operand_size.eq(1)
                        with m.Case(_ADDRESS_SIZE):
                            m.d.sync += prefixes.address_size.eq(1)
                        with m.Case(_LOCK):
                            m.d.sync += prefixes.lock.eq(1)
                        for code, rep in _REP_CODE.items():
                            with m.Case(code):
                                m.d.sync += prefixes.rep.eq(rep)
                    with m.Switch(window.bytes[0]):
                        with m.Case(*_OVERRIDES, _OPERAND_SIZE, _ADDRESS_SIZE, _LOCK, *_REP_CODE):
                            m.d.sync += state.eq(_State.SCAN)
                with m.Else():
                    m.d.comb += [faulted.eq(over | window.fault), self.starved.eq(~over & ~window.fault)]
            with m.Case(_State.FIELDS):
                with m.If(modrm_known & (word.narrow != Narrow.NONE)):
                    m.d.comb += second_port.en.eq(1)
                    m.d.sync += in_second.eq(1)
                with m.Elif(modrm_known & ~allowed):
                    m.d.comb += undefined.eq(1)
                with m.Elif(enough):
                    m.d.comb += emit.eq(free)
                with m.Else():
                    m.d.comb += [faulted.eq(over | window.fault), self.starved.eq(~over & ~window.fault)]
        m.d.comb += [
            first_port.addr.eq(Mux(escape, Cat(window.bytes[1], Const(1, 1)), window.bytes[0])),
            second_port.addr.eq(
                word.register + Mux(word.narrow == Narrow.RM, modrm.rm, Cat(modrm.reg, modrm.mod == 3)),
            ),
        ]

        with m.If(free & (emit | undefined | faulted)):
            m.d.sync += [
                self.decoded.valid.eq(1),
                out.fault.valid.eq(~emit),
                out.fault.vector.eq(Vector.UD),
                out.fault.error.eq(0),
                out.fault.address.eq(window.fault_address),
                out.entry.eq(Mux(register_form, word.register, word.memory)),
                out.fn.eq(word.fn),
                out.byte.eq(word.byte),
                out.operand32.eq(operands.operand32),
                out.address32.eq(operands.address32),
                out.opcode.eq(opcode),
                out.two_byte.eq(two_byte),
                out.modrm.eq(modrm),
                out.ea.eq(operands.ea),
                out.data_segment.eq(operands.data_segment),
                out.immediate.eq(operands.immediate),
                out.immediate2.eq(operands.immediate2),
                out.rep.eq(prefixes.rep),
                out.lock.eq(prefixes.lock),
                out.length.eq(position + need),
                out.instructions.eq(1),
                out.prediction.taken.eq(0),  # nothing predicts yet
                out.bytes.eq(taken.as_value() | (window.bytes.as_value() << Cat(Const(0, 3), position))[: 8 * _MOST_BYTES]),
                out.eip.eq(eip),
                out.next_eip.eq(eip + position + need),
                out.physical.eq(physical),
                out.physical_last.eq(Mux(need == 0, last_physical, physical_of(need - 1))),
            ]
            with m.If(emit):
                m.d.comb += self.consume.eq(need)
                start()
            with m.Else():
                m.d.sync += state.eq(_State.STOP)
            with m.If(faulted & over):
                m.d.sync += out.fault.vector.eq(Vector.GP)
            with m.Elif(faulted):
                m.d.sync += out.fault.vector.eq(Mux(window.page_fault, Vector.PF, Vector.GP))
                m.d.sync += out.fault.error.eq(Mux(window.page_fault, window.error, 0))

        with m.If(self.redirect):
            start()
            m.d.sync += self.decoded.valid.eq(0)
        return m
