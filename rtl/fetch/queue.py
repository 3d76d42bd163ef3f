"""The prefetch queue: two lines of the instruction stream and the window that the decoder looks through."""

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.fetch.port import (
    LINE,
    LINE_BYTES,
    LINE_NUMBER_WIDTH,
    REDIRECT,
    STORE_LINE,
    WINDOW_BYTES,
    FetchContext,
    Window,
)

__all__ = ["PrefetchQueue"]

_OFFSET_BITS = 4


class _Line(data.Struct):
    """A line in the queue. A line that cannot be fetched stands there as its page fault."""

    data: 8 * LINE_BYTES
    physical: LINE_NUMBER_WIDTH
    valid: 1
    fault: 1
    error: 4


class PrefetchQueue(wiring.Component):
    """Fetches lines ahead of the decoder, up to the limit of the code segment.

    The head line holds the window's first byte. When the last byte of it is taken, the next line moves up, and the line after it is
    asked for. No line is asked for that begins beyond the limit.

    Members
    -------
    redirect : In(RedirectSignature)
        Drops everything; ``context`` is latched in the same cycle.
    context : In(FetchContext)
    latched : Out(FetchContext)
        What fetch and decode go by until the next redirect.
    lines : Out(LineSignature)
        To the instruction cache.
    pressing : In(1)
        The pipeline is empty and waits for bytes: becomes ``lines.demand``.
    window : Out(Window)
    consume : In(5)
        Bytes that the decoder takes, at most ``window.count``.
    stores : In(StoreLineSignature)
    overwritten : Out(1)
        In the cycle of an announcement or the one after it: a line in the queue, or just arriving, is the one that was written.
    """

    redirect: In(REDIRECT)
    context: In(FetchContext)
    latched: Out(FetchContext)
    lines: Out(LINE)
    pressing: In(1)
    window: Out(Window)
    consume: In(5)
    stores: In(STORE_LINE)
    overwritten: Out(1)

    def elaborate(self, platform: object) -> Module:
        """Two lines, one request."""
        m = Module()
        latched = Signal(FetchContext)
        eip = Signal(32)
        linear = Signal(32)
        head = Signal(_Line)
        tail = Signal(_Line)
        started = Signal()  # there has been a redirect
        outstanding = Signal()
        dropped = Signal()  # what is outstanding was asked for before a redirect
        wanted = Signal(LINE_NUMBER_WIDTH)  # number of the next line to ask for
        m.d.comb += self.latched.eq(latched)

        # the window
        offset = linear[:_OFFSET_BITS]
        fetched = Signal(6)
        remaining = Signal(33)  # bytes up to the limit, less one; negative beyond it
        inside = Signal(5)  # the same, as far as the window needs it
        beyond = Signal()
        count = Signal(5)
        faulty = Signal()
        available_head = head.valid & ~head.fault
        available_tail = available_head & tail.valid & ~tail.fault
        m.d.comb += [
            fetched.eq(Mux(available_head, Mux(available_tail, 2 * LINE_BYTES, LINE_BYTES) - offset, 0)),
            remaining.eq(latched.cs_limit - eip),
            beyond.eq(remaining[32]),
            inside.eq(Mux(beyond, 0, Mux(remaining[:32] >= WINDOW_BYTES, WINDOW_BYTES, remaining[:5] + 1))),
            faulty.eq(head.valid & (head.fault | (tail.valid & tail.fault))),
        ]
        window = self.window
        limited = Signal()
        least = Signal(5)
        m.d.comb += [
            least.eq(Mux(fetched >= WINDOW_BYTES, WINDOW_BYTES, fetched)),
            limited.eq((inside <= least) & (beyond | (remaining[:32] < WINDOW_BYTES))),
            count.eq(Mux(limited, inside, least)),
            window.bytes.eq(Cat(head.data, tail.data) >> Cat(Const(0, 3), offset)),
            window.count.eq(Mux(started, count, 0)),
            window.eip.eq(eip),
            window.fault.eq(started & (limited | (faulty & (fetched < WINDOW_BYTES)))),
            window.page_fault.eq(~limited),
            window.error.eq(Mux(head.fault, head.error, tail.error)),
            window.fault_address.eq(Mux(head.fault, linear, Cat(Const(0, _OFFSET_BITS), linear[_OFFSET_BITS:] + 1))),
            window.physical.eq(Cat(offset, head.physical)),
            window.next_line.eq(tail.physical),
        ]

        # arrival; then requests: the queue asks for the line that follows the last one it has or has asked for
        arriving = Signal(_Line)
        arrives = Signal()
        m.d.comb += [
            arriving.data.eq(self.lines.response_data),
            arriving.physical.eq(self.lines.response_physical),
            arriving.valid.eq(1),
            arriving.fault.eq(self.lines.response_fault),
            arriving.error.eq(self.lines.response_error),
            arrives.eq(self.lines.response_valid & outstanding & ~dropped),
        ]
        request = Signal()
        places = Signal()
        first = Signal()  # it is the redirect's own line
        wanted_eip = Signal(32)  # of the first byte of that line, or of the redirect
        m.d.comb += [
            places.eq(~head.valid | (~tail.valid & ~outstanding)),
            wanted_eip.eq(Mux(first, eip, (Cat(Const(0, _OFFSET_BITS), wanted) - latched.cs_base)[:32])),
            request.eq(
                started
                & places
                & ~(outstanding & ~self.lines.response_valid)
                & ~(head.valid & head.fault)
                & ~(arrives & self.lines.response_fault)
                & (wanted_eip <= latched.cs_limit)
            ),
            self.lines.request_valid.eq(request),
            self.lines.request_line.eq(wanted),
            self.lines.demand.eq(self.pressing),
        ]
        with m.If(request & self.lines.request_ready):
            m.d.sync += [outstanding.eq(1), dropped.eq(0), first.eq(0), wanted.eq(wanted + 1)]
        with m.Elif(self.lines.response_valid):
            m.d.sync += outstanding.eq(0)

        # consumption
        next_linear = Signal(32)
        moves = Signal()
        m.d.comb += [
            next_linear.eq(linear + self.consume),
            moves.eq(next_linear[_OFFSET_BITS] ^ linear[_OFFSET_BITS]),
        ]
        m.d.sync += [eip.eq(eip + self.consume), linear.eq(next_linear)]
        with m.If(moves):
            m.d.sync += [head.eq(tail), tail.valid.eq(0)]
            with m.If(arrives & ~tail.valid):
                m.d.sync += head.eq(arriving)
        with m.Elif(arrives):
            with m.If(head.valid):
                m.d.sync += tail.eq(arriving)
            with m.Else():
                m.d.sync += head.eq(arriving)

        # stores to what is here; an answer may be one cycle older than an announcement
        recent = Signal()
        recent_line = Signal(LINE_NUMBER_WIDTH)

        def written(line: Value, valid: Value) -> Value:
            """A valid line that is being written, or was in the last cycle."""
            return valid & ((self.stores.valid & (line == self.stores.line)) | (recent & (line == recent_line)))

        m.d.sync += [recent.eq(self.stores.valid), recent_line.eq(self.stores.line)]
        m.d.comb += self.overwritten.eq(
            written(head.physical, head.valid) | written(tail.physical, tail.valid) | written(arriving.physical, arrives)
        )

        with m.If(self.redirect.valid):
            target = Signal(32)
            m.d.comb += target.eq(self.context.cs_base + self.redirect.eip)
            m.d.sync += [
                started.eq(1),
                first.eq(1),
                latched.eq(self.context),
                eip.eq(self.redirect.eip),
                linear.eq(target),
                wanted.eq(target[_OFFSET_BITS:]),
                head.valid.eq(0),
                tail.valid.eq(0),
                dropped.eq((outstanding & ~self.lines.response_valid) | (request & self.lines.request_ready)),
            ]
        return m
