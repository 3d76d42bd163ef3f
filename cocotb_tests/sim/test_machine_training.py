"""Which machines the compiler sees at work before it lays out their code."""

import pytest

from sim.machine import Machine, MachineConfig, machine_spec
from sim.machine_training import work

__all__: list[str] = []

_GUEST = 1  # bit of the context word


@pytest.mark.parametrize(
    ("config", "trained"),
    [
        (MachineConfig(), True),
        (MachineConfig(memory=8 << 20), True),
        (MachineConfig(memory=4 << 20), False),  # the kernel alone takes that
        (MachineConfig(extension=False), False),
        (MachineConfig(host_link=False), False),
    ],
)
def test_which_are_trained(config: MachineConfig, trained: bool) -> None:
    assert bool(machine_spec(config).training) is trained


def test_the_work_is_a_guest_above_the_kernel() -> None:
    with Machine() as machine:
        work(machine.model)
        assert any(record.context & _GUEST for record in machine.records())
