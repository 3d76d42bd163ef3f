"""What is around the processor: interconnect, memory controller with the DMA guard, devices, host link, boards."""
