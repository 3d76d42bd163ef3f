"""Implementations that we did not write, as judges: unicorn for single instructions, QEMU for whole programs."""
