"""The register file's end of the port to the TPM: the reset, the TPM's end, and a bound on its silence."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.tpm.port import TpmAnswer, TpmOpCode, TpmPortSignature, TpmRequest
from contracts.tpm import ResetAnswer

__all__ = ["TpmLink"]


class TpmLink(wiring.Component):
    """Tells the TPM that the platform has been reset, then lets requests and answers through until the TPM is gone, which is for good.

    Parameters
    ----------
    patience : cycles that an offered request, or an answer, may be waited for; then the TPM counts as failed

    Members
    -------
    port : Out(TpmPortSignature)
    request : stream of TpmRequest, In; nothing is taken unless ``up``
    awaited : In(1), an answer is to come
    answer_valid, answer : Out; whoever has asked takes it at once
    up : Out(1), the TPM has answered the reset and works; gone : Out(1), it is absent or has failed
    established : Out(1), there has been a late launch
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        super().__init__({
            "port": Out(TpmPortSignature()), "request": In(stream.Signature(TpmRequest)), "awaited": In(1),
            "answer_valid": Out(1), "answer": Out(TpmAnswer), "up": Out(1), "gone": Out(1), "established": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port = self.port
        waiting = Signal()  # for the TPM
        moved = Signal()
        silence = Signal(range(self._patience + 1))
        failed = Signal()
        m.d.comb += [
            self.answer.eq(port.answer.payload),
            moved.eq((port.request.valid & port.request.ready) | (port.answer.valid & port.answer.ready)),
            failed.eq(~port.present | (silence == self._patience)),
        ]
        with m.If(waiting & ~moved):
            m.d.sync += silence.eq(silence + 1)
        with m.Else():
            m.d.sync += silence.eq(0)

        with m.FSM():
            with m.State("HELD"):  # as long as the platform is in reset, and one cycle more
                m.next = "RESET"
                with m.If(~port.present):
                    m.next = "GONE"
            with m.State("RESET"):
                m.d.comb += [port.request.valid.eq(port.present), port.request.payload.op.eq(TpmOpCode.RESET), waiting.eq(1)]
                m.d.comb += [port.request.payload.last.eq(1), port.answer.ready.eq(1)]
                with m.If(failed):
                    m.next = "GONE"
                with m.Elif(port.request.ready):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [waiting.eq(1), port.answer.ready.eq(1)]
                m.d.sync += self.established.eq((self.answer.data & ResetAnswer.ESTABLISHED) != 0)
                with m.If(failed):
                    m.next = "GONE"
                with m.Elif(port.answer.valid & self.answer.reset):
                    m.next = "UP"
            with m.State("UP"):
                m.d.comb += [
                    self.up.eq(1), waiting.eq(self.request.valid | self.awaited),
                    port.request.valid.eq(self.request.valid & port.present), port.request.payload.eq(self.request.payload),
                    self.request.ready.eq(port.request.ready & port.present),
                    port.answer.ready.eq(1), self.answer_valid.eq(port.answer.valid & ~self.answer.reset),
                ]  # fmt: skip
                with m.If(self.request.valid & self.request.ready):
                    with m.Switch(self.request.payload.op):
                        with m.Case(TpmOpCode.HASH_START):
                            m.d.sync += self.established.eq(1)
                        with m.Case(TpmOpCode.CLEAR_ESTABLISHMENT):
                            m.d.sync += self.established.eq(0)
                with m.If(failed):
                    m.next = "GONE"
            with m.State("GONE"):
                m.d.comb += [self.gone.eq(1), port.answer.ready.eq(1)]
        return m
