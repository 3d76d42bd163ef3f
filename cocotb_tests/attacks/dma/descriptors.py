"""Attacks by what a guest puts into the descriptors of the machine's own DMA engine."""

from chipset.boards.straps import Strap
from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.stage import Stage
from cocotb_tests.attacks.dma.world import HOMES, MARK, NEIGHBOUR, VICTIM
from contracts.dma_engine import DESCRIPTOR_SIZE, DescriptorFlag
from contracts.memory_map import PAGE_SIZE

__all__: list[str] = []

_HOME = HOMES[0]
_LINE = 16
_LAST = int(DescriptorFlag.LAST)


@attack("the victim's memory", control=Strap.GUARD_OFF, harm=Harm.SECRET)
async def copies_from_the_victim(stage: Stage) -> None:
    """The source is the victim's."""
    await stage.protect()
    await stage.run_engine((VICTIM, _HOME, _LINE, _LAST))


@attack("the victim's memory", control=Strap.GUARD_OFF, harm=Harm.CHANGE)
async def fills_the_victim(stage: Stage) -> None:
    """The destination is the victim's, and the source no memory at all."""
    await stage.protect()
    await stage.run_engine((MARK, VICTIM, _LINE, _LAST | DescriptorFlag.FILL))


@attack("the victim's memory, as descriptors", control=Strap.GUARD_OFF, harm=Harm.SECRET)
async def chain_is_the_victims(stage: Stage) -> None:
    """The engine is told to fetch its chain from the victim's page."""
    await stage.protect()
    await stage.start_engine(VICTIM)
    await stage.finish_engine()


@attack("the page after the chain", control=Strap.GUARD_OFF, harm=Harm.SECRET)
async def chain_runs_out_of_its_page(stage: Stage) -> None:
    """A chain without an end reaches the end of its page."""
    await stage.protect()
    await stage.run_engine((MARK, _HOME, _LINE, int(DescriptorFlag.FILL)), at=VICTIM - DESCRIPTOR_SIZE)


@attack("the page after the buffer", control=Strap.GUARD_OFF, harm=Harm.SECRET)
async def length_runs_out_of_its_page(stage: Stage) -> None:
    """A transfer begins in the attacker's page, by lines, and ends in the next one."""
    await stage.protect(NEIGHBOUR)
    await stage.run_engine((VICTIM - _LINE, NEIGHBOUR, 3 * _LINE, _LAST))


@attack("the page after the buffer", control=Strap.GUARD_OFF, harm=Harm.CHANGE)
async def words_run_out_of_their_page(stage: Stage) -> None:
    """As before, writing, and by single words, since nothing is aligned."""
    await stage.protect(NEIGHBOUR)
    stage.plant(NEIGHBOUR, *range(MARK, MARK + 8))
    await stage.run_engine((NEIGHBOUR, VICTIM - 12, 24, _LAST))


@attack("the victim's memory, by a descriptor that nobody has seen", control=Strap.GUARD_OFF, harm=Harm.CHANGE)
async def chain_writes_itself(stage: Stage) -> None:
    """The first descriptor copies another one over the second: whoever checked the chain before it ran has checked something else."""
    await stage.protect()
    chain = _HOME + PAGE_SIZE // 2
    hidden = (MARK, VICTIM + PAGE_SIZE // 2, _LINE, _LAST | DescriptorFlag.FILL)
    stage.plant(_HOME, *hidden)
    harmless = (_HOME, _HOME, 0, _LAST)
    await stage.run_engine((_HOME, chain + DESCRIPTOR_SIZE, DESCRIPTOR_SIZE, 0), harmless, at=chain)
