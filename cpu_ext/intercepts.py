"""Which instruction intercepts say yes, and with which exit code (AMD64 APM vol. 2, 15.9 and appendix C).

A point that has a bit of its name in the VMCB's general intercept words needs no line here; the others are listed.
"""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from contracts.exit_codes import ExitCode
from contracts.vmcb import General1, General2
from cpu_ext.special import Point
from rtl.arch.control import Cr0
from rtl.arch.registers import Segment
from rtl.microcode.uop import InterceptPoint
from rtl.seam import Decoded

__all__ = ["Intercepts", "Route", "general_bits"]

_WRITE_WORD = 16  # CR and DR write intercepts are the upper halves of the words at VMCB 0 and 4
_UNSELECTIVE = int(Cr0.TS | Cr0.MP)
_STRING_OPCODES = 0x6
_REG_LSB = 3  # of the ModRM byte
_INPUTS = (0xE4, 0xE5, 0xEC, 0xED, 0x6C, 0x6D)


def general_bits() -> dict[int, tuple[int, int, ExitCode]]:
    """Intercept point -> (word 1 or 2, bit, exit code) for every point that shares its name with a bit."""
    table = {}
    for points in (InterceptPoint, Point):
        for point in points:
            number = int(point.value)
            for word, bits in ((1, General1), (2, General2)):
                if point.name in bits.__members__ and point is not InterceptPoint.IOIO:  # IOIO asks the permission map
                    table[number] = (word, int(bits[point.name]), ExitCode[point.name])
    return table


class Route(wiring.Signature):
    """What to do at a point: nothing, exit at once, or look at a permission map first."""

    def __init__(self) -> None:
        super().__init__({"exit": Out(1), "io_map": Out(1), "msr_map": Out(1), "code": Out(8), "info1": Out(32), "info2": Out(32)})


class Intercepts(wiring.Component):
    """Decides combinationally; all answers are 0 outside guest mode."""

    def __init__(self) -> None:
        super().__init__({
            "guest": In(1), "point_valid": In(1), "point": In(InterceptPoint), "decoded": In(Decoded),
            "a": In(32), "b": In(32), "constant": In(32), "cr0": In(32),
            "intercept_cr": In(32), "intercept_dr": In(32), "general1": In(32), "general2": In(32), "route": Out(Route()),
        })  # fmt: skip

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        route = self.route
        number = Signal(4)
        selective = Signal()
        changed = Signal(32)
        m.d.comb += [
            number.eq(self.constant[:4]),
            changed.eq((self.a ^ self.cr0) & (0xFFFF_FFFF ^ _UNSELECTIVE ^ int(Cr0.ET))),
            selective.eq(self.general1[General1.CR0_SEL_WRITE]),
        ]
        active = Signal()
        m.d.comb += active.eq(self.guest & self.point_valid)
        with m.If(active), m.Switch(self.point):
            for point, (word, bit, code) in general_bits().items():
                with m.Case(InterceptPoint(point)):
                    m.d.comb += [route.exit.eq((self.general1, self.general2)[word - 1][bit]), route.code.eq(int(code))]
            with m.Case(InterceptPoint.CR_READ):
                m.d.comb += [route.exit.eq(self.intercept_cr.bit_select(number, 1)), route.code.eq(int(ExitCode.CR_READ) + number)]
            for at, word, code in (
                (InterceptPoint.DR_READ, self.intercept_dr, ExitCode.DR_READ),
                (InterceptPoint.DR_WRITE, self.intercept_dr[_WRITE_WORD:], ExitCode.DR_WRITE),
            ):
                with m.Case(at):  # of the register as the instruction names it
                    named = self.decoded.modrm[_REG_LSB : _REG_LSB + 3]
                    m.d.comb += [route.exit.eq(word.bit_select(named, 1)), route.code.eq(int(code) + named)]
            with m.Case(InterceptPoint.SMSW):
                m.d.comb += [route.exit.eq(self.intercept_cr[0]), route.code.eq(int(ExitCode.CR_READ))]
            with m.Case(InterceptPoint.CR_WRITE):
                with m.If(self.intercept_cr[_WRITE_WORD:].bit_select(number, 1)):
                    m.d.comb += [route.exit.eq(1), route.code.eq(int(ExitCode.CR_WRITE) + number)]
                with m.Elif((number == 0) & selective & changed.any()):
                    m.d.comb += [route.exit.eq(1), route.code.eq(int(ExitCode.CR0_SEL_WRITE))]
            with m.Case(InterceptPoint.LMSW):
                m.d.comb += [
                    route.exit.eq(self.intercept_cr[_WRITE_WORD] | selective),
                    route.code.eq(Mux(self.intercept_cr[_WRITE_WORD], int(ExitCode.CR_WRITE), int(ExitCode.CR0_SEL_WRITE))),
                ]
            with m.Case(InterceptPoint.IOIO):
                m.d.comb += [
                    route.io_map.eq(self.general1[General1.IOIO]),
                    route.code.eq(int(ExitCode.IOIO)),
                    route.info1.eq(self._ioio_info(m)),
                    route.info2.eq(self.decoded.next_eip),
                ]
            with m.Case(InterceptPoint.MSR_READ, InterceptPoint.MSR_WRITE):
                m.d.comb += [
                    route.msr_map.eq(self.general1[General1.MSR]),
                    route.code.eq(int(ExitCode.MSR)),
                    route.info1.eq(self.point == InterceptPoint.MSR_WRITE),
                ]
        return m

    def _ioio_info(self, m: Module) -> Signal:
        """EXITINFO1 of IOIO: [0] IN, [2] STR, [3] REP, [6:4] size, [9:7] address size, [12:10] segment, [31:16] port."""
        d = self.decoded
        info = Signal(32)
        string = Signal()
        is_input = Signal()
        m.d.comb += [
            string.eq(d.opcode[4:] == _STRING_OPCODES),
            is_input.eq(d.opcode.matches(*_INPUTS)),
            info[0].eq(is_input),
            info[2].eq(string),
            info[3].eq(string & (d.rep != 0)),
            info[4].eq(d.byte),
            info[5].eq(~d.byte & ~d.operand32),
            info[6].eq(~d.byte & d.operand32),
            info[7].eq(~d.address32),
            info[8].eq(d.address32),
            info[10:13].eq(Mux(string & ~is_input, d.data_segment, int(Segment.ES))),
            info[16:32].eq(self.b[:16]),
        ]
        return info
