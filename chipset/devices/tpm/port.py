"""The TPM's two ports that are no registers: to what holds the real TPM, and from the late launch."""

from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from contracts.tpm import LOCALITIES, HashOp, TpmOp

__all__ = ["HashOpCode", "HashSignature", "TpmAnswer", "TpmOpCode", "TpmPortSignature", "TpmRequest"]

_LOCALITY_WIDTH = (LOCALITIES - 1).bit_length()


class TpmOpCode(enum.Enum, shape=3):
    """``contracts.tpm.TpmOp`` as a field."""

    RESET = int(TpmOp.RESET)
    COMMAND = int(TpmOp.COMMAND)
    HASH_START = int(TpmOp.HASH_START)
    HASH_DATA = int(TpmOp.HASH_DATA)
    HASH_END = int(TpmOp.HASH_END)
    CLEAR_ESTABLISHMENT = int(TpmOp.CLEAR_ESTABLISHMENT)


class HashOpCode(enum.Enum, shape=2):
    """``contracts.tpm.HashOp`` as a field."""

    START = int(HashOp.START)
    DATA = int(HashOp.DATA)
    END = int(HashOp.END)


class TpmRequest(data.Struct):
    """One transfer of a request. A COMMAND is several, the last of which has ``last``; all else is one.

    ``data`` are the bytes of a COMMAND or of HASH_DATA that ``mask`` names, lowest first.
    """

    op: TpmOpCode
    locality: _LOCALITY_WIDTH
    last: 1
    mask: 4
    data: 32


class TpmAnswer(data.Struct):
    """A byte of an answer. ``reset``: it answers RESET, and what came before it belongs to the time before the reset."""

    data: 8
    last: 1
    reset: 1


class TpmPortSignature(wiring.Signature):
    """What holds the TPM, as the register file sees it: swtpm in simulation, perhaps an SPI TPM on a board.

    ``present`` In(1): there is a TPM, and it works. If it is 0 when the platform comes out of its reset, or falls later, there is none
    until the next platform reset; a ``request`` that was offered is then taken back.
    ``request`` and ``answer`` are streams. RESET is the first request after a platform reset, whatever was under way before. Requests are
    carried out in their order. RESET, COMMAND and HASH_END are answered, and the next one comes after the answer; but a RESET comes at any
    time. What goes wrong below the TPM's own answers is told by ``present`` alone.
    """

    def __init__(self) -> None:
        super().__init__({"present": In(1), "request": Out(stream.Signature(TpmRequest)), "answer": In(stream.Signature(TpmAnswer))})


class HashSignature(wiring.Signature):
    """Locality 4, as the late launch drives it.

    ``valid`` Out(1), ``op`` Out(HashOpCode), ``data`` Out(32) and ``mask`` Out(4) (the bytes that DATA adds, lowest first) hold still
    until ``ready`` In(1). END is ready when the TPM's register has its value; everything is ready at once where the TPM has failed.
    """

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "op": Out(HashOpCode), "data": Out(32), "mask": Out(4), "ready": In(1)})
