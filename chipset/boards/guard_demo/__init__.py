"""The DMA guard on a small board: traffic through it and beside it, some of it at closed pages, and a report of what became of it."""
