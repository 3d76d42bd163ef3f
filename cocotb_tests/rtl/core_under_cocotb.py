"""cocotb test of the core alone with real code; ``test_core_icarus.py`` runs it. The program is the file that ``RINGFENCE_IMAGE`` names."""

import os
import struct
from pathlib import Path

import cocotb
from cocotb.triggers import First, RisingEdge, Timer

__all__: list[str] = []

PASSED = 0xF0
LIMIT = 60_000  # cycles
PERIOD = 10  # ns


@cocotb.test()
async def the_program_passes(dut) -> None:
    """From the reset vector to the exit port; the console says what it must."""
    image = Path(os.environ["RINGFENCE_IMAGE"]).read_bytes()
    memory = dut.dut.ram.sim_ram_words
    for number, (word,) in enumerate(struct.iter_unpack("<I", image)):
        if word:
            memory[number].value = word
    dut.rst.value = 1
    await Timer(3 * PERIOD, "ns")
    dut.rst.value = 0
    end = Timer(LIMIT * PERIOD, "ns")
    exited = RisingEdge(dut.exit_valid)
    said = bytearray()
    while True:
        console = RisingEdge(dut.console_valid)
        happened = await First(end, exited, console)
        if happened is not console:
            break
        await Timer(1, "ns")
        said.append(int(dut.console_data.value))
    assert happened is exited, f"the program did not end within {LIMIT} cycles"
    await Timer(1, "ns")
    code = int(dut.exit_data.value)
    assert code == PASSED, f"check {code} failed"
    assert bytes(said) == os.environ["RINGFENCE_SAYS"].encode()
