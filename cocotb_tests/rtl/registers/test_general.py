"""General registers and temporaries against lists; ESP goes back to where it was at the last boundary or commit."""

from random import Random

from cocotb_tests.rtl.packed import Bench, simulate
from rtl.registers.general import GeneralRegisters

__all__: list[str] = []

ESP, EDX, SIGNATURE = 4, 2, 0x480
LANES = (0xFF, 0xFF00, 0xFFFF_0000)


def test_random_writes_and_undo(rng: Random):
    gpr, temporary = [SIGNATURE if n == EDX else 0 for n in range(8)], [0] * 8
    settled = 0

    async def program(bench: Bench) -> None:
        nonlocal settled
        for _ in range(5000):
            undo = rng.random() < 0.1
            write, to_temporary, index = int(not undo and rng.random() < 0.6), rng.getrandbits(1), rng.choice((ESP, rng.randrange(8)))
            data, lanes = rng.getrandbits(32), rng.choice((7, 7, 3, 1, 2, 0))
            esp_write, esp_data = int(not undo and rng.random() < 0.3), rng.getrandbits(32)
            settle = int(not undo and rng.random() < 0.2)
            out = await bench.cycle(write=write, write_temporary=to_temporary, write_index=index, write_data=data, write_lanes=lanes,
                                    esp_write=esp_write, esp_data=esp_data, settle=settle, undo=undo)  # fmt: skip
            assert [out["gpr"] >> 32 * n & 0xFFFF_FFFF for n in range(8)] == gpr
            assert [out["temporary"] >> 32 * n & 0xFFFF_FFFF for n in range(8)] == temporary
            assert out["esp"] == gpr[ESP]
            if esp_write:
                gpr[ESP] = esp_data
            if write and to_temporary:
                temporary[index] = data
            elif write:
                mask = sum(lane for n, lane in enumerate(LANES) if lanes >> n & 1)
                gpr[index] = gpr[index] & ~mask | data & mask
            if undo:
                gpr[ESP] = settled
            if settle:
                settled = gpr[ESP]

    simulate(GeneralRegisters(), program)
