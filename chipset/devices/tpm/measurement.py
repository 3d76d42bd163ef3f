"""What a late launch sends in locality 4: START, DATA, END."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.tpm.port import HashOpCode, HashSignature, TpmOpCode, TpmRequest
from contracts.tpm import HASH_LOCALITY

__all__ = ["Measurement"]


class Measurement(wiring.Component):
    """From START to END it holds the TPM: no locality has it, and no command comes between.

    DATA and END without a START before them do nothing, and where there is no TPM nothing does anything.

    Members
    -------
    hash : In(HashSignature)
    hold : Out(1), it needs the TPM; vacant : In(1), nobody else has it
    request : stream of TpmRequest, Out; answered : In(1), the answer is here; awaited : Out(1)
    up, gone : In(1), as of ``TpmLink``
    """

    hash: In(HashSignature())
    hold: Out(1)
    vacant: In(1)
    request: Out(stream.Signature(TpmRequest))
    answered: In(1)
    awaited: Out(1)
    up: In(1)
    gone: In(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source = self.hash
        request = self.request.payload
        m.d.comb += [
            request.locality.eq(HASH_LOCALITY), request.last.eq(1), request.data.eq(source.data), request.mask.eq(source.mask),
        ]  # fmt: skip
        begins = Signal()
        m.d.comb += begins.eq(source.valid & (source.op == HashOpCode.START))
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += source.ready.eq(source.valid & ~begins)
                with m.If(begins):
                    m.next = "START"
            with m.State("START"):
                m.d.comb += [self.hold.eq(1), request.op.eq(TpmOpCode.HASH_START), self.request.valid.eq(self.up & self.vacant)]
                with m.If(self.request.valid & self.request.ready):
                    m.d.comb += source.ready.eq(1)
                    m.next = "OPEN"
            with m.State("OPEN"):
                m.d.comb += [self.hold.eq(1), self.request.valid.eq(source.valid & ~begins), request.op.eq(TpmOpCode.HASH_DATA)]
                with m.If(begins):
                    m.next = "START"
                with m.Elif(source.op == HashOpCode.END):
                    m.d.comb += request.op.eq(TpmOpCode.HASH_END)
                    with m.If(source.valid & self.request.ready):
                        m.next = "END"
                with m.Else():
                    m.d.comb += source.ready.eq(self.request.ready)
            with m.State("END"):
                m.d.comb += [self.hold.eq(1), self.awaited.eq(1), source.ready.eq(self.answered)]
                with m.If(self.answered):
                    m.next = "IDLE"
        with m.If(self.gone):
            m.d.comb += source.ready.eq(1)
        return m
