"""Labels of a mandatory policy as a lattice: each is written with those directly below it, and becomes the set of all that lie at or below
it. One label's information may go to another where its set is a part of the other's: what the kernel compares."""

from collections.abc import Mapping, Sequence
from itertools import combinations

__all__ = ["LatticeError", "label_sets"]


class LatticeError(Exception):
    """The labels are no lattice; ``label`` is where."""

    def __init__(self, label: str, message: str) -> None:
        super().__init__(message)
        self.label = label


def label_sets(below: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """The set of each label. LatticeError if a label is below itself or not there, or if two have no single least label above both or no
    single greatest below both."""
    sets: dict[str, frozenset[str]] = {}

    def reach(label: str, path: tuple[str, ...]) -> frozenset[str]:
        if label in path:
            raise LatticeError(path[-1], f"{label!r} is below itself: {' > '.join((*path[path.index(label) :], label))}")
        if label not in sets:
            for other in below[label]:
                if other not in below:
                    raise LatticeError(label, f"no such label: {other!r}")
            sets[label] = frozenset({label}).union(*(reach(other, (*path, label)) for other in below[label]))
        return sets[label]

    for label in below:
        reach(label, ())
    for first, second in combinations(below, 2):
        above = [s for s in sets.values() if sets[first] | sets[second] <= s]
        under = [s for s in sets.values() if s <= sets[first] & sets[second]]
        if not any(all(s <= other for other in above) for s in above):
            raise LatticeError(first, f"{first!r} and {second!r} have no least label above both")
        if not any(all(other <= s for other in under) for s in under):
            raise LatticeError(first, f"{first!r} and {second!r} have no greatest label below both")
    return sets
