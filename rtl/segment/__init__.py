"""Segment registers, address generation, limit and rights."""
