"""Attacks by what is put before the loader: where the block lies, and what the loader is told of the stub."""

from cocotb_tests.attacks.launch import places
from cocotb_tests.attacks.launch.attack import attack
from cocotb_tests.attacks.launch.judge import Harm
from cocotb_tests.attacks.launch.places import RING_MINUS_1
from cocotb_tests.attacks.launch.slips import Slip
from cocotb_tests.attacks.launch.stage import Stage

__all__: list[str] = []


@attack("the loader's code", control=Slip.COPIES_OVER_ITSELF, harm=Harm.RAN)
def block_lies_where_the_stub_goes(stage: Stage, phase: int) -> None:
    """The block is the first of ring -1's memory, so that the loader copies the stub over itself, before it has measured that."""
    stage.block = RING_MINUS_1
    half = len(stage.loader) // 2 // 16 * 16  # the first is left as it is: the loop that copies
    stage.stub = stage.loader[:half] + places.sled(len(stage.loader) - half)


@attack("the stub", control=Slip.ANY_SIZE, harm=Harm.RAN)
def stub_has_no_size(stage: Stage, phase: int) -> None:
    """The stub that is told of has no bytes: none is copied nor measured, and what the attacker has left in its place would run."""
    stage.stub_size = 0
    stage.put(RING_MINUS_1, places.sled(16))
