"""Traffic on the way to memory, guarded or not: what measures the DMA guard, in simulation and on a small board."""
