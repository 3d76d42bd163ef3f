"""Micro-op format, assembler, programs and sequencer."""
