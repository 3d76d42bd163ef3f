"""The guard that checks every DMA access against a policy map in main memory (design decision 9)."""
