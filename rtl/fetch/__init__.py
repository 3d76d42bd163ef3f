"""Prefetch queue, instruction cache and TLB."""
