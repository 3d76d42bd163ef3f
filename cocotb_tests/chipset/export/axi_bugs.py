"""Seeded bugs of the AXI4 wrapper for its proof: what an honest mistake would look like, as an assignment appended to a part's own.

They are shown with one guarded port, so what its parts say is said of that one.
"""

from amaranth.hdl import Const

from chipset.export.axi_bus import BurstRequest
from cocotb_tests.chipset.export.axi_inside import Inside
from cocotb_tests.chipset.export.axi_spec import PAGE_LSB

__all__ = ["BUGS"]


def refused_read_goes_on(inside: Inside) -> None:
    """The verdict on a read is not looked at."""
    guard, turns = inside.guard, inside.turns.component
    guard.module.d.comb += guard["passes_read"].eq(turns.any & turns.leaves & ~turns.write & ~inside.reads[0].component.cut)


def read_goes_on_before_its_verdict(inside: Inside) -> None:
    """Whatever is asked for leaves, known or not."""
    inside.guard.module.d.comb += inside.turns.component.leaves.eq(inside.turns.component.any)
    inside.guard.module.d.comb += inside.guard["passes_read"].eq(
        inside.turns.component.any & inside.checker.admitted & ~inside.turns.component.write
    )


def offer_is_taken_back(inside: Inside) -> None:
    """A commit takes back what memory has not taken yet."""
    with inside.guard.module.If(inside.registers.hold):
        inside.guard.module.d.sync += inside.guard.component.memory.ar.valid.eq(0)


def ends_of_bursts_are_not_looked_at(inside: Inside) -> None:
    """A burst may cross into a page that nobody has asked for."""
    inside.guard.module.d.comb += inside.guard["guarded_end"].eq(0)


def trusted_reads_look_like_the_walkers(inside: Inside) -> None:
    """The trusted port's reads bear the ID of reads of the map."""
    with inside.guard.module.If(inside.reads[-1].component.goes):
        inside.guard.module.d.sync += inside.guard.component.memory.ar.payload.id.eq(len(inside.reads))


def writes_are_asked_for_as_reads(inside: Inside) -> None:
    """The checker is not told that a burst writes."""
    inside.guard.module.d.comb += inside.checker.access.write.eq(0)


def page_of_the_read_is_asked_for(inside: Inside) -> None:
    """The page is always taken from AR."""
    inside.guard.module.d.comb += inside.checker.access.page.eq(inside.reads[0].component.request.addr[PAGE_LSB:])


def commit_does_not_wait_for_reads(inside: Inside) -> None:
    """Only writes are waited for."""
    quiet = inside.checker.quiet & ~inside.writes[0].component.in_memory
    inside.guard.module.d.comb += inside.registers.drained.eq(quiet)


def commit_does_not_wait_for_what_was_cut(inside: Inside) -> None:
    """A read that its master does not take is forgotten while memory still has it."""
    read = inside.reads[0]
    read.module.d.comb += read.component.in_memory.eq((read["at_memory"] != 0) & ~read.component.cut)


def answer_to_a_write_counts_for_all(inside: Inside) -> None:
    """One answer, and no write is under way."""
    write = inside.writes[0]
    with write.module.If(write.component.answer_valid):
        write.module.d.sync += write["at_memory"].eq(0)


def map_is_read_before_writes_are_answered(inside: Inside) -> None:
    """A read of the map waits for no trusted write."""
    order = inside.order
    order.module.d.comb += order.component.walk_may.eq(~order["walks"])


def writes_start_while_the_map_is_read(inside: Inside) -> None:
    """A trusted write waits for no read of the map."""
    inside.order.module.d.comb += inside.order.component.write_may.eq(1)


def every_beat_is_a_word_further(inside: Inside) -> None:
    """Reported addresses rise by 4, whatever the burst is."""
    channel = inside.channel
    with channel.module.If(channel["moves"]):
        channel.module.d.sync += channel["address"].eq(channel["address"] + 4)


def unaligned_bursts_stay_unaligned(inside: Inside) -> None:
    """Reported addresses rise by the size, from wherever the first beat lies."""
    channel = inside.channel
    with channel.module.If(channel["moves"]):
        channel.module.d.sync += channel["address"].eq(channel["address"] + (Const(1) << channel.shaped("request", BurstRequest).size[:2]))


def whole_words_are_reported(inside: Inside) -> None:
    """The strobes are not."""
    inside.channel.module.d.comb += inside.channel.component.written.mask.eq(Const(-1, 4))


def lasts_are_the_masters_word(inside: Inside) -> None:
    """The master says where its burst ends."""
    channel = inside.channel
    with channel.module.If(channel["moves"] & (channel["owner"] == 0)):
        channel.module.d.sync += channel.component.w.payload.last.eq(channel.component.ports[0].payload.last)


def missing_beats_are_written(inside: Inside) -> None:
    """What a burst that was cut still owes goes to memory with the bytes that lie there selected."""
    channel = inside.channel
    with channel.module.If(channel["moves"] & channel["fills"] & (channel["owner"] == 0)):
        channel.module.d.sync += channel.component.w.payload.strb.eq(channel.component.ports[0].payload.strb)


def refused_data_are_left(inside: Inside) -> None:
    """The last beat of a refused burst is taken for the next burst's first."""
    write = inside.writes[0]
    with write.module.If(write.component.goes & write.component.refused & (write.component.request.len != 0)):
        write.module.d.sync += write["remain"].eq(write.component.request.len - 1)


def data_lines_show_what_others_read(inside: Inside) -> None:
    """RDATA follows memory's while nothing is given."""
    read = inside.reads[0]
    with read.module.If(~read["gives"]):
        read.module.d.sync += read.component.r.payload.beat.data.eq(read.component.beat.data)


def refused_read_is_answered_once(inside: Inside) -> None:
    """With one beat, whatever its length."""
    read = inside.reads[0]
    with read.module.If(read["last_refused"]):
        read.module.d.comb += read["ends"].eq(read["gives"])


def refused_read_is_okay(inside: Inside) -> None:
    """Ones, but no error."""
    read = inside.reads[0]
    with read.module.If(read["gives"] & read["last_refused"]):
        read.module.d.sync += read.component.r.payload.beat.resp.eq(0)


def refused_write_takes_an_answer(inside: Inside) -> None:
    """Memory's answer to an older write is thrown away when a refused one is answered."""
    write = inside.writes[0]
    write.module.d.comb += write.open("answers").component.pop.eq(write["gives"])


def refused_write_is_answered_before_its_turn(inside: Inside) -> None:
    """Nobody waits for memory."""
    write, through = inside.writes[0], inside.writes[0].open("through").component
    b = write.component.b
    write.module.d.comb += write["gives"].eq((~b.valid | b.ready) & (through.level != 0))


def write_that_was_cut_is_okay(inside: Inside) -> None:
    """Its master is told what memory says of it."""
    write = inside.writes[0]
    write.module.d.comb += write.open("through").component.item.cut.eq(0)


def failed_write_is_believed(inside: Inside) -> None:
    """What has been found out counts on, though memory has not written what it was found out from."""
    inside.order.module.d.comb += inside.order.component.forget.eq(0)


def failed_write_spoils_no_walk(inside: Inside) -> None:
    """The walk under way ends as if nothing had happened."""
    inside.order.module.d.sync += inside.order.component.spoilt.eq(0)


# With the group of claims that each breaks.
BUGS = {
    refused_read_goes_on: "requests", read_goes_on_before_its_verdict: "requests", offer_is_taken_back: "requests",
    ends_of_bursts_are_not_looked_at: "requests", trusted_reads_look_like_the_walkers: "requests",
    writes_are_asked_for_as_reads: "requests", page_of_the_read_is_asked_for: "requests",
    lasts_are_the_masters_word: "channel",
    commit_does_not_wait_for_reads: "drained", commit_does_not_wait_for_what_was_cut: "drained",
    answer_to_a_write_counts_for_all: "drained",
    map_is_read_before_writes_are_answered: "order", writes_start_while_the_map_is_read: "order",
    refused_write_takes_an_answer: "answers", refused_write_is_answered_before_its_turn: "answers", write_that_was_cut_is_okay: "answers",
    failed_write_is_believed: "order", failed_write_spoils_no_walk: "order",
    every_beat_is_a_word_further: "reports", unaligned_bursts_stay_unaligned: "reports", whole_words_are_reported: "reports",
    missing_beats_are_written: "data", refused_data_are_left: "data",
    data_lines_show_what_others_read: "silence", refused_read_is_answered_once: "silence", refused_read_is_okay: "silence",
}  # fmt: skip
