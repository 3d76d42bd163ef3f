"""Seeded bugs of the Wishbone wrapper for its proof: what an honest mistake would look like, as an assignment appended to a part's own."""

from amaranth.hdl import Const

from cocotb_tests.chipset.export.wishbone_harness import Inside

__all__ = ["BUGS"]


def access_follows_its_master(inside: Inside) -> None:
    """What is done is what the master's signals say by then, not what was judged."""
    port = inside.ports[0]
    port.module.d.sync += port.component.request.eq(port.component.bus.request)


def refused_access_goes_on(inside: Inside) -> None:
    """The verdict is not looked at."""
    guard = inside.guard
    with guard.module.If(inside.checker.leaves):
        guard.module.d.sync += guard.component.memory.stb.eq(1)


def writes_are_asked_for_as_reads(inside: Inside) -> None:
    """The checker is not told that an access writes."""
    inside.guard.module.d.comb += inside.checker.access.write.eq(0)


def commit_waits_for_nobody(inside: Inside) -> None:
    """What is at memory is not waited for."""
    inside.guard.module.d.comb += inside.registers.drained.eq(inside.checker.quiet)


def whole_words_are_reported(inside: Inside) -> None:
    """The byte selects are not."""
    inside.guard.module.d.comb += inside.checker.written.mask.eq(Const(-1, 4))


def writes_are_reported_when_they_are_answered(inside: Inside) -> None:
    """A cycle or more too late: memory has been written by then."""
    guard = inside.guard
    guard.module.d.comb += inside.checker.written.valid.eq(inside.order.component.writes_under_way)


def failed_write_is_believed(inside: Inside) -> None:
    """What has been found out counts on, though memory has not written what it was found out from."""
    inside.order.module.d.comb += inside.order.component.forget.eq(0)


def failed_write_spoils_no_walk(inside: Inside) -> None:
    """The walk under way ends as if nothing had happened."""
    inside.order.module.d.sync += inside.order.component.spoilt.eq(0)


def data_lines_show_what_others_read(inside: Inside) -> None:
    """Memory's data go to every port, the answer to one."""
    inside.ports[0].module.d.comb += inside.ports[0].component.bus.dat.eq(inside.guard.component.memory.dat)


def refusal_is_no_error(inside: Inside) -> None:
    """It is acknowledged."""
    inside.guard.module.d.comb += inside.ports[0].component.error.eq(0)


# With the group of claims that each breaks.
BUGS = {
    access_follows_its_master: "requests", refused_access_goes_on: "requests", writes_are_asked_for_as_reads: "requests",
    commit_waits_for_nobody: "drained",
    whole_words_are_reported: "reports", writes_are_reported_when_they_are_answered: "reports",
    failed_write_is_believed: "reports", failed_write_spoils_no_walk: "reports",
    data_lines_show_what_others_read: "silence", refusal_is_no_error: "silence",
}  # fmt: skip
