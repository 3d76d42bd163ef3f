"""What the proof that every request is answered looks at: the state of memory, of the merge and of the guard."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Signal, Value

from chipset.dma_policy.word_cache import row_count
from cocotb_tests.opened import Opened

__all__ = ["PAGE_LSB", "Patience", "Sight", "Until"]

PAGE_LSB = 12


@dataclass(frozen=True)
class Patience:
    """Cycles of memory: ``take``: it takes a beat in one of so many; ``answer``: it answers within so many."""

    take: int = 4
    answer: int = 8


class Until:
    """Cycles that are left to memory: to take a beat, to take a read of the map, to answer that."""

    def __init__(self, patience: Patience) -> None:
        self.take = Signal(range(patience.take), init=patience.take - 1, name="until_take")
        self.walk = Signal(range(patience.take), init=patience.take - 1, name="until_walk")
        self.answer = Signal(range(patience.answer), name="until_answer")


@dataclass
class _Request:
    pending: Signal
    same: Signal  # it is what the walker has taken note of
    waiting: Signal


class Sight:
    """What is looked at of the merge and the guard."""

    def __init__(self, merge: Opened, guard: Opened) -> None:
        self.guard, self.merge = guard, merge
        self.checker = guard.open("checker")
        self.walker = self.checker.open("walker")
        self.cache = self.checker.open("cache")
        count = len(self.checker["waiting"])
        self.count = count
        self.ports = [merge.open(f"port{n}") for n in range(count)]
        self.step: Value = self.walker["step"] if row_count(count, 1) > 1 else Const(0)
        self.maps = len(guard.component.policy.maps)
        begins = ("PLACE", "BOUND") if self.maps > 1 else ("PLACE",)
        self.in_state = {name: self.walker.ongoing(name) for name in ("IDLE", *begins, "COMPARE", "READ", "WAIT", "FILL", "DECIDED")}
        self.begins = Cat(self.in_state[s] for s in begins).any()
        decided, left, fill = self.walker.component.decided, self.walker.component.left, self.in_state["FILL"]
        self.pending = Cat(  # a request, not the rest of one
            port.component.out.valid & ~(merge["held"] & merge["owner"][n]) for n, port in enumerate(self.ports)
        )
        self.stalled = guard.component.stalled
        self.start = self.walker.component.start
        self.resting = self.in_state["IDLE"] & ~self.start
        self.walking = self.begins | Cat(self.in_state[s] for s in ("COMPARE", "READ", "WAIT")).any() | (fill & ~decided & (self.step == 0))
        self.serving = decided & ~left & (fill | self.in_state["DECIDED"])
        self.owner = self.walker.component.access.requester[: max(1, (count - 1).bit_length())]
        self.turn: Value = self.checker["turn"] if count > 1 else Const(0, 1)

    def done(self, n: int) -> Value:
        """In the cycle before, the request of requester ``n`` has left."""
        checker = self.checker
        return checker["asked"] & checker["was_likely"] & checker["was_found"] & checker["went"] & (checker["who"] == n)

    def request_of(self, m: Module, number: Value) -> _Request:
        """What that requester has at its port."""
        found = _Request(Signal(), Signal(), Signal())
        access = self.walker.component.access
        with m.Switch(number):
            for n, port in enumerate(self.ports):
                held = port.component.out.payload
                with m.Case(n):
                    m.d.comb += [
                        found.pending.eq(self.pending[n]), found.waiting.eq(self.checker["waiting"][n]),
                        found.same.eq((held.address[PAGE_LSB:] == access.page) & (held.write == access.write)),
                    ]  # fmt: skip
        return found
