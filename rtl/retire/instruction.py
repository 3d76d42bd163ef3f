"""The instruction register: the instruction in hand, EIP and NEXT_EIP.

``eip`` is that of the instruction in hand, or between two instructions of the next one. It moves to NEXT_EIP when the instruction
ends. A microprogram's write of NEXT_EIP asks for a redirect of the frontend, and so does a branch (of Unit.BRANCH) that goes otherwise
than predicted; the sequencer sends it at the boundary, when all state that fetch depends on has settled. Where a jump changes more than
EIP, its program asks by ``refetch``. EIP counts with 32 bits in 16-bit code too; only branches with 16-bit operands cut it.
"""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.special import Special
from rtl.decode.decoded import Decoded, Prediction

__all__ = ["InstructionRegister"]


class InstructionRegister(wiring.Component):
    """Special registers EIP, NEXT_EIP and those of the decoded instruction are read here by ``number``."""

    RESET_EIP = 0xFFF0

    decoded: In(Decoded)
    dispatch: In(1)  # take ``decoded`` in hand
    ended: In(1)  # the instruction ends in this cycle ...
    interrupted: In(1)  # ... in its midst: EIP stays
    event: In(1)  # an event is taken between two instructions
    finish: In(1)  # a micro-op takes effect ...
    branch: In(1)  # ... a branch that is taken: NEXT_EIP := target
    target: In(32)
    prediction: In(Prediction)
    refetch: In(1)
    redirected: In(1)  # the redirect has been sent
    trap_flag: In(1)  # EFLAGS.TF
    no_step: In(1)  # no single-step trap after this instruction
    load_of_ss: In(1)  # it is one, after which nothing of the debug registers comes before the next has ended
    number: In(8)
    value: Out(32)
    write: In(1)
    data: In(32)

    current: Out(Decoded)
    eip: Out(32, init=RESET_EIP)
    next_eip: Out(32, init=RESET_EIP)
    target_segment: Out(4)
    redirect: Out(1, init=1)  # the frontend must be redirected to EIP before the next instruction
    astray: Out(1)  # if the instruction ends with this micro-op, the frontend has gone on elsewhere than it leads
    stepped: Out(1)  # TF was set when the instruction began
    quiet: Out(1)  # it was a load of SS

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        d = self.current
        commanded, branched, write_next, written = Signal(), Signal(), Signal(), Signal(32)
        m.d.comb += [
            commanded.eq(self.write & (self.number == Special.NEXT_EIP)),
            branched.eq(self.branch & self.finish),
            write_next.eq(branched | commanded),
            written.eq(Mux(branched, self.target, self.data)),
        ]
        p = self.prediction
        as_predicted = Signal()
        followed = Signal()  # a branch has gone as predicted
        m.d.comb += [
            as_predicted.eq(p.taken & (self.target == p.target)),
            self.astray.eq(Mux(self.branch, ~as_predicted, p.taken & ~followed)),
        ]
        with m.If(branched & as_predicted):
            m.d.sync += followed.eq(1)
        with m.If(write_next):
            m.d.sync += self.next_eip.eq(written)
        with m.If(self.ended & ~self.interrupted):
            m.d.sync += self.eip.eq(Mux(write_next, written, self.next_eip))
        with m.If(commanded | ((branched | self.ended) & self.astray) | self.interrupted | self.refetch):
            m.d.sync += self.redirect.eq(1)
        with m.If(self.redirected):
            m.d.sync += self.redirect.eq(0)
        with m.If(self.write):
            with m.Switch(self.number):
                with m.Case(Special.EIP):
                    m.d.sync += self.eip.eq(self.data)
                with m.Case(Special.TARGET_SEGMENT):
                    m.d.sync += self.target_segment.eq(self.data)
        with m.If(self.event):
            m.d.sync += [self.next_eip.eq(self.eip), self.stepped.eq(0)]
        with m.If(self.no_step):
            m.d.sync += self.stepped.eq(0)
        with m.If(self.load_of_ss):
            m.d.sync += self.quiet.eq(1)
        with m.If(self.dispatch | self.event | (self.write & (self.number == Special.INTERRUPT_STATE))):
            m.d.sync += self.quiet.eq(0)
        with m.If(self.dispatch):
            m.d.sync += [
                d.eq(self.decoded), self.target_segment.eq(self.decoded.modrm[3:6]), self.stepped.eq(self.trap_flag),
                self.next_eip.eq(self.decoded.next_eip), followed.eq(0),
            ]  # fmt: skip

        with m.Switch(self.number):
            for number, value in (
                (Special.EIP, self.eip), (Special.NEXT_EIP, self.next_eip), (Special.LENGTH, d.length),
                (Special.OPERAND_BYTES, Mux(d.byte, 1, Mux(d.operand32, 4, 2))), (Special.ADDRESS_BYTES, Mux(d.address32, 4, 2)),
                (Special.MODRM, d.modrm), (Special.REP, d.rep), (Special.DATA_SEGMENT, d.data_segment),
                (Special.TARGET_SEGMENT, self.target_segment), (Special.EA_SEGMENT, d.ea.segment),
            ):  # fmt: skip
                with m.Case(number):
                    m.d.comb += self.value.eq(value)
        return m
