"""Between fetch and decode, and from the end of the pipeline back to fetch."""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Mode

__all__ = [
    "LINE", "LINE_BYTES", "LINE_NUMBER_WIDTH", "REDIRECT", "STORE_LINE", "WINDOW_BYTES",
    "FetchContext", "LineSignature", "RedirectSignature", "StoreLineSignature", "Window",
]  # fmt: skip

LINE_BYTES = 16
LINE_NUMBER_WIDTH = 28  # an address without its low four bits
WINDOW_BYTES = 16


class FetchContext(data.Struct):
    """The state that fetch and decode depend on; it changes only with a redirect (or micro-ops marked ``refetch``)."""

    cs_base: 32
    cs_limit: 32
    mode: Mode
    cr3: 32
    asid: 8
    ring_minus_1: 1  # authority of bus requests


class RedirectSignature(wiring.Signature):
    """``valid`` Out(1), ``eip`` Out(32): drop everything, go on at eip in the context then in force."""

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "eip": Out(32)})


REDIRECT = RedirectSignature()


class LineSignature(wiring.Signature):
    """Lines of the instruction stream, as the prefetch queue sees it.

    *Request*: ``request_valid``/``request_ready`` with ``request_line``, a linear line number (linear address / 16), translated in the
    context that is latched at the last redirect. Valid may be withdrawn only by a redirect.

    *Response*: ``response_valid`` for one cycle (no back-pressure), not earlier than the cycle after the request was accepted; in
    order, at most one outstanding, so ``request_ready`` is 0 between an accepted request and its response (1 in the response's own
    cycle is welcome). ``response_data`` holds byte 0 of the line in bits 7:0; ``response_physical`` is the physical line number;
    ``response_fault`` says that the line cannot be fetched (#PF with error code ``response_error``), data and physical are then void.
    A redirect does not take a request back: its response comes and the queue drops it.

    ``demand``, a level, belongs to the line requested or outstanding: 1 if the pipeline is empty and waits for it. While it is 0 the
    request runs ahead, and must not be carried out if the line is uncacheable: it then waits (accepted or not) for ``demand``, or for
    a redirect (in whose cycle or after which it may be answered with anything).

    A store announced (StoreLineSignature) in a cycle before the response's own is in the response, but for the cycle just before it.
    """

    def __init__(self) -> None:
        super().__init__({
            "request_valid": Out(1), "request_ready": In(1), "request_line": Out(LINE_NUMBER_WIDTH), "demand": Out(1),
            "response_valid": In(1), "response_data": In(8 * LINE_BYTES), "response_physical": In(LINE_NUMBER_WIDTH),
            "response_fault": In(1), "response_error": In(4),
        })  # fmt: skip


LINE = LineSignature()


class StoreLineSignature(wiring.Signature):
    """Announcement, as its source sees it.

    In a cycle with ``valid``, physical line ``line`` is written: by a store of this processor, or by another master (a snoop).
    """

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "line": Out(LINE_NUMBER_WIDTH)})


STORE_LINE = StoreLineSignature()


class Window(data.Struct):
    """The next bytes of the instruction stream, starting at ``eip``.

    ``count`` of them are there (0 to 16). If ``fault``, the byte after them cannot be fetched: #PF (``page_fault``, error and address
    given) or the code-segment limit (#GP(0)). The first 16 - physical[3:0] bytes lie in one line, the others in ``next_line``.
    """

    bytes: data.ArrayLayout(8, WINDOW_BYTES)
    count: 5
    eip: 32
    fault: 1
    page_fault: 1
    error: 4
    fault_address: 32  # linear
    physical: 32  # of the first byte
    next_line: LINE_NUMBER_WIDTH  # physical number of the second line
