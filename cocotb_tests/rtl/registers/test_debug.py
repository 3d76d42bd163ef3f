"""The debug registers against a dictionary (SDM vol. 3, 17.2; AMD64 APM vol. 2, 13.1.1)."""

from random import Random

from cocotb_tests.rtl.packed import Bench, simulate
from rtl.registers.debug import DebugRegisters

__all__: list[str] = []

ALL = 0xFFFF_FFFF
FIRST, DR4, DR5, DR6, DR7 = 0x68, 0x6C, 0x6D, 0x6E, 0x6F
BS, GD = 1 << 14, 1 << 13


def test_registers_reports_and_aliases(rng: Random):
    held = [0, 0, 0, 0, 0xFFFF_0FF0, 0x400]  # DR0 to DR3, DR6, DR7
    index = {**{FIRST + n: n for n in range(4)}, DR4: 4, DR6: 4, DR5: 5, DR7: 5}

    async def program(bench: Bench) -> None:
        for _ in range(6000):
            number, data = rng.choice((*index, 0x40, 0x67, 0x70)), rng.getrandbits(32)
            action = rng.choice(("write", "report", "enter", "nothing"))
            met, stepped = rng.getrandbits(4), rng.getrandbits(1)
            out = await bench.cycle(
                number=number, write=action == "write", data=data, report=action == "report", met=met, stepped=stepped,
                entered=action == "enter",
            )  # fmt: skip
            assert out["value"] == (held[index[number]] if number in index else 0), hex(number)
            assert out["addresses"] == sum(a << 32 * n for n, a in enumerate(held[:4]))
            assert out["control"] == held[5]
            if action == "write" and number in index:
                n = index[number]
                held[n] = {4: data & 0xE00F | 0xFFFF_0FF0, 5: data & 0xFFFF_23FF | 0x400}.get(n, data)
            elif action == "report":
                held[4] = held[4] & ~0xF & ALL | met | (BS if stepped else 0)
            elif action == "enter":
                held[5] &= ~GD

    simulate(DebugRegisters(), program)
