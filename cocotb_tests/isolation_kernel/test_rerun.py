"""A recorded run replays on the model machine: its memory, its processor, its 8259s say what the recorded machine said."""

from collections.abc import Callable

import pytest

from cocotb_tests.isolation_kernel.test_recorder import CONFIG, guests, record
from cocotb_tests.isolation_kernel.world import LAYOUT
from contracts.architecture import Pte
from isolation_kernel.model.recorder import ReplayMismatch, replay
from isolation_kernel.model.rerun import ModelReplay


def test_a_record_runs_again_on_the_model() -> None:
    machine = ModelReplay(record(), LAYOUT)
    kernel = replay(machine, CONFIG, guests)
    assert kernel.partitions[1].console and kernel.partitions[2].answers
    compared = machine.compared
    assert compared["memory"] > 20 and compared["fault"] > 20 and compared["permission"] > 20 and compared["interrupt"] > 5
    assert {"exit:VMMCALL", "exit:INVLPG", "exit:INTR", "exit:CR_WRITE_3", "exit:IOIO"} <= compared.keys()


def forgets_shadow_entries(machine: ModelReplay) -> None:
    """Words that look like writable entries, in the kernel's part of memory."""
    write, bits = machine.model.memory.write32, Pte.P | Pte.A | Pte.RW | Pte.US

    def forgetful(address: int, value: int, guest: bool = False) -> None:
        lost = LAYOUT.pool_base <= address < LAYOUT.size and value & 0xFFF == bits
        write(address, 0 if lost else value, guest)

    machine.model.memory.write32 = forgetful  # type: ignore[method-assign]


def walks_everywhere(machine: ModelReplay) -> None:
    read = machine.model.memory.read32
    machine.model.memory.read32 = lambda address, guest=False: read(address, guest) | (Pte.P | Pte.RW | Pte.US if guest else 0)  # type: ignore[method-assign]


def grants_every_port(machine: ModelReplay) -> None:
    machine._bit = lambda base, number: False  # type: ignore[method-assign]


def serves_no_interrupt(machine: ModelReplay) -> None:
    machine.model.pic.acknowledge = lambda: None  # type: ignore[method-assign]


def never_ends_an_interrupt(machine: ModelReplay) -> None:
    write = machine.model.pic.write
    machine.model.pic.write = lambda port, value: None if value >> 5 == 3 else write(port, value)  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("fault", "what"),
    (
        (forgets_shadow_entries, "fault"), (walks_everywhere, "fault"), (grants_every_port, "permission"),
        (serves_no_interrupt, "interrupt"), (never_ends_an_interrupt, "interrupt"),
    ),
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_a_model_that_is_wrong_is_noticed(fault: Callable[[ModelReplay], None], what: str) -> None:
    machine = ModelReplay(record(), LAYOUT)
    fault(machine)
    with pytest.raises(ReplayMismatch, match=f"{what}.* on the model"):
        replay(machine, CONFIG, guests)
