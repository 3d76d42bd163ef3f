"""The front end: prefetch queue and decoder, running ahead of the pipeline."""

from collections.abc import Iterable, Mapping

from amaranth import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rtl.decode.decoded import Decoded
from rtl.decode.decoder import Decoder
from rtl.decode.row import Row
from rtl.fetch.port import LINE, LINE_NUMBER_WIDTH, REDIRECT, STORE_LINE, FetchContext
from rtl.fetch.queue import PrefetchQueue

__all__ = ["Frontend"]


class Frontend(wiring.Component):
    """Instructions, decoded, in the order of the program: nothing is predicted, a jump that is taken redirects.

    Parameters
    ----------
    rows : iterable of Row
        The opcode map, the extension's rows included.
    labels : mapping of str to int
        Entries of the microprograms.

    Members
    -------
    redirect : In(RedirectSignature)
        Go on at ``eip`` in ``context``, as it is in this cycle. Nothing is fetched before the first redirect.
    context : In(FetchContext)
    latched : Out(FetchContext)
        The context of fetching, for the instruction cache and its TLB.
    lines : Out(LineSignature)
    stores : In(StoreLineSignature)
        Lines being written, by this processor or another master.
    decoded : Out(stream of Decoded)
        Void in the cycle of a redirect. ``ready`` while nothing is valid says that the pipeline is empty: only then (a cycle later,
        which keeps ``ready`` out of the path to the memory side) is an uncacheable line fetched.
    stale : Out(1)
        From the cycle of the announcement until a redirect: bytes that have been fetched, or an instruction that waits in ``decoded``, have
        been overwritten.
    """

    def __init__(self, rows: Iterable[Row], labels: Mapping[str, int]) -> None:
        self._decoder = Decoder(rows, labels)
        super().__init__({
            "redirect": In(REDIRECT), "context": In(FetchContext), "latched": Out(FetchContext),
            "lines": Out(LINE), "stores": In(STORE_LINE), "decoded": Out(stream.Signature(Decoded)), "stale": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Wiring, and the comparison of stores with what has left the queue."""
        m = Module()
        m.submodules.queue = queue = PrefetchQueue()
        m.submodules.decoder = decoder = self._decoder
        connect(m, flipped(self.lines), queue.lines)
        connect(m, flipped(self.decoded), decoder.decoded)
        m.d.comb += [
            queue.redirect.valid.eq(self.redirect.valid),
            queue.redirect.eip.eq(self.redirect.eip),
            queue.context.eq(self.context),
            self.latched.eq(queue.latched),
            queue.consume.eq(decoder.consume),
            queue.stores.valid.eq(self.stores.valid),
            queue.stores.line.eq(self.stores.line),
            decoder.window.eq(queue.window),
            decoder.mode.eq(queue.latched.mode),
            decoder.redirect.eq(self.redirect.valid),
        ]

        # One cycle late: what the pipeline takes may depend on what arrives in this cycle.
        m.d.sync += queue.pressing.eq(decoder.starved & ~self.decoded.valid & self.decoded.ready)

        recent = Signal()  # an announcement is looked at for two cycles, as in the queue
        recent_line = Signal(LINE_NUMBER_WIDTH)
        m.d.sync += [recent.eq(self.stores.valid), recent_line.eq(self.stores.line)]

        def written(line: Value) -> Value:
            return (self.stores.valid & (line == self.stores.line)) | (recent & (line == recent_line))

        waiting = self.decoded.payload
        hit = Signal()
        kept = Signal()
        m.d.comb += [
            hit.eq(
                queue.overwritten
                | (decoder.begun & written(decoder.begun_line))
                | (self.decoded.valid & (written(waiting.physical[4:]) | written(waiting.physical_last[4:])))
            ),
            self.stale.eq(kept | hit),
        ]
        with m.If(hit):
            m.d.sync += kept.eq(1)
        with m.If(self.redirect.valid):
            m.d.sync += kept.eq(0)
        return m
