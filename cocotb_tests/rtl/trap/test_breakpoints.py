"""Breakpoints against a model that looks at every byte (SDM vol. 3, 17.2.5 and 17.3.1)."""

from random import Random

from cocotb_tests.rtl.packed import Bench, simulate
from rtl.arch.debug import BREAKPOINTS
from rtl.trap.breakpoints import Breakpoints

__all__: list[str] = []

EXECUTE, WRITE, IO, ACCESS = range(4)
LENGTH = {0: 1, 1: 2, 3: 4}
TOP = 1 << 32
WAIT = 4  # cycles at a boundary with a breakpoint enabled


def span(address: int, length: int) -> set[int]:
    start = address & ~(LENGTH[length] - 1)
    return {(start + n) % TOP for n in range(LENGTH[length])}


class Machine:
    """Four breakpoints drawn by chance near a place, and what the manual says of them."""

    def __init__(self, rng: Random) -> None:
        place = rng.choice((rng.getrandbits(32), 0, TOP - 4))
        self.rng, self.place = rng, place
        self.addresses = [self.near() for _ in range(BREAKPOINTS)]
        self.types = [rng.randrange(4) for _ in range(BREAKPOINTS)]
        self.lengths = [0 if self.types[n] == EXECUTE else rng.choice((0, 1, 3)) for n in range(BREAKPOINTS)]
        self.enables = rng.choice((0, rng.getrandbits(8), 0xFF))
        self.ports = rng.getrandbits(1)

    def near(self) -> int:
        return (self.place + self.rng.randrange(12) - 4) % TOP

    @property
    def inputs(self) -> dict:
        control = self.enables | 0x400
        for n in range(BREAKPOINTS):
            control |= (self.types[n] | self.lengths[n] << 2) << 16 + 4 * n
        return {"addresses": sum(a << 32 * n for n, a in enumerate(self.addresses)), "control": control, "ports": self.ports}

    def hits(self, kinds: set[int], touched: set[int]) -> int:
        found = 0
        for n in range(BREAKPOINTS):
            if self.enables >> 2 * n & 3 and self.types[n] in kinds and span(self.addresses[n], self.lengths[n]) & touched:
                found |= 1 << n
        return found


async def instruction(bench: Bench, machine: Machine, accesses: list[dict], following: dict) -> list[dict]:
    """Its accesses, as close together as they come, and the cycles of the boundary behind it."""
    for n, access in enumerate(accesses):
        # The last takes effect in the instruction's last cycle.
        await bench.cycle(**machine.inputs, boundary=n == len(accesses) - 1, access_valid=1, access=access, **following)
        if n < len(accesses) - 1:
            await bench.cycle(**machine.inputs, access=access)
            await bench.cycle(**machine.inputs)
    last = accesses[-1] if accesses else {}
    return [await bench.cycle(**machine.inputs, boundary=1, access=last, **following) for _ in range(WAIT + 2 - bool(accesses))]


def test_accesses_and_instructions_by_chance(rng: Random):
    met_some = at_some = 0

    async def program(bench: Bench) -> None:
        nonlocal met_some, at_some
        for _ in range(3000):
            machine = Machine(rng)
            wanted, accesses = 0, []
            for _ in range(rng.randrange(3)):
                linear, size, write, io = machine.near(), rng.choice((1, 2, 4)), rng.getrandbits(1), rng.random() < 0.2
                accesses.append({"linear": linear, "size": size, "write": write, "io": io})
                kinds = ({IO} if machine.ports else set()) if io else {WRITE, ACCESS} if write else {ACCESS}
                wanted |= machine.hits(kinds, {(linear + n) % TOP for n in range(size)})
            linear, covered = machine.near(), rng.random() < 0.2
            outputs = await instruction(bench, machine, accesses, {"linear": linear, "covered": covered})
            armed = bool(machine.enables)
            held = [out["held"] for out in outputs]
            assert held[-2:] == [0, 0]
            assert all(h == armed for h in held[:-2])
            at = machine.hits({EXECUTE}, {linear})
            for out in outputs[-2:]:
                assert (out["armed"], out["met"], out["trap"]) == (armed, wanted, wanted != 0)
                assert out["fault"] == (at != 0 and not covered)
                assert out["at"] == (0 if covered else at)
            met_some += wanted != 0
            at_some += at != 0
            await bench.cycle(**machine.inputs, forget=1)

    simulate(Breakpoints(), program)
    assert min(met_some, at_some) > 50


def test_what_is_off_is_dropped_for_good(rng: Random):
    """Matches while ``off`` is high are not kept for later, nor those from before it."""

    async def program(bench: Bench) -> None:
        machine = Machine(rng)
        machine.enables, machine.types, machine.lengths = 0xFF, [WRITE] * BREAKPOINTS, [0] * BREAKPOINTS
        access = {"linear": machine.addresses[0], "size": 1, "write": 1}
        off = machine.inputs | {"off": 1}
        for before, after in ((machine.inputs, off), (off, off)):
            await bench.cycle(**before, access_valid=1, access=access)
            out = await bench.cycle(**after, access=access)
            assert not out["trap"] and not out["held"] and not out["armed"]
            await bench.cycle(**after)
            await bench.cycle(**after)
            out = await bench.cycle(**machine.inputs)
            assert not out["met"]
        await bench.cycle(**machine.inputs, access_valid=1, access=access)
        await bench.cycle(**machine.inputs, access=access)
        assert (await bench.cycle(**machine.inputs))["trap"]

    simulate(Breakpoints(), program)
