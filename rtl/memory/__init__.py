"""Data cache, store buffer, accesses, bus unit."""
