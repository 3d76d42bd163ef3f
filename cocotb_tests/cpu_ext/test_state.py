"""Ring −1's registers against a dictionary."""

from random import Random

from cocotb_tests.rtl.packed import Bench, simulate
from cpu_ext.special import Own
from cpu_ext.state import State

__all__: list[str] = []

FIRST, OWN_FIRST = 0x80, 0xC0
NARROW = {"GIF": 1, "GUEST": 1, "VM_CR": 5, "ASID": 8, "INT_VECTOR": 8, "EXITCODE": 8, "HOST_IF": 1, "INJECT": 1}
EXIT = ("EXITCODE", "EXITINFO1", "EXITINFO2", "NRIP")


def mask(number: int) -> int:
    if number < OWN_FIRST:
        return 0xFFFF_FFFF
    return (1 << NARROW.get(Own(number).name, 32)) - 1


def test_registers_hold_what_is_written_and_nothing_else_changes(rng: Random):
    numbers = [*range(FIRST, OWN_FIRST), *(int(own) for own in Own)]
    held = {int(own): 0 for own in Own} | {int(Own.GIF): 1}

    async def program(bench: Bench) -> None:
        for number in range(256):  # after reset; what is no register of ring −1 reads as 0 and can be or-ed with the core's
            if number < FIRST or number in held or number > max(numbers):
                assert (await bench.cycle(number=number))["read"] == held.get(number, 0), hex(number)
        for number in range(FIRST, OWN_FIRST):
            held[number] = rng.getrandbits(32)
            await bench.cycle(number=number, write=1, value=held[number])
        for _ in range(3000):
            number, value = rng.choice((rng.choice(numbers), rng.randrange(FIRST), int(Own.GIF))), rng.getrandbits(32)
            write, leave = rng.getrandbits(1), rng.random() < 0.1
            exit_ = {"code": rng.getrandbits(8), "info1": rng.getrandbits(32), "info2": rng.getrandbits(32), "nrip": rng.getrandbits(32)}
            outputs = await bench.cycle(
                number=number, write=write and not leave, value=value, exit__valid=leave, **{f"exit__{k}": v for k, v in exit_.items()}
            )
            assert outputs["read"] == held.get(number, 0), hex(number)
            for own in Own:
                assert outputs[own.name.lower()] == held[int(own)], own
            if leave:
                held.update({int(Own[name]): v for name, v in zip(EXIT, exit_.values(), strict=True)})
            elif write and number in held:
                held[number] = value & mask(number)

    simulate(State(), program)
