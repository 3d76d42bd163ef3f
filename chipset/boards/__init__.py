"""Top levels: the simulated machine, and boards."""
