"""The bus between processor, chipset and DMA masters (design decision 8).

A *request* is one transfer on ``req``; a burst write is ``BURST_WORDS`` of them, back to back, ``last`` on the final one. Every
read is answered by one transfer on ``rsp`` a word, every write (or burst write) by one. Answers come in the order of the requests
of one requester. ``rsp`` has no ready: a master asks only for what it can take.
A burst covers an aligned 16-byte line and delivers its words in rising order of address.
Locked requests exclude every other master from the first one to the first that is accepted with ``lock`` clear.
"""

from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from contracts.requesters import REQUESTER_WIDTH

__all__ = ["BURST_WORDS", "Authority", "BusRequest", "BusResponse", "BusSignature", "Snoop", "SnoopSignature", "Space"]

BURST_WORDS = 4


class Space(enum.Enum, shape=2):
    """What is addressed."""

    MEMORY = 0
    IO = 1
    INTERRUPT_ACKNOWLEDGE = 2  # a read; the answer's low byte is the vector
    SPECIAL_CYCLE = 3  # a write that no instruction makes, only a microprogram; ``contracts.late_launch`` says what it tells the chipset


class Authority(enum.Enum, shape=1):
    """In whose name: ring −1 is the processor outside guest mode, or the host link."""

    GUEST = 0
    RING_MINUS_1 = 1


class BusRequest(data.Struct):
    """One request (or one beat of a burst write)."""

    address: 32  # byte address; the low two bits are zero, ``mask`` selects bytes
    space: Space
    write: 1
    mask: 4  # bytes read or written, bit i: data[8*i+7:8*i]
    data: 32
    burst: 1  # the whole 16-byte line at ``address`` (aligned)
    last: 1  # final beat of a write; 1 for a single write and for every read
    lock: 1
    requester: REQUESTER_WIDTH
    authority: Authority


class BusResponse(data.Struct):
    """One answer. With ``error`` the data are all ones."""

    data: 32
    error: 1
    last: 1


class BusSignature(wiring.Signature):
    """A bus as its master sees it.

    Members: ``req_valid`` Out(1), ``req`` Out(BusRequest), ``req_ready`` In(1); ``rsp_valid`` In(1), ``rsp`` In(BusResponse).
    ``req`` holds still while ``req_valid`` and not ``req_ready``.
    """

    def __init__(self) -> None:
        super().__init__({
            "req_valid": Out(1), "req": Out(BusRequest), "req_ready": In(1),
            "rsp_valid": In(1), "rsp": In(BusResponse),
        })  # fmt: skip


class Snoop(data.Struct):
    """A 16-byte line that another master has written."""

    line: 28  # address bits 31:4


class SnoopSignature(wiring.Signature):
    """Invalidations as the memory controller sends them: ``valid`` Out(1), ``line``; taken at once, every cycle if need be.

    A snoop arrives before the write's answer does.
    """

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "payload": Out(Snoop)})
