"""Attacks on the platform by the ports that keyboards have to do with: whoever could reset it would end the others."""

from functools import partial

from cocotb_tests.attacks.path.attack import Attack, Conditions
from cocotb_tests.attacks.path.bench import ARMED, Bench, busy
from contracts.memory_map import Port
from contracts.ps2 import KbcCommand, OutputPort
from isolation_kernel.model.machine import PlatformReset
from isolation_kernel.model.script import Out, Script

__all__ = ["PLATFORM"]

_WAYS: dict[str, tuple[tuple[int, int], ...]] = {
    "port_92h": ((Port.SYSTEM_CONTROL_A, 1),),
    "a_pulse": ((Port.KBC_STATUS, KbcCommand.PULSE | 0xE),),
    "the_output_port": ((Port.KBC_STATUS, KbcCommand.WRITE_OUTPUT_PORT), (Port.KBC_DATA, OutputPort.A20)),
}


def _resets(writes: tuple[tuple[int, int], ...], in_front: bool, on: Conditions) -> bool:
    def script() -> Script:
        for port, value in writes:
            yield Out(port, value)
        yield from busy()

    bench = Bench(on)
    for number, which in enumerate((script, busy) if in_front else (busy, script)):
        bench.guest(which, one_to_one=not number)
    try:
        bench.run(ARMED)
    except PlatformReset:
        return True
    assert not writes or not bench.kernel.partitions[1 if in_front else 2].alive  # its own reset has come to itself
    return False


PLATFORM = [
    Attack(
        f"resets_{'from_the_front' if in_front else 'unseen'}_by_{name}",
        partial(_resets, writes, in_front),
        "reset_virtualised",
        partial(_resets, (), in_front),
    )
    for name, writes in _WAYS.items()
    for in_front in (True, False)
]
