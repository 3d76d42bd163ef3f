"""AXI4 and AXI4-Lite as Arm's specification (IHI 0022) has them, as far as the guard uses them.

Left out, as the specification lets a unit do: locks (exclusive accesses are answered OKAY, which says that they are not exclusive),
regions and user signals.
"""

from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = [
    "ADDRESS_WIDTH",
    "DATA_WIDTH",
    "AxiLiteSignature",
    "AxiSignature",
    "Burst",
    "BurstRequest",
    "LENGTH_WIDTH",
    "ReadBeat",
    "Response",
    "WriteBeat",
    "address_layout",
    "answer_layout",
    "read_beat_layout",
]

ADDRESS_WIDTH = 32
DATA_WIDTH = 32
LENGTH_WIDTH = 8  # beats of a burst, less one


class Burst(enum.Enum, shape=2):
    """How the address goes on from beat to beat; 3 is reserved."""

    FIXED = 0
    INCR = 1
    WRAP = 2


class Response(enum.Enum, shape=2):
    """How an access ended."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


class BurstRequest(data.Struct):
    """What the channels AR and AW say beside the ID."""

    addr: ADDRESS_WIDTH
    len: LENGTH_WIDTH
    size: 3
    burst: 2
    cache: 4
    prot: 3
    qos: 4


def address_layout(id_width: int) -> data.StructLayout:
    """The channels AR and AW."""
    return data.StructLayout({"id": id_width, "request": BurstRequest})


class WriteBeat(data.Struct):
    """The channel W."""

    data: DATA_WIDTH
    strb: DATA_WIDTH // 8
    last: 1


class ReadBeat(data.Struct):
    """What the channel R says beside the ID."""

    data: DATA_WIDTH
    resp: Response
    last: 1


def read_beat_layout(id_width: int) -> data.StructLayout:
    """The channel R."""
    return data.StructLayout({"id": id_width, "beat": ReadBeat})


def answer_layout(id_width: int) -> data.StructLayout:
    """The channel B."""
    return data.StructLayout({"id": id_width, "resp": Response})


class AxiSignature(wiring.Signature):
    """AXI4 as a manager sees it: the streams ``aw``, ``w`` and ``ar`` Out, ``b`` and ``r`` In."""

    def __init__(self, id_width: int) -> None:
        super().__init__({
            "aw": Out(stream.Signature(address_layout(id_width))), "w": Out(stream.Signature(WriteBeat)),
            "b": In(stream.Signature(answer_layout(id_width))),
            "ar": Out(stream.Signature(address_layout(id_width))), "r": In(stream.Signature(read_beat_layout(id_width))),
        })  # fmt: skip


class AxiLiteSignature(wiring.Signature):
    """AXI4-Lite as a manager sees it, with addresses of ``address_width`` bits."""

    def __init__(self, address_width: int) -> None:
        address = data.StructLayout({"addr": address_width, "prot": 3})
        super().__init__({
            "aw": Out(stream.Signature(address)),
            "w": Out(stream.Signature(data.StructLayout({"data": DATA_WIDTH, "strb": DATA_WIDTH // 8}))),
            "b": In(stream.Signature(data.StructLayout({"resp": Response}))),
            "ar": Out(stream.Signature(address)),
            "r": In(stream.Signature(data.StructLayout({"data": DATA_WIDTH, "resp": Response}))),
        })  # fmt: skip
