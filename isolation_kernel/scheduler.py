"""Round robin with equal slices of the processor's time, the kernel's work for a guest counted as the guest's."""

from isolation_kernel.partition import Partition, State

__all__ = ["Scheduler"]


class Scheduler:
    """Who runs next."""

    def __init__(self, slice_cycles: int, preemption: bool) -> None:
        self._slice = slice_cycles
        self._preemption = preemption
        self._queue: list[Partition] = []  # the first has the processor
        self._started = 0

    def add(self, partition: Partition) -> None:
        """A new guest goes last."""
        self._queue.append(partition)

    def remove(self, partition: Partition) -> None:
        """A guest has ended."""
        self._queue.remove(partition)
        self._started = -1

    def end_slice(self, partition: Partition) -> None:
        """The guest gives up the processor, or has used its time."""
        self._queue.remove(partition)
        self._queue.append(partition)
        self._started = -1

    def choose(self, now: int) -> Partition | None:
        """The guest to enter, or None if none can run."""
        if self._queue and self._preemption and self._started >= 0 and now - self._started >= self._slice:
            self.end_slice(self._queue[0])
        for partition in list(self._queue):
            if partition.state is State.RUNNABLE:
                if self._started < 0:
                    self._started = now
                return partition
            self.end_slice(partition)
        return None
