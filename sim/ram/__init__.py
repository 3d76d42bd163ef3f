"""The simulated main memory: ``sim_ram.sv``, a module that a circuit instantiates by name (``sim_ram``, parameter ``WORDS``)."""

from pathlib import Path

__all__ = ["ARRAY_NAME", "SIM_RAM"]

SIM_RAM = Path(__file__).parent / "sim_ram.sv"
ARRAY_NAME = "sim_ram_words"  # of the array in it, by which a Verilator model finds it
