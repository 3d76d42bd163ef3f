"""Typical work for the machine's model, from which the compiler learns what is taken often: a guest above the isolation kernel."""

from contracts.configuration import KernelConfig
from contracts.devices import DeviceNumber
from firmware.build import guest
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine, MachineConfig
from sim.model import Model

__all__ = ["work"]

_GUEST_MEMORY = 2 << 20
_TIMER_CYCLES = 20_000
_CYCLES = 600_000
_RECORDS = 1000  # that are kept


def work(model: Model) -> None:
    """Rings 0 and 3, paging, the timer and DMA of one guest, with all that the kernel does about them, and records."""
    machine = Machine(MachineConfig(memory=model.memory_size), model=model)
    machine.record(keep_last=_RECORDS)
    system = GuestSystem(machine, KernelConfig(timer_cycles=_TIMER_CYCLES))
    devices = frozenset({DeviceNumber.DMA0})
    system.start([GuestProgram.load(guest("mass_market"), _GUEST_MEMORY, one_to_one=True, devices=devices)])
    while machine.cycle < _CYCLES and not system.kernel.over:
        system.kernel.step()
