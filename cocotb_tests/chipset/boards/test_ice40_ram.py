"""The iCE40's single-port RAM behind the memory controller's port, with Yosys' own model of the block, against an array in Python."""

import random

import pytest

from chipset.boards.ice40_ram import SpRam
from cocotb_tests.chipset.boards.ice40_cells import ICE40_CELLS
from sim.model import Model, ModelSpec, build_model

__all__: list[str] = []

DEPTH = 1 << 14


@pytest.mark.parametrize("banks", [1, 2])
def test_keeps_what_is_written(banks: int, rng: random.Random) -> None:
    words = banks * DEPTH
    places = [rng.randrange(words) for _ in range(6)] + [0, words - 1, DEPTH - 1, DEPTH % words]
    model = Model(build_model(ModelSpec("chipset.boards.ice40_ram:SpRam", {"words": words}, rooms=("chipset",), verilog=(ICE40_CELLS,))))
    array: dict[int, int] = {}

    def access(address: int, mask: int = 0, data: int = 0, *, enable: bool = True, clear: bool = False) -> int:
        for name, value in (("enable", enable), ("address", address), ("write_mask", mask), ("write_data", data), ("clear", clear)):
            model.set(f"port__{name}", int(value))
        model.run(1)
        return model.get("port__read_data")

    for address in places:
        access(address, 0xF, array.setdefault(address, rng.getrandbits(32)))
    for _ in range(500):
        address, mask, data = rng.choice(places), rng.randrange(16), rng.getrandbits(32)
        kind = rng.choice(("read", "read", "write", "clear", "idle"))
        if kind == "read":
            found = access(address)
            assert found == array[address]
            assert access(rng.choice(places), 0xF, data, enable=False) == found, "it is not kept between accesses"
        elif kind == "write":
            access(address, mask, data)
            bits = sum(0xFF << 8 * n for n in range(4) if mask >> n & 1)
            array[address] = array[address] & ~bits | data & bits
        elif kind == "clear":
            access(address, mask, data, clear=True)
            array[address] = 0
        else:
            access(address, mask, data, enable=False, clear=True)
    model.close()


@pytest.mark.parametrize("words", [0, DEPTH // 2, DEPTH + 1])
def test_other_sizes_cannot_be_built(words: int) -> None:
    with pytest.raises(ValueError, match=f"{words} words of single-port RAM: a multiple of {DEPTH} is needed"):
        SpRam(words)
