"""The port to the TPM with flat pins, for a simulator whose host side holds the TPM (``sim/tpm/served.py``)."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from chipset.devices.simulation_pins import SimulationPins
from chipset.devices.tpm.port import TpmAnswer, TpmOpCode, TpmPortSignature, TpmRequest

__all__ = ["SimulationPort"]

_DATA_WIDTH = 32
_HEAD_WIDTH = TpmRequest.as_shape().size - _DATA_WIDTH  # all of a request but its data, which lie at its end
_ANSWER_WIDTH = TpmAnswer.as_shape().size


class SimulationPort(SimulationPins):
    """Takes a request in every cycle, as the host side keeps any number of them. Its pins are all members but ``port``, each as
    ``tpm_NAME``.

    Platform reset does not reset it.

    Members
    -------
    port : In(TpmPortSignature)
    present : In(1)
    request_valid, request_head, request_data : Out, a request, in two words
    answer_valid, answer_data : In, with answer_ready Out(1): a TpmAnswer
    asks : Out(1), an answer is waited for whose first byte has not come yet
    """

    prefix = "tpm_"
    inside = frozenset({"port"})

    port: In(TpmPortSignature())
    present: In(1)
    request_valid: Out(1)
    request_head: Out(_HEAD_WIDTH)
    request_data: Out(_DATA_WIDTH)
    answer_valid: In(1)
    answer_data: In(_ANSWER_WIDTH)
    answer_ready: Out(1)
    asks: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request, answer = self.port.request, self.port.answer
        resets = Signal()  # it is RESET's answer that is waited for
        m.d.comb += [
            self.port.present.eq(self.present), request.ready.eq(1),
            self.request_valid.eq(request.valid), Cat(self.request_head, self.request_data).eq(request.payload.as_value()),
            answer.valid.eq(self.answer_valid), answer.payload.eq(self.answer_data), self.answer_ready.eq(answer.ready),
        ]  # fmt: skip
        answered = (TpmOpCode.RESET, TpmOpCode.COMMAND, TpmOpCode.HASH_END)
        with m.If(request.valid & request.payload.last & Cat(request.payload.op == op for op in answered).any()):
            m.d.sync += [self.asks.eq(1), resets.eq(request.payload.op == TpmOpCode.RESET)]
        with m.Elif((answer.valid & answer.ready & (answer.payload.reset == resets)) | ~self.present):
            m.d.sync += self.asks.eq(0)
        return m
