"""Signatures inside the chipset: I/O devices, 32-bit register blocks, requests and answers of the memory controller."""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import BusRequest, BusResponse
from contracts.requesters import REQUESTER_WIDTH

__all__ = [
    "IO_ADDRESS_WIDTH", "PORT_WIDTH", "REGISTER_ADDRESS_WIDTH", "IoPlace", "IoSignature", "MemoryRequest", "MemoryResponse",
    "PagesSignature", "RegisterSignature", "WideIoSignature",
]  # fmt: skip

PORT_WIDTH = 16  # of a port's number
IO_ADDRESS_WIDTH = 4  # the widest device, a PCI function's I/O range, has sixteen ports
REGISTER_ADDRESS_WIDTH = 10  # 32-bit registers of one 4 KiB page


class IoSignature(wiring.Signature):
    """A device with byte-wide I/O ports, as the device bus sees it.

    ``address`` Out(4) counts from the device's first port. ``read`` and ``write`` Out(1) are strobes of one cycle;
    ``read_data`` In(8) answers in the same cycle as ``read``.
    """

    def __init__(self) -> None:
        super().__init__({
            "address": Out(IO_ADDRESS_WIDTH), "read": Out(1), "write": Out(1), "write_data": Out(8), "read_data": In(8),
        })  # fmt: skip


class WideIoSignature(wiring.Signature):
    """Four ports that are reached together, as the device bus sees them: a register of 16 or 32 bits at an I/O address.

    ``read`` and ``write`` Out(1) are strobes of one cycle, ``mask`` Out(4) says which of the ports (byte i is the i-th), ``write_data``
    Out(32); ``read_data`` In(32) answers in the same cycle as ``read``.
    """

    def __init__(self) -> None:
        super().__init__({"read": Out(1), "write": Out(1), "mask": Out(4), "write_data": Out(32), "read_data": In(32)})


class IoPlace(data.Struct):
    """Where a device whose ports can be moved answers, if it does."""

    enable: 1
    base: PORT_WIDTH  # aligned to the number of its ports


class RegisterSignature(wiring.Signature):
    """A block of 32-bit registers, as the device bus sees it.

    ``valid`` Out(1), ``write`` Out(1), ``address`` Out(10) in words, ``write_data`` Out(32) hold still until ``ready`` In(1);
    the access happens in the cycle in which both are 1, ``read_data`` In(32) is taken then.
    """

    def __init__(self) -> None:
        super().__init__({
            "valid": Out(1), "write": Out(1), "address": Out(REGISTER_ADDRESS_WIDTH), "write_data": Out(32),
            "ready": In(1), "read_data": In(32),
        })  # fmt: skip


class PagesSignature(wiring.Signature):
    """Several pages of registers, any bytes of which can be accessed by themselves, as the device bus sees them.

    ``valid`` Out(1), ``write`` Out(1), ``page`` Out(range(pages)), ``address`` Out(10) in words, ``mask`` Out(4) (which bytes of the word),
    ``write_data`` Out(32) and ``privileged`` Out(1) (the access comes with ring −1's authority) hold still until ``ready`` In(1); the
    access happens in the cycle in which both are 1, ``read_data`` In(32) is taken then. Bytes beside ``mask`` mean nothing.
    """

    def __init__(self, pages: int) -> None:
        super().__init__({
            "valid": Out(1), "write": Out(1), "page": Out(range(pages)), "address": Out(REGISTER_ADDRESS_WIDTH), "mask": Out(4),
            "write_data": Out(32), "privileged": Out(1), "ready": In(1), "read_data": In(32),
        })  # fmt: skip


class MemoryRequest(data.Struct):
    """A bus request at the door of the memory controller."""

    request: BusRequest
    admitted: 1  # the guard's word; 1 for masters that it does not check
    walker: 1  # the guard itself reads its map


class MemoryResponse(data.Struct):
    """An answer of the memory controller, and whose it is."""

    valid: 1
    requester: REQUESTER_WIDTH
    walker: 1
    response: BusResponse
