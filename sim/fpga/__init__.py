"""From the circuit to a board's configuration: synthesis, place and route, packing, with the tools from PyPI."""
