"""Groups of runs that begin alike, several groups at a time, the runs of one group one after the other."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from sim.sanctuary.branches import Branches, Outcome

__all__ = ["Group", "run_groups"]


@dataclass(frozen=True)
class Group:
    """``start`` leads to what the runs share; ``branch(state, order)`` is one of them. Both can be pickled."""

    start: Callable[[], Any]
    branch: Callable[[Any, Any], Any]
    orders: tuple[Any, ...]

    def split(self, longest: int) -> Iterator["Group"]:
        """The same in parts of nearly one length, none with more than ``longest`` runs; each part starts for itself."""
        parts = -(-len(self.orders) // longest)
        for part in range(parts):
            yield Group(self.start, self.branch, self.orders[part::parts])


class _Running:
    def __init__(self, branches: Branches, group: Group) -> None:
        self.branches = branches
        self.group = group
        self._left = list(group.orders)

    def begin(self) -> bool:
        """Begin the next run; False if there is none."""
        if not self._left:
            return False
        self.order = self._left.pop(0)
        self.branches.order(self.order)
        return True


def run_groups(groups: Sequence[Group], workers: int) -> Generator[tuple[Group, Any, Outcome], None, None]:
    """Each order with its group and its outcome, as they come. Closing the iterator ends what runs."""
    waiting = list(groups)
    running: dict[object, _Running] = {}
    with ExitStack() as all_branches:
        while waiting or running:
            while waiting and len(running) < workers:
                group = waiting.pop(0)
                one = _Running(all_branches.enter_context(Branches(group.start, group.branch)), group)
                if one.begin():
                    running[one.branches.connection] = one
            for connection in wait(list(running)):  # type: ignore[arg-type]
                one = running[connection]
                yield one.group, one.order, one.branches.outcome()
                if not one.begin():
                    one.branches.close()
                    del running[connection]
