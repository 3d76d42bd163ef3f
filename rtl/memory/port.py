"""Between the pipeline's A/M/W stages and the memory unit: one access at a time.

The pipeline offers a request after segmentation (linear address known). The unit translates, checks rights, loads; it answers with
``done`` and the data or a fault. For a store nothing has been written then: the write happens when the pipeline sends
``commit`` with the data in W, and cannot fault any more. ``cancel`` drops it.

*Locks.* A LOAD or READ_MODIFY_WRITE with ``lock`` leaves the bus locked, and so does a STORE with ``lock``. The store of a
READ_MODIFY_WRITE, any access without ``lock``, a cancel and a fault unlock it. While it is locked, every access goes to the bus.
"""

from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AccessKind", "AccessRequest", "AccessResult", "AccessSignature", "MaintenanceSignature"]


class AccessKind(enum.Enum, shape=3):
    """What is asked for."""

    LOAD = 0
    STORE = 1  # also the checks of PROBE_WRITE, which is cancelled afterwards
    READ_MODIFY_WRITE = 2
    IN = 3
    OUT = 4
    ACKNOWLEDGE = 5
    SPECIAL_CYCLE = 6


class AccessRequest(data.Struct):
    """An access of ``size`` 1, 2 or 4 bytes at any alignment."""

    kind: AccessKind
    linear: 32  # or the physical address, or the port, or the special cycle's address
    size: 3
    translate: 1  # 0: ``linear`` is physical whatever CR0.PG says
    user: 1  # rights of CPL 3
    lock: 1
    misaligned: 1  # to be refused with #AC, if it is no page fault


class AccessResult(data.Struct):
    """The answer; on a fault nothing has been changed but accessed bits."""

    data: 32
    fault: 1
    alignment: 1  # the fault is #AC, else #PF with:
    error: 4
    fault_address: 32
    physical: 32
    physical_last: 32


class AccessSignature(wiring.Signature):
    """As the pipeline sees it.

    ``valid``/``ready`` with ``request``; later ``done`` (one cycle) with ``result``; for STORE, READ_MODIFY_WRITE, OUT and SPECIAL_CYCLE
    then ``commit`` (one cycle, with ``store_data``, not in ``done``'s own cycle) or ``cancel``; ``busy`` while a commit cannot be taken
    yet (the pipeline waits; a cancel needs not wait); ``idle``: nothing is open and all stores, OUT and SPECIAL_CYCLE have reached memory
    or device.
    """

    def __init__(self) -> None:
        super().__init__({
            "valid": Out(1), "ready": In(1), "request": Out(AccessRequest),
            "done": In(1), "result": In(AccessResult),
            "commit": Out(1), "cancel": Out(1), "store_data": Out(32), "busy": In(1), "idle": In(1),
        })  # fmt: skip


class MaintenanceSignature(wiring.Signature):
    """TLB and cache maintenance, as the pipeline sees it: ``valid`` with one of the orders is held until ``done`` (one cycle)."""

    def __init__(self) -> None:
        super().__init__({
            "valid": Out(1), "invalidate_page": Out(1), "flush_tlb": Out(1), "flush_caches": Out(1),
            "operand": Out(32),  # linear address, or the word of Special.FLUSH_TLB
            "done": In(1),
        })  # fmt: skip
