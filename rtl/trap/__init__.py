"""Exceptions, interrupts, double faults, shutdown."""
