"""The DMA guard behind standard buses, as others get it."""
