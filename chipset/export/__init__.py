"""The DMA guard alone, behind buses that others use: AXI4 and Wishbone B4."""
