"""A TPM for a model whose top has the pins of ``chipset.devices.tpm.simulation_port``, each named ``tpm_…``."""

from amaranth.lib import data

from chipset.devices.tpm.port import TpmAnswer, TpmRequest
from contracts.tpm import TpmOp
from sim.model.library import Model
from sim.model.spec import Feed, Stream
from sim.tpm.bridge import TpmBridge

__all__ = ["TPM_ASKS", "TPM_FEED", "TPM_STREAMS", "ServedTpm"]

TPM_STREAMS = (
    Stream("tpm_head", "tpm_request_valid", "tpm_request_head"),
    Stream("tpm_data", "tpm_request_valid", "tpm_request_data"),
)
TPM_FEED = Feed("tpm", "tpm_answer_valid", "tpm_answer_data", "tpm_answer_ready")
TPM_ASKS = "tpm_asks"  # where a run is to stop
_PRESENT = "tpm_present"
# Places of members in a word, and their masks: as numbers, since a late launch makes 16,384 requests.
_REQUEST, _ANSWER = (
    {name: (field.offset, (1 << field.width) - 1) for name, field in data.Layout.cast(structure)} for structure in (TpmRequest, TpmAnswer)
)
_ANSWER_LAST, _ANSWER_RESET = _ANSWER["last"][0], _ANSWER["reset"][0]


def _part(head: int, name: str) -> int:
    lsb, mask = _REQUEST[name]
    return head >> lsb & mask


class ServedTpm:
    """Between a model and a bridge. ``serve`` is to be called before the first cycle and whenever a run has stopped at ``TPM_ASKS``;
    now and then besides, so that a TPM that has died is seen."""

    def __init__(self, model: Model, bridge: TpmBridge) -> None:
        self._model, self._bridge = model, bridge

    def serve(self) -> None:
        """Carry out what has been asked for, answer it, and show whether there is a TPM."""
        heads, words = (memoryview(self._model.take_words(stream.name)).cast("I") for stream in TPM_STREAMS)
        for head, word in zip(heads, words, strict=True):
            last = bool(_part(head, "last"))
            answer = self._bridge.take(TpmOp(_part(head, "op")), _part(head, "locality"), last, _part(head, "mask"), word)
            if answer:
                self._model.feed(TPM_FEED.name, [byte.data | byte.last << _ANSWER_LAST | byte.reset << _ANSWER_RESET for byte in answer])
        self._model.set(_PRESENT, int(self._bridge.present))
