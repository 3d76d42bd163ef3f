"""The instruction register: the instruction in hand, EIP and NEXT_EIP.

``eip`` is that of the instruction in hand, or between two instructions of the next one. It moves to NEXT_EIP when the instruction
ends. A write of NEXT_EIP (a branch, or a microprogram) asks for a redirect of the frontend, which the sequencer sends at the boundary,
when all state that fetch depends on has settled. EIP counts with 32 bits in 16-bit code too; only branches with 16-bit operands cut it.
"""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.special import Special
from rtl.decode.decoded import Decoded

__all__ = ["InstructionRegister"]


class InstructionRegister(wiring.Component):
    """Special registers EIP, NEXT_EIP and those of the decoded instruction are read here by ``number``."""

    RESET_EIP = 0xFFF0

    decoded: In(Decoded)
    dispatch: In(1)  # take ``decoded`` in hand
    ended: In(1)  # the instruction ends in this cycle
    event: In(1)  # an event is taken between two instructions
    branch: In(1)  # NEXT_EIP := target
    target: In(32)
    refetch: In(1)
    redirected: In(1)  # the redirect has been sent
    trap_flag: In(1)  # EFLAGS.TF
    no_step: In(1)  # no single-step trap after this instruction
    number: In(8)
    value: Out(32)
    write: In(1)
    data: In(32)

    current: Out(Decoded)
    eip: Out(32, init=RESET_EIP)
    next_eip: Out(32, init=RESET_EIP)
    target_segment: Out(4)
    redirect: Out(1, init=1)  # the frontend must be redirected to EIP before the next instruction
    stepped: Out(1)  # TF was set when the instruction began

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        d = self.current
        write_next, written = Signal(), Signal(32)
        m.d.comb += [
            write_next.eq(self.branch | (self.write & (self.number == Special.NEXT_EIP))),
            written.eq(Mux(self.branch, self.target, self.data)),
        ]
        with m.If(write_next):
            m.d.sync += [self.next_eip.eq(written), self.redirect.eq(1)]
        with m.If(self.ended):
            m.d.sync += self.eip.eq(Mux(write_next, written, self.next_eip))
        with m.If(self.refetch):
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
        with m.If(self.dispatch):
            m.d.sync += [
                d.eq(self.decoded), self.target_segment.eq(self.decoded.modrm[3:6]), self.stepped.eq(self.trap_flag),
                self.next_eip.eq(self.decoded.next_eip),
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
