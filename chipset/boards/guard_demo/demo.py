"""The demonstration as a circuit, whatever the board: two lanes of the same traffic, one guarded, and a report a round."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from chipset.boards.guard_demo.demo_lane import COUNTER_WIDTH, Count, DemoLane
from chipset.boards.guard_demo.layout import ATTACKS, PLANS
from chipset.boards.guard_demo.report import Number, Ratio, Report, ReportText
from chipset.devices.serial_shifter import SerialShifter
from chipset.traffic.generator import ACCESS_BYTES

__all__ = ["ACCESSES", "TEXT", "GuardDemo"]

ACCESSES = (64 << 20) // ACCESS_BYTES // len(PLANS)  # of each requester in a round
_CACHED_MAP_WORDS = 1

# Numbers of the report: a lane's counts, those of the lane beside it, and these.
_ROUND, _ATTACKERS = 2 * len(Count), 2 * len(Count) + 1
_ROWS = {
    Count.ANSWERED: "lines answered", Count.REFUSED: "lines refused", Count.REACHED: "closed lines reached",
    Count.OPEN_WORDS: "open words read", Count.CLOSED_WORDS: "closed words read", Count.CYCLES: "cycles of the others",
}  # fmt: skip
_NAME_WIDTH = 24


def _row(count: Count) -> tuple[str | Number, ...]:
    return f"{_ROWS[count]:{_NAME_WIDTH}}", Number(count), "  ", Number(len(Count) + count), "\r\n"


TEXT = ReportText(
    body=(
        "\r\nRingfence DMA guard, round ", Number(_ROUND), f", {len(PLANS)} requesters, attackers:", Number(_ATTACKERS), "\r\n",
        f"{'':{_NAME_WIDTH}} guarded    beside\r\n", *(part for count in Count for part in _row(count)),
        "throughput of the others, guarded over beside  ", Ratio(), "\r\n",
    ),
    passed="PASS\r\n",
    failed="FAIL\r\n",
)  # fmt: skip


class GuardDemo(wiring.Component):
    """Round after round: the requesters make their accesses in both lanes, then the report is said. Every other round is an attack.

    Parameters
    ----------
    memories : two, as of ``DemoMemory``: of the guarded lane and of the one beside it
    bit_cycles : cycles in a bit of the serial line
    accesses : of each requester in a round
    guarded : False builds wires in the guard's place, for a control run

    Members
    -------
    tx : Out(1), the serial line
    passed, failed : Out(1), how all rounds so far have ended; neither before there have been both kinds, unless one fails
    """

    def __init__(self, memories: Sequence[wiring.Component], *, bit_cycles: int, accesses: int = ACCESSES, guarded: bool = True) -> None:
        words = (_CACHED_MAP_WORDS if guarded else 0, 0)
        self._lanes = [DemoLane(memory, cached_map_words=kept) for memory, kept in zip(memories, words, strict=True)]
        self._bit_cycles = bit_cycles
        self._accesses = accesses
        super().__init__({"tx": Out(1, init=1), "passed": Out(1), "failed": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        guarded, beside = self._lanes
        m.submodules.guarded, m.submodules.beside = guarded, beside
        m.submodules.report = report = Report(TEXT, width=COUNTER_WIDTH, numbers=_ATTACKERS + 1)
        m.submodules.serial = serial = SerialShifter(self._bit_cycles)
        wiring.connect(m, report.bytes_out, serial.bytes_out)
        number = Signal(COUNTER_WIDTH)  # of the round, the first is 1
        attack, start = Signal(), Signal()
        for n, lane in enumerate(self._lanes):
            m.d.comb += [lane.start.eq(start), lane.accesses.eq(self._accesses), lane.attack.eq(attack)]
            m.d.comb += [report.numbers[n * len(Count) + count].eq(lane.counts[count]) for count in Count]
        m.d.comb += [
            attack.eq(~number[0]), self.tx.eq(serial.tx), serial.rx.eq(1),
            report.numbers[_ROUND].eq(number), report.numbers[_ATTACKERS].eq(Mux(attack, len(ATTACKS), 0)),
            report.dividend.eq(beside.counts[Count.CYCLES]), report.divisor.eq(guarded.counts[Count.CYCLES]),
            report.passed.eq(self._passes(attack)),
        ]  # fmt: skip
        with m.FSM():
            with m.State("SET_UP"):
                with m.If(guarded.ready & beside.ready):
                    m.next = "START"
            with m.State("START"):
                m.d.comb += start.eq(1)
                m.d.sync += number.eq(number + 1)
                m.next = "RUN"
            with m.State("RUN"):
                with m.If(guarded.done & beside.done):
                    m.next = "END"
            with m.State("END"):
                m.d.comb += report.start.eq(1)
                with m.If(~report.passed):
                    m.d.sync += [self.failed.eq(1), self.passed.eq(0)]
                with m.Elif(attack & ~self.failed):
                    m.d.sync += self.passed.eq(1)
                m.next = "REPORT"
            with m.State("REPORT"):
                with m.If(~report.busy & serial.bytes_out.ready):
                    m.next = "START"
        return m

    def _passes(self, attack: Signal) -> Value:
        """A round passes if nothing of a closed page was reached or read through the guard, and what it refused is just what was reached
        beside it: something in an attack, nothing in peace. What is open was read as often, and nobody waits for an answer."""
        guarded, beside = (lane.counts for lane in self._lanes)
        return (
            (guarded[Count.REACHED] == 0) & (guarded[Count.CLOSED_WORDS] == 0)
            & (guarded[Count.REFUSED] == beside[Count.REACHED]) & (beside[Count.REACHED].any() == attack)
            & (beside[Count.CLOSED_WORDS].any() == attack)
            & (guarded[Count.OPEN_WORDS] == beside[Count.OPEN_WORDS]) & (guarded[Count.ANSWERED] == beside[Count.ANSWERED])
        )  # fmt: skip
