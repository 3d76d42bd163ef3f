"""Round robin with equal slices of the processor's time, the kernel's work for a guest counted as the guest's.

What a guest takes beyond its slice, because the kernel's work for one of its exits was long, is missing from its next ones. It loses no
more than it took, and nothing while nobody else wants the processor: so each guest makes progress.
"""

from isolation_kernel.partition import Partition, State

__all__ = ["Scheduler"]


class Scheduler:
    """Who runs next."""

    def __init__(self, slice_cycles: int, preemption: bool) -> None:
        self._slice = slice_cycles
        self._preemption = preemption
        self._queue: list[Partition] = []  # the first has the processor
        self._left: dict[int, int] = {}  # cycles of its slice, by the partition's number: a guest that is reset takes its debt along

    def add(self, partition: Partition) -> None:
        """A new guest goes last."""
        self._queue.append(partition)
        self._left.setdefault(partition.number, self._slice)

    def remove(self, partition: Partition) -> None:
        """A guest has ended."""
        self._queue.remove(partition)

    def charge(self, partition: Partition, cycles: int) -> None:
        """The guest has run, or the kernel has worked for it."""
        self._left[partition.number] -= cycles

    def end_slice(self, partition: Partition) -> None:
        """The guest gives up the processor, or has used its time."""
        self._queue.remove(partition)
        self._queue.append(partition)
        self._left[partition.number] = min(self._left[partition.number], 0) + self._slice

    def choose(self) -> Partition | None:
        """The guest to enter, or None if none can run."""
        while any(partition.state is State.RUNNABLE for partition in self._queue):
            first = self._queue[0]
            if first.state is State.RUNNABLE and (self._left[first.number] > 0 or not self._preemption):
                return first
            self.end_slice(first)
        return None
