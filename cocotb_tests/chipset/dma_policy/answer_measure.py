"""The measure of a request that waits: a number that is smaller in each cycle than in the one before.

From the inside out; each part is smaller than one unit of the part around it:

- cycles until memory takes a beat (``take``);
- beats of a burst that are to come (``beats``);
- masters that come before, in the order of the merge, and have not been declined (``ahead``);
- the place in that order (``own``): who comes before is served once, and then comes after;
- for a request that has not been declined yet: how far the walker is with what it serves (``phase``);
- for one that has been declined: what the walker has still to do for the one that it serves (``stage``), and how many places the pointer
  has still to go to the watched one (``places``). The one at which it stands is waited for until it is served.

The number itself is not built. ``falls`` compares the parts, and asks for so much that the number is smaller: ``Weights`` says what each
part weighs, and checks the sums behind that. So no product and no count of masters is left in what the solver has to decide.
"""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, enum

from cocotb_tests.chipset.dma_policy.answer_sight import Patience, Sight, Until
from contracts.bus import BURST_WORDS

__all__ = ["Kind", "Phase", "Stage", "Weights", "falls", "measure_of"]


class Kind(enum.Enum, shape=2):
    """Of a request that waits; any of a later kind is larger."""

    WAITING = 0  # it has been declined, and waits for the walker
    DECLINED = 1  # in the cycle before
    EARLY = 2  # it has not been declined
    FORMER = 3  # its requester waits, but for the request that was there before


class Stage(enum.Enum, shape=3):
    """What the walker has still to do for the one that it serves; any of a later stage is larger."""

    STOP = 0  # nothing: its turn goes on
    LEFT = 1  # that request has left
    SERVING = 2  # it knows, and that request may leave
    WALKING = 3
    DONE = 4  # the request for which it would begin has left
    CALLED = 5  # it stands at one that waits, which has to ask


class Phase(enum.Enum, shape=3):
    """How far the walker is, as one that has not been declined sees it; any of a later phase is larger."""

    SERVING = 1
    WALKING = 2
    CALLED = 3
    CALLED_STALLED = 4  # the one that it stands at may not ask yet
    IDLE = 5  # nobody has to ask
    LEFT = 6
    LEAVING = 7  # it knows in this cycle still


class Weights:
    """What one unit of each part counts, and what each stage does, in cycles; AssertionError if ``falls`` would ask for too little."""

    def __init__(self, requesters: int, patience: Patience, rows: int, maps: int) -> None:
        take = patience.take
        others = requesters - 1
        self.beat = self.declined = take
        self.place = BURST_WORDS * take  # who is served may begin a burst
        inner = (BURST_WORDS - 1) * self.beat + take - 1  # the most that is left of beats and take
        self.grant = others * (self.place + self.declined) + inner + 1  # and more than any grant takes, for one that must not be granted
        # The most that is within each stage; they lie one above the other.
        self.read = 2 + patience.answer
        self.compare = self.read + take
        self.compares = 2 * maps  # each map with the page, and with what is around
        self.walk = self.compare + self.compares + 2
        self.gone = rows
        within = {
            Stage.STOP: 0, Stage.LEFT: self.gone, Stage.SERVING: self.grant, Stage.WALKING: self.walk, Stage.DONE: 0,
            Stage.CALLED: self.grant,
        }  # fmt: skip
        self.visit = 1 + sum(within[stage] + 1 for stage in Stage)
        self.phase = self.declined + take
        self.early_place = (len(Phase) - 1) * self.phase + self.declined + self.place
        self.early = ((1 << others.bit_length()) + 1) * self.visit
        self.bound = self.early + 1 + others * (self.early_place + self.declined) + len(Phase) * self.phase + inner + 1
        # In ``grant_falls`` and ``early_falls``: what one unit less is worth against all that may be more beside it.
        assert self.beat > take - 1
        assert self.declined > take - 1
        assert self.place > inner
        assert self.phase > self.declined + take - 1
        assert self.early_place > (len(Phase) - 1) * self.phase + self.declined + inner


def _grant_layout(count: int, beats: int, take: int) -> data.StructLayout:
    return data.StructLayout({"stalled": 1, "own": range(max(2, count)), "ahead": count, "beats": beats, "take": take})


def _layout(see: Sight, until: Until, beats: Signal, weights: Weights) -> data.StructLayout:
    return data.StructLayout({
        "kind": Kind, "places": range(2 * see.count + 2), "stage": Stage, "gone": range(weights.gone + 1), "walk": range(weights.walk + 1),
        "phase": Phase, "grant": _grant_layout(see.count, len(beats), len(until.take)),
    })  # fmt: skip


def measure_of(m: Module, see: Sight, until: Until, beats: Signal, weights: Weights, number: Signal) -> Signal:
    """The parts of the measure of the request of requester ``number``; ``beats`` : of a burst, to come."""
    now = Signal(_layout(see, until, beats, weights), name="measure")
    several = see.count > 1
    waits, turn_waits = see.checker["waiting"].bit_select(number, 1), see.checker["waiting"].bit_select(see.turn, 1)
    done, turn_done = _done(see, number), _done(see, see.turn)
    left = ~(see.resting | see.start | see.walking | see.serving)
    again = left & turn_waits & ~turn_done  # the same one waits, but for another request
    out_of_turn = (~see.resting & ((see.owner != see.turn) | again)) if several else again
    way = (number - see.turn)[: (see.count - 1).bit_length()] if several else Const(0)
    m.d.comb += [
        now.places.eq(way + out_of_turn),
        now.gone.eq(Mux(see.in_state["FILL"], weights.gone - see.step, 0)),
        now.walk.eq(_walk_left(m, see, until, weights)),
    ]
    with m.If(waits & done):
        m.d.comb += now.kind.eq(Kind.FORMER)
    with m.Elif(waits):
        m.d.comb += now.kind.eq(Kind.WAITING)
    with m.Elif(see.stalled.bit_select(number, 1)):
        m.d.comb += now.kind.eq(Kind.DECLINED)
    with m.Else():
        m.d.comb += now.kind.eq(Kind.EARLY)

    with m.If(see.resting):
        with m.If(~turn_waits):
            m.d.comb += [now.stage.eq(Stage.STOP), now.phase.eq(Phase.IDLE)]
        with m.Elif(turn_done):
            m.d.comb += [now.stage.eq(Stage.DONE), now.phase.eq(Phase.IDLE)]
        with m.Else():
            m.d.comb += [
                now.stage.eq(Stage.CALLED),
                now.phase.eq(Mux(see.stalled.bit_select(see.turn, 1), Phase.CALLED_STALLED, Phase.CALLED)),
            ]
    with m.Elif(see.start | see.walking):
        m.d.comb += [now.stage.eq(Stage.WALKING), now.phase.eq(Phase.WALKING)]
    with m.Elif(see.serving):
        m.d.comb += [now.stage.eq(Stage.SERVING), now.phase.eq(Phase.SERVING)]
    with m.Else():
        m.d.comb += [now.stage.eq(Stage.LEFT), now.phase.eq(Mux(see.walker.component.decided, Phase.LEAVING, Phase.LEFT))]

    # Until somebody is granted: the watched one, or the one that it, and so all, wait for.
    aim = Signal.like(number, name="aim")
    m.d.comb += aim.eq(Mux(now.kind == Kind.EARLY, number, Mux(see.resting, see.turn, see.owner)))
    own = now.grant.own
    m.d.comb += [
        now.grant.stalled.eq(see.stalled.bit_select(aim, 1)), own.eq(_behind(see, aim)),
        now.grant.ahead.eq(Cat(~see.stalled[n] & (_behind(see, n) < own) for n in range(see.count))),
        now.grant.beats.eq(beats), now.grant.take.eq(until.take),
    ]  # fmt: skip
    return now


def falls(before: Signal, now: Signal) -> Value:
    """The number is smaller now than it was before."""
    stage_falls = Array([
        Const(0),  # STOP
        now.gone < before.gone,  # LEFT
        _served_falls(before.grant, now.grant),  # SERVING
        now.walk < before.walk,  # WALKING
        Const(0),  # DONE
        _served_falls(before.grant, now.grant),  # CALLED
        Const(0), Const(0),
    ])[now.stage.as_value()]  # fmt: skip
    waiting_falls = (now.places < before.places) | (
        (now.places == before.places) & ((now.stage.as_value() < before.stage.as_value()) | ((now.stage == before.stage) & stage_falls))
    )
    kind_falls = Array([waiting_falls, Const(0), _early_falls(before, now), Const(0)])[now.kind.as_value()]
    return (now.kind.as_value() < before.kind.as_value()) | ((now.kind == before.kind) & kind_falls)


def _served_falls(before: data.View, now: data.View) -> Value:
    """Of ``grant``, for one that is waited for: it must not be granted only at first, which counts more than any grant."""
    return ~now.stalled & (before.stalled | _grant_falls(before, now))


def _grant_falls(before: data.View, now: data.View) -> Value:
    """What lies further out falls, and so outweighs all that may have risen further in; ``ahead`` has not risen."""
    same = now.own == before.own
    fewer = ~(now.ahead & ~before.ahead).any()
    return fewer & (
        (now.own < before.own)
        | (same & (now.ahead != before.ahead) & (now.beats <= before.beats))
        | (same & (now.ahead == before.ahead) & _memory_falls(before, now))
    )


def _memory_falls(before: data.View, now: data.View) -> Value:
    return (now.beats < before.beats) | ((now.beats == before.beats) & (now.take < before.take))


def _early_falls(before: data.View, now: data.View) -> Value:
    """As ``_grant_falls``; with a change of phase one more master may come before."""
    was, grant = before.grant, now.grant
    more = grant.ahead & ~was.ahead
    at_most_one_more = ~(more & (more - 1)[: len(more)]).any()
    return (
        ((grant.own < was.own) & at_most_one_more)
        | ((grant.own == was.own) & (now.phase.as_value() < before.phase.as_value()) & at_most_one_more & (grant.beats <= was.beats))
        | ((now.phase == before.phase) & _grant_falls(was, grant))
    )


def _walk_left(m: Module, see: Sight, until: Until, weights: Weights) -> Signal:
    """Cycles until the walker has found out, at most."""
    left = Signal(range(weights.walk + 1), name="walk_left")
    state = see.in_state
    with m.If(see.start):
        m.d.comb += left.eq(weights.walk)
    with m.Elif(state["PLACE"]):
        m.d.comb += left.eq(weights.walk - 1)
    with m.Elif(state["BOUND"] if see.maps > 1 else Const(0)):
        m.d.comb += left.eq(weights.walk - 2)
    with m.Elif(state["COMPARE"]):
        m.d.comb += left.eq(weights.compare + weights.compares - 1 - Cat(see.walker["around"], see.walker["number"]))
    with m.Elif(state["READ"]):
        m.d.comb += left.eq(weights.read + until.walk)
    with m.Elif(state["WAIT"]):
        m.d.comb += left.eq(2 + until.answer)
    with m.Else():
        m.d.comb += left.eq(1)
    return left


def _behind(see: Sight, number: Value | int) -> Value:
    """How many places after the one that was served last, but one: 0 comes first."""
    bits = (see.count - 1).bit_length()
    return (number - 1 - see.merge["last"])[:bits] if bits else Const(0)


def _done(see: Sight, number: Value) -> Value:
    return Array(see.done(n) for n in range(see.count))[number]
