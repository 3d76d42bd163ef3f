"""What guest 1 can be seen to do with the DMA engines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from contracts.dma_engine import DESCRIPTOR_SIZE, DMA_ENGINE, DescriptorFlag
from contracts.memory_map import DMA_ENGINE_STRIDE, Physical
from sim.sanctuary.acts import Act, Seen, memory_accesses
from sim.sanctuary.evidence import Evidence

__all__ = ["Descriptor", "engine"]

_WORD = 4
_CHAIN = 2048  # descriptors that are followed


@dataclass(frozen=True)
class Descriptor:
    """A descriptor of the DMA engine as it stood in memory at START."""

    source: int
    destination: int
    length: int
    flags: int

    @property
    def fill(self) -> bool:
        """Whether ``source`` is a pattern."""
        return bool(self.flags & DescriptorFlag.FILL)


def _chain(words: dict[int, int], at: int) -> Iterator[Descriptor]:
    for _ in range(_CHAIN):
        found = [words.get(at + _WORD * n) for n in range(DESCRIPTOR_SIZE // _WORD)]
        if None in found:
            return
        descriptor = Descriptor(*(w for w in found if w is not None))
        yield descriptor
        if descriptor.flags & DescriptorFlag.LAST:
            return
        at += DESCRIPTOR_SIZE


def engine(fits: Callable[[Descriptor], bool], at: int | None = None, number: int = 0) -> Act:
    """A store of START to an engine's CONTROL, with a chain one of whose descriptors will do, as guest 1 has written them before; or
    with the chain ``at`` an address."""
    base = Physical.DMA_ENGINES + number * DMA_ENGINE_STRIDE
    control, pointer = (base + DMA_ENGINE[name].offset for name in ("CONTROL", "DESCRIPTOR"))
    start = DMA_ENGINE["CONTROL"].field("START").mask

    def act(e: Evidence) -> Seen | None:
        words: dict[int, int] = {}
        chain = 0
        for step, a in memory_accesses(e):
            if not a.write:
                continue
            if a.linear == pointer:
                chain = a.data
            elif a.linear == control and a.data & start:
                if chain == at if at is not None else any(map(fits, _chain(words, chain))):
                    return Seen(step.cycle, f"EIP {step.eip:#x}: starts the DMA engine with the chain at {chain:#x}, in cycle {step.cycle}")
            elif a.size == _WORD:
                words[a.physical] = a.data
        return None

    return act
